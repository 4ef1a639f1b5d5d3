"""``fsa experiment`` from its command line, with a script in the place of ``t5x``."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import typer.testing

from fsa_jax.cli import experiments
from fsa_jax.experiments import running
from fsa_jax.experiments.store import Store

# What plays fsa and t5x: data are a folder, a run directory holds answers that follow from seeds.
PROGRAM = """
import json, os, pathlib, sys, time
settings = dict(a[6:].split("=", 1) for a in sys.argv if a.startswith("--gin."))
time.sleep(float(os.environ.get("NAP", "0")))
if not settings:
    sys.exit()
task, tuned = settings["MIXTURE_OR_TASK_NAME"], "finetune.gin" in " ".join(sys.argv)
for seed in eval(settings["RANDOM_SEEDS"]) if tuned else [0]:
    folder = pathlib.Path(settings["MODEL_DIR"])
    folder = folder / f"seed_{seed}" if tuned else folder
    answers = folder / "inference_eval"
    answers.mkdir(parents=True, exist_ok=True)
    good = 3 + 2 * ("INITIAL_CHECKPOINT_PATH" in settings) + seed % 3
    unit = {"target": "soup", "polarity": "positive"}
    if tuned:
        rows = [{"id": str(n), "task": task, "text": "soup", "gold": [unit], "raw": "",
                 "parsed": [unit] if n < good else [], "multiple": n % 2 == 0, "hard": False}
                for n in range(12)]
        (answers / f"{task}-test-000001.jsonl").write_text(
            "".join(json.dumps(row) + "\\n" for row in rows))
        (answers / f"{task}-test-metrics.jsonl").write_text('{"step": 1, "f1": 0}\\n')
    (folder / "checkpoint_1").mkdir(exist_ok=True)
    (folder / "status.json").write_text(json.dumps(
        {"state": "finished", "step": 1, "steps": 1, "reason": ""}))
"""
DECLARED = """
    title: Mine
    baseline: plain
    tasks: [tsa_rest14]
    subsets: [all, multiple]
    seeds: [42, 52]
    world: 100
    systems:
      - {name: plain, size: tiny}
      - {name: distilled, size: tiny, pretraining: distill, teacher: lexicon}
      - {name: LLM, predictions: gpt35}
"""


@pytest.fixture
def call(tmp_path, monkeypatch):
    """``call(words…)`` runs ``fsa experiment`` in a folder that holds ``mine.yaml``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FSA_DATA_DIR", raising=False)
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "mine.yaml").write_text(textwrap.dedent(DECLARED))
    script = [sys.executable, str(tmp_path / "program.py")]
    monkeypatch.setattr(running, "program", lambda name: script)

    def run(*words):
        return typer.testing.CliRunner().invoke(experiments.experiment, [str(w) for w in words])

    return run


def f1_of(folder):
    rows = Store(folder / "experiments" / "results.sqlite").read("mine")
    return {(row.system, row.subset, row.seed): row.value for row in rows if row.metric == "f1"}


def test_list_and_show(call):
    found = call("list")
    assert found.exit_code == 0
    assert "table12" in found.output
    found = call("show", "figure5")
    assert "fraction: 25" in found.output
    assert "draw: per_seed" in found.output


def test_run_fills_the_table_and_goes_on(call, tmp_path):
    assert "waiting" in call("plan", "mine.yaml", "--hardware", "v5e").output
    found = call("run", "mine.yaml")
    assert found.exit_code == 0, found.output
    assert "empty: LLM: no predictions" in found.output
    assert (tmp_path / "experiments/reports/mine/index.html").is_file()
    assert (tmp_path / "experiments/results.parquet").is_file()
    first = f1_of(tmp_path)
    assert len(first) == 2 * 3 * 2  # systems; all, multiple and original; seeds
    again = call("run", "mine.yaml")
    assert (again.exit_code, f1_of(tmp_path)) == (0, first)
    assert "finetune" not in again.output.split("report →")[0].split("system")[0]
    planned = call("plan", "mine.yaml", "--hardware", "here")
    assert "measured here: 3 finished stages" in planned.output
    assert "0.0 hours to go" in planned.output


def test_fine_tuned_weights_can_go_once_they_are_scored(call, tmp_path):
    assert "GiB of disk, 0 with --drop-checkpoints" in call("plan", "mine.yaml").output
    assert call("run", "mine.yaml").exit_code == 0
    whole = f1_of(tmp_path)
    stages = tmp_path / "experiments" / "stages"
    assert len(list(stages.glob("finetune/*/run/*/checkpoint_1"))) == 4
    assert call("run", "mine.yaml", "--drop-checkpoints").exit_code == 0
    assert not list(stages.glob("finetune/*/run/*/checkpoint_1"))
    assert list(stages.glob("pretrain/*/run/checkpoint_1"))
    assert call("run", "mine.yaml").exit_code == 0
    assert f1_of(tmp_path) == whole


def test_rows_of_an_llm_join_when_their_predictions_are_there(call, tmp_path):
    assert call("run", "mine.yaml").exit_code == 0
    folder = tmp_path / "experiments" / "predictions" / "gpt35"
    folder.mkdir(parents=True)
    unit = {"target": "soup", "polarity": "positive"}
    row = {"id": "0", "task": "tsa_rest14", "gold": [unit], "parsed": [unit], "raw": ""}
    (folder / "tsa_rest14-predictions.jsonl").write_text(json.dumps(row) + "\n")
    found = call("report", "mine.yaml")
    assert found.exit_code == 0, found.output
    assert f1_of(tmp_path)["LLM", "all", 0] == 100
    assert "empty: LLM: no sentence of the test set is in this sub-set" in found.output


def test_printed_commands_run_the_stages_one_by_one(call, tmp_path):
    printed = call("run", "mine.yaml", "--print").output
    blocks = [re.findall(r"--only (\S+)", block) for block in printed.split("\n\n")]
    assert [len(block) for block in blocks] == [1, 2, 1]
    assert "it needs data sample world" in str(
        call("run", "mine.yaml", "--only", blocks[1][0]).exception
    )
    for block in blocks:
        for key in block:
            assert call("run", "mine.yaml", "--only", key).exit_code == 0
    assert call("run", "mine.yaml", "--print").output == ""
    assert "no stage has this key" in str(call("run", "mine.yaml", "--only", "x").exception)
    assert call("run", "mine.yaml").exit_code == 0
    assert len(f1_of(tmp_path)) == 12


def test_failed_stages_are_listed_and_end_with_1(call, tmp_path):
    text = (tmp_path / "program.py").read_text()
    broken = "import sys\nif 'distill_lexicon' in ' '.join(sys.argv): sys.exit('error: full')\n"
    (tmp_path / "program.py").write_text(broken + text)
    found = call("run", "mine.yaml")
    assert found.exit_code == 1
    assert "not finished: pretrain tiny distill lexicon anl_rw all R12421: full" in found.output
    assert "which failed" in found.output
    assert {system for system, _, _ in f1_of(tmp_path)} == {"plain"}
    (tmp_path / "program.py").write_text(text)
    assert call("run", "mine.yaml").exit_code == 0
    assert {system for system, _, _ in f1_of(tmp_path)} == {"plain", "distilled"}


DRIVE = """
import sys
from fsa_jax.cli import experiments
from fsa_jax.experiments import running
running.program = lambda name: [sys.executable, "program.py"]
experiments.experiment(["run", "mine.yaml", "--devices", "cpu:2"])
"""


def test_run_killed_at_random_moments_ends_with_the_same_table(call, tmp_path):
    assert call("run", "mine.yaml").exit_code == 0
    whole = f1_of(tmp_path)
    (tmp_path / "experiments").rename(tmp_path / "unkilled")
    environment = os.environ | {"NAP": "0.4", "PYTHONPATH": os.pathsep.join(sys.path)}
    draw = random.Random(1)
    command = [sys.executable, "-c", DRIVE]
    for _ in range(5):
        child = subprocess.Popen(command, cwd=tmp_path, env=environment)
        stages = tmp_path / "experiments" / "stages"
        while not stages.is_dir() and child.poll() is None:
            time.sleep(0.05)  # imports; there is nothing to lose yet
        time.sleep(draw.uniform(0, 1.5))
        child.send_signal(signal.SIGKILL)
        child.wait()
    last = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert last.returncode == 0, last.stderr
    assert f1_of(tmp_path) == whole


REAL = """
    title: Real
    baseline: T5-base
    tasks: [tsa_rest14, tsc_rest14]
    subsets: [all, implicit, multiple]
    defaults: {weights: t5-base, reviews: 100k}
    systems:
      - {name: T5-base}
      - {name: distilled, pretraining: distill, teacher: gpt35}
"""
REAL_RUN = """
from fsa_jax.cli import experiments
experiments.experiment(["run", "real.yaml", "--scale", "tiny"])
"""


@pytest.mark.slow
def test_tiny_scale_trains_for_real_also_when_killed_at_random_moments(tmp_path):
    """The sample world, a pretraining, fine-tunings, zero-shot: every cell filled, twice alike."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    for name in ("FSA_DATA_DIR", "XLA_FLAGS"):  # one device, as users have it
        environment.pop(name, None)
    draw = random.Random(2)
    tables = []
    for name, kills in (("whole", 0), ("killed", 5)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "real.yaml").write_text(textwrap.dedent(REAL))
        command = [sys.executable, "-c", REAL_RUN]
        for number in range(kills):
            child = subprocess.Popen(command, cwd=folder, env=environment)
            time.sleep(draw.uniform(5, 35))
            if number % 2:  # the command that it has begun, too: as when the machine goes down
                subprocess.run(["pkill", "-KILL", "-P", str(child.pid)], check=False)
            child.kill()
            child.wait()
        last = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert last.returncode == 0, last.stderr
        assert "empty:" not in last.stdout
        rows = Store(folder / "experiments/tiny/results.sqlite").read("real")
        tables.append({(r.system, r.task, r.subset, r.seed, r.metric): r.value for r in rows})
    whole, killed = tables
    assert {seed for _, task, _, seed, _ in whole if task == "tsa_rest14"} == {42, 52}
    assert {seed for _, task, _, seed, _ in whole if task == "tsc_rest14"} == {0}
    assert killed == whole

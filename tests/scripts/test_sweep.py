"""The sweep: its plan, what it does about failures, and what it makes of scores."""

import importlib.util
import json
import pathlib
import sys

import pytest

FILE = pathlib.Path(__file__).parents[2] / "scripts" / "sweep.py"
SPEC = importlib.util.spec_from_file_location("fsa_jax_sweep", FILE)
sweep = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = sweep  # its dataclasses look themselves up
SPEC.loader.exec_module(sweep)

SIZES = ["--sizes", "small", "base", "--weights", "w/t5-{size}"]
MIXTURES = ["--mixtures", "none", "distill_x_anl_rw_1k"]
GRID = [*SIZES, *MIXTURES, "--tasks", "tsa_rest14", "--seeds", "42", "52"]


def options_for(folder, *more):
    return sweep.read_options([*GRID, "--output-dir", str(folder), *more])


def test_plan_starts_each_run_where_it_should(tmp_path):
    distillations, fine_tunings = sweep.plan(options_for(tmp_path, "--", "--gin.LOG_PERIOD=7"))
    assert [run.facts["size"] for run in distillations] == ["small", "base"]
    assert len(fine_tunings) == 2 * 2 * 2
    commands = [" ".join(run.command) for run in fine_tunings]
    assert all(command.endswith("--gin.LOG_PERIOD=7") for command in commands)
    assert f"INITIAL_CHECKPOINT_PATH={tmp_path}/base/distill_x_anl_rw_1k/distilled" in commands[-1]
    assert "INITIAL_CHECKPOINT_PATH=w/t5-small" in commands[0]
    assert "--gin_file=models/small.gin" in commands[0]
    assert "RANDOM_SEED=52" in commands[1]


def test_failure_holds_up_only_what_needs_it_and_the_rest_is_kept(tmp_path, monkeypatch, capsys):
    started = []

    def call(command, stdout, stderr):
        started.append(command)
        return int("small/distill" in " ".join(command) and command[2].endswith("anl_rw.gin"))

    monkeypatch.setattr(sweep.subprocess, "call", call)
    distillations, fine_tunings = sweep.plan(options_for(tmp_path))
    runs = [*distillations, *fine_tunings]
    failed = {str(run.folder.relative_to(tmp_path)) for run in sweep.work(runs)}
    names = ("distilled", "tsa_rest14_42", "tsa_rest14_52")
    assert failed == {f"small/distill_x_anl_rw_1k/{name}" for name in names}
    assert len(started) == len(runs) - 2
    assert "failed" in capsys.readouterr().out
    started.clear()
    list(sweep.work(runs))
    assert len(started) == 1  # the failed distillation alone
    changed = sweep.plan(options_for(tmp_path, "--", "--gin.BATCH_SIZE=2"))[1]
    with pytest.raises(SystemExit, match="another command"):
        list(sweep.work(changed))


def test_report_gives_means_over_seeds(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sweep.subprocess, "call", lambda *_, **__: 0)
    options = options_for(tmp_path)
    _, fine_tunings = sweep.plan(options)
    list(sweep.work(fine_tunings))
    for run in fine_tunings:
        folder = run.folder / "inference_eval"
        folder.mkdir()
        f1 = 60.0 if run.facts["seed"] == "42" else 62.0
        row = {"step": 9, "f1": f1, "strict_f1": f1 - 5}
        (folder / "tsa_rest14-test-metrics.jsonl").write_text(json.dumps(row) + "\n")
    sweep.report(sweep.scores(fine_tunings), options)
    assert "61.00 ± 1.41 (2)" in capsys.readouterr().out
    lines = pathlib.Path(tmp_path / "scores.csv").read_text().splitlines()
    assert lines[0] == "size,mixture,task,seed,f1,strict_f1"
    assert len(lines) == 1 + 8
    assert (tmp_path / "scores.png").stat().st_size > 1000

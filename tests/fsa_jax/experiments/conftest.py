"""A small experiment whose commands are scripts: the engine is tested without training anything."""

import dataclasses
import json
import pathlib
import sys
import textwrap

import pytest

from fsa_jax.experiments import collecting, declaration, planning, report, running, scale
from fsa_jax.experiments.running import Runner, Slot
from fsa_jax.experiments.stages import Command
from fsa_jax.experiments.store import Store
from fsa_jax.model.network import T5Config

MODEL = T5Config(128, 16, 2, 8, 32, 1, 1)
SIZES = dict.fromkeys(("tiny", "small", "base", "large", "t5_1_1_base"), MODEL)
SMALL = """
    title: A small experiment
    baseline: plain
    tasks: [tsa_rest14, asa_rest16]
    subsets: [all, implicit]
    seeds: [42, 52]
    world: 100
    defaults: {size: tiny, teacher: lexicon}
    systems:
      - {name: plain, paper: [50.0, 40.0, 60.0, 30.0]}
      - {name: distilled, pretraining: distill, reviews: 1k, paper: [52.0, 44.0, 61.0, 33.0]}
"""

FIGURE = """
    title: Reviews & <sizes>
    baseline: plain
    tasks: [tsa_rest14]
    seeds: [42, 52]
    world: 100
    figure: {reviews: number of reviews}
    defaults: {size: tiny, teacher: lexicon, panel: reviews}
    systems:
      - {name: plain}
      - {name: distilled, pretraining: distill, for_each: {reviews: [1k, 2k]}}
      - {name: nobody, predictions: gpt35, group: "LLMs & co", paper: [61.5]}
"""

# Plays t5x: writes what a run directory holds, with scores that follow from its settings.
T5X = """
import json, os, pathlib, sys, time
settings = dict(a[6:].split("=", 1) for a in sys.argv[1:] if a.startswith("--gin."))
print(" ".join(sys.argv[1:]))
trouble = os.environ.get("TROUBLE", "")
task = settings["MIXTURE_OR_TASK_NAME"]
if trouble and trouble in " ".join(sys.argv):
    sys.exit("error: the disk is full")
time.sleep(float(os.environ.get("NAP", "0")))
def opinions(number, right):
    gold = [{"target": f"word {number}", "polarity": "positive"}]
    if task.startswith("asa"):
        gold = [{"category": f"food {number % 3}", "polarity": "positive"}]
    return gold, gold if right else []
def run(folder, seed):
    folder = pathlib.Path(folder)
    (folder / "train").mkdir(parents=True, exist_ok=True)
    (folder / "train" / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\\n')
    if "finetune" in " ".join(sys.argv):
        answers = folder / "inference_eval"
        answers.mkdir(exist_ok=True)
        good = 4 + ("INITIAL_CHECKPOINT_PATH" in settings) * 3 + seed % 3
        rows = []
        for number in range(10):
            gold, parsed = opinions(number, number < good)
            rows.append({"id": str(number), "task": task, "text": f"word {number} is good",
                         "gold": gold, "parsed": parsed, "raw": "", "implicit": number % 2 == 0,
                         "multiple": False, "hard": False, "reason": None})
        (answers / f"{task}-test-000001.jsonl").write_text(
            "".join(json.dumps(row) + "\\n" for row in rows))
        (answers / f"{task}-test-metrics.jsonl").write_text('{"step": 1, "f1": 0.0}\\n')
    (folder / "status.json").write_text(json.dumps(
        {"state": "finished", "step": 1, "steps": 1, "reason": ""}))
for seed in eval(settings.get("RANDOM_SEEDS", "()")):
    run(settings["MODEL_DIR"] + f"/seed_{seed}", seed)
if "RANDOM_SEEDS" not in settings:
    run(settings["MODEL_DIR"], int(settings.get("RANDOM_SEED", 0)))
"""


@pytest.fixture
def engine(tmp_path):
    macros = frozenset({"TRAIN_STEPS", "BATCH_SIZE", "TASK_FEATURE_LENGTHS", "RANDOM_SEED"})
    folder = tmp_path / "gin"
    folder.mkdir()
    (folder / "x.gin").write_text("")
    kinds = dict.fromkeys(declaration.STAGE_KINDS, macros)
    return planning.Engine(folder, SIZES, kinds, read)


GIN = {
    "distill_anl_rw.gin": {"TRAIN_EPOCHS": 10, "EXAMPLES_PER_BATCH": 100},
    "finetune.gin": {"TRAIN_EPOCHS": 20, "BATCH_SIZE": 16},
    "own.gin": {"TRAIN_STEPS": 7, "BATCH_SIZE": 4, "EVAL_PERIOD": 2, "T5Config.vocab_size": 64},
}


def read(names, settings):
    """What the gin files of the engine and flags bind."""
    found = {key: value for name in names for key, value in GIN.get(name, {}).items()}
    return found | settings


@pytest.fixture
def declare(tmp_path, engine):
    """``declare(text)`` is the experiment that a YAML text declares."""

    def call(text=SMALL, name="small"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(textwrap.dedent(text))
        return declaration.load(str(path), engine.models)

    return call


@pytest.fixture
def make_plan(tmp_path, engine, declare):
    """``make_plan(text)`` is the plan of an experiment whose data need no command."""

    def call(text=SMALL, name="small", at=scale.FULL):
        found = planning.plan(declare(text, name), at, engine, tmp_path / "out")
        return dataclasses.replace(
            found,
            stages=tuple(_without_data(stage) for stage in found.stages),
            answers=tuple(
                dataclasses.replace(a, stage=a.stage and _without_data(a.stage))
                for a in found.answers
            ),
        )

    return call


def _without_data(stage):
    commands = stage.commands
    if stage.kind == "data":
        commands = (Command(("true",)),)
    return dataclasses.replace(
        stage, commands=commands, needs=tuple(_without_data(need) for need in stage.needs)
    )


@pytest.fixture
def t5x(tmp_path, monkeypatch) -> pathlib.Path:
    """Puts a script into the place of ``t5x``; returns the file of the commands it was given."""
    script = tmp_path / "t5x.py"
    script.write_text(T5X)
    program = running.program
    monkeypatch.setattr(
        running,
        "program",
        lambda name: [sys.executable, str(script)] if name == "t5x" else program(name),
    )
    return script


def write_predictions(path: pathlib.Path, task: str, right: int, count: int = 10) -> None:
    """Prediction rows of which the first ``right`` are right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        gold = [{"target": f"word {number}", "polarity": "positive"}]
        rows.append(
            {"id": str(number), "task": task, "text": f"word {number}", "gold": gold}
            | {"parsed": gold if number < right else [], "raw": "", "hard": False}
            | {"implicit": number % 2 == 0, "multiple": False}
        )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def predictions_writer():
    return write_predictions


@pytest.fixture
def filled(make_plan, t5x, tmp_path):
    """A plan whose commands have run, and its store."""
    plan = make_plan()
    store = Store(tmp_path / "results.sqlite")

    def collect(stage):
        for answers in plan.answers:
            if answers.stage is not None and answers.stage.key == stage.key:
                collecting.collect(answers, plan, store)

    runner = Runner(plan.stages, [Slot("one")], collect, lambda line: None)
    assert runner.run() == 0, runner.failed
    return plan, store


@pytest.fixture
def reported(make_plan, t5x, tmp_path):
    def call(declared=FIGURE):
        plan, store = make_plan(declared), Store(tmp_path / "results.sqlite")

        def collect(stage):
            for answers in plan.answers:
                if answers.stage is not None and answers.stage.key == stage.key:
                    collecting.collect(answers, plan, store)

        assert Runner(plan.stages, [Slot("one")], collect, lambda line: None).run() == 0
        return report.write_reports(plan, store, tmp_path / "report")

    return call

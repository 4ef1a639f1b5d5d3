"""Students' and LLMs' prediction rows are about the same questions, so that they pair up.

And so they stand side by side: in one call of ``fsa score``, and in the tables of experiments.
"""

import csv
import json
import pathlib
import statistics

import pytest
import seqio
import typer.testing

import tasks  # noqa: F401 - registers the tasks
from fsa_jax.cli import experiments
from fsa_jax.experiments import collecting
from fsa_jax.experiments.store import Store
from fsa_jax.opinions.data_sets import SEEDS
from fsa_jax.opinions.questions import CLASSIFICATIONS, data_set_of
from fsa_jax.opinions.scoring.counts import metrics
from fsa_jax.opinions.scoring.files import score_paths
from generation import run
from generation.evaluation import asking, in_context, runs
from generation.prompting import LabelPrompt
from generation.run_folder import RunFolder
from generation.teachers import factory
from generation.teachers.base import Answer
from generation.teachers.label_scores import LabelScore, to_response
from generation.world.sample import write_sample

SHARED = ("id", "task", "text", "gold", "implicit", "multiple", "hard")
NAMES = ("tsa_rest14", "tsa_laptop14", "asa_rest16", "asa_laptop16", *CLASSIFICATIONS)
# Sentences, units, then both again for what is implicit and for several polarities (table 2).
PUBLISHED = {
    "tsa_rest14": (1140, 1517, 477, 701, 189, 451),
    "tsa_laptop14": (1037, 944, 345, 492, 99, 222),
    "asa_rest16": (1016, 1255, 484, 653, 146, 325),
    "asa_laptop16": (1045, 1183, 462, 706, 94, 222),
}


def students_rows(name, split):
    task = seqio.get_mixture_or_task(name)
    examples = list(task.get_dataset(split=split, shuffle=False).as_numpy_iterator())
    if name in CLASSIFICATIONS:
        targets = [task.postprocess_fn("", example=e, is_target=True) for e in examples]
        (metric,) = task.score_metric_fns
        return metric.prediction_rows(targets, [0.0] * len(targets))
    return [task.postprocess_fn("", example=e, is_target=False) for e in examples]


def llms_rows(name, split, root, folder):
    """The rows of a run that was stopped before its first answer."""
    asked = asking.ask(name, split, root)
    prompt = in_context.make_prompt(name, [], 0, seed=0)
    spec, _ = factory.describe(factory.Choice(teacher="gpt35"))
    found = RunFolder(folder / f"{name}-{split}")
    found.path.mkdir(exist_ok=True)
    found.shard(0, 1).ledger.touch()
    path = asking.write_predictions(name, asked, prompt, spec, found)
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def shared(rows):
    """The fields that both sides write, as JSON has them."""
    return json.loads(json.dumps([{name: row.get(name) for name in SHARED} for row in rows]))


@pytest.fixture(autouse=True)
def _vocabulary(vocabulary_file, monkeypatch):
    monkeypatch.setenv("FSA_VOCABULARY", str(vocabulary_file))


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, seed=3, reviews=5)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_the_sample_world(name, sample, tmp_path, monkeypatch):
    monkeypatch.setenv("FSA_DATA_DIR", str(sample))
    for split in ("test", "validation"):
        mine = shared(students_rows(name, split))
        assert mine == shared(llms_rows(name, split, sample, tmp_path))
        assert len(mine) > 100


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_the_benchmark(name, real_data, tmp_path, monkeypatch):
    monkeypatch.setenv("FSA_DATA_DIR", str(real_data))
    mine = shared(students_rows(name, "test"))
    assert mine == shared(llms_rows(name, "test", pathlib.Path(real_data), tmp_path))
    counts = []
    for rows in (mine, [r for r in mine if r["implicit"]], [r for r in mine if r["multiple"]]):
        counts += [len(rows), sum(len(row["gold"]) for row in rows)]
    if name in PUBLISHED:
        assert tuple(counts) == PUBLISHED[name]
    else:
        units = PUBLISHED[CLASSIFICATIONS[name].data_set][1::2]
        assert tuple(counts) == tuple(number for number in units for _ in range(2))
    assert data_set_of(name).domain in ("restaurant", "laptop")


# ---------------------------------------------------------------------- side by side


class Oracle:
    """An LLM that answers right where a question's number is no multiple of ``every``."""

    def __init__(self, asked, spec, every):
        self.spec = spec
        self._asked = {question.id: question for question in asked}
        self._wrong = {question.id for question in asked[::every]}

    def check(self):
        """Nothing can be missing."""

    def answers(self, requests):
        for request in requests:
            gold = self._asked[request.review.review_id].gold
            right = request.review.review_id not in self._wrong
            if isinstance(request.prompt, LabelPrompt):
                told = {
                    label: LabelScore(-1.0 - ((label == gold[0]["polarity"]) != right), 1)
                    for label in request.prompt.labels
                }
                said = to_response(told)
            else:
                (field,) = set(gold[0]) & {"target", "category"} if gold else ("",)
                said = str([(unit[field], unit["polarity"]) for unit in gold] if right else [])
            yield Answer(request, said, finish_reason="stop")

    def close(self):
        """Nothing is held."""


def ask_oracle(task, root, folder, every, seeds):
    """Lets the oracle answer as `fsa evaluate` does; returns the predictions."""
    scored = task in CLASSIFICATIONS
    choice = factory.Choice("llama2_7b", by_probability=scored)
    spec, _ = factory.describe(choice)
    benchmark = runs.Benchmark((task,), "test", root, seeds=seeds)
    found = []
    for each in runs.plan(benchmark, folder, by_probability=scored):
        progress = run.generate(each.options({}), Oracle(each.asked, spec, every))
        assert (progress.left, progress.statuses) == (0, {"ok": len(each.asked)})
        found.append(each.write(spec, per_token=False))
    return found


def write_student(stage, task):
    """Writes what `t5x` leaves of a student who finds the first label word the best, or nothing."""
    rows = students_rows(task, "test")
    for seed, directory in stage.run_directories.items():
        directory.write_manifest({"seed": seed, "best_metric": None})
        directory.write_evaluation(f"{task}-test", 1, {}, rows)


@pytest.mark.parametrize(
    ("name", "task", "folder", "llm", "seeds", "seeds_of_student"),
    [
        ("table5", "tsc_rest14", "zero_shot", "Llama-2-7b", (0,), (0,)),
        ("table4", "asa_rest16", "in_context", "Llama-2-7b in context", (42, 52), SEEDS),
    ],
)
def test_students_and_llms_stand_side_by_side(
    name, task, folder, llm, seeds, seeds_of_student, sample, tmp_path, monkeypatch
):
    student = "T5-base"
    monkeypatch.setenv("FSA_DATA_DIR", str(sample))
    out = tmp_path / "out"
    files = ask_oracle(task, sample, out / "predictions/llama2_7b" / folder, 4, seeds)
    plan = experiments._plan(name, "full", out, tmp_path / "weights")
    (mine,) = (a for a in plan.answers if (a.system.name, a.task) == (student, task))
    write_student(mine.stage, task)
    assert collecting.collect(mine, plan, Store(out / "results.sqlite"))
    done = typer.testing.CliRunner().invoke(
        experiments.experiment, ["report", name, "--output-dir", str(out)]
    )
    assert done.exit_code == 0, done.output
    rows = {}
    for row in Store(out / "results.sqlite").read(name):
        if (row.task, row.subset, row.metric) == (task, "all", "f1"):
            rows.setdefault(row.system, {})[row.seed] = row.value
    # Seeds are the same numbers on both sides, so that they can be compared seed by seed.
    assert {name: tuple(values) for name, values in rows.items()} == {
        student: seeds_of_student,
        llm: seeds,
    }
    # One call scores both, and tells the same.
    for system, path in ((student, mine.stage.folder / "run"), (llm, files[0].parent)):
        scored = score_paths([path])[task]
        found = [metrics(each.sums())["f1"] for each in scored]
        assert found == pytest.approx(list(rows[system].values())[: len(found)])
    assert min(rows[llm].values()) > 60 > max(rows[student].values())
    with (out / "reports" / name / "table.csv").open() as stream:
        shown = {
            row["system"]: float(row["mean"])
            for row in csv.DictReader(stream)
            if (row["task"], row["subset"]) == (task, "all") and row["mean"]
        }
    means = {system: statistics.fmean(values.values()) for system, values in rows.items()}
    assert shown == pytest.approx(means)

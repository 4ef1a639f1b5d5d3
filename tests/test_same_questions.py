"""Students' and LLMs' prediction rows are about the same questions, so that they pair up."""

import json
import pathlib

import pytest
import seqio

import tasks  # noqa: F401 - registers the tasks
from fsa_jax.opinions.questions import CLASSIFICATIONS, data_set_of
from generation import run
from generation.evaluation import in_context
from generation.teachers import factory
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
    asked = in_context.ask(name, split, root)
    prompt = in_context.make_prompt(name, [], 0, seed=0)
    spec, _ = factory.describe(factory.Choice(teacher="gpt35"))
    options = run.Options(folder / "questions.jsonl", folder / f"{name}-{split}", (prompt,))
    in_context.write_questions(name, asked, options.reviews)
    options.folder.mkdir(exist_ok=True)
    options.files.ledger.touch()
    path = in_context.write_predictions(name, asked, prompt, spec, options)
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

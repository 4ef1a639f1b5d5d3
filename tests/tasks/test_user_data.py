import json

import gin
import pytest
import seqio

import tasks
from tasks import user_data

ROWS = [
    ("1", "The terrace is zugig .", [("terrace", "PLACE#OUTSIDE", "mixed")]),
    ("2", "Nothing here .", []),
]


@pytest.fixture
def file(data_dir):
    path = data_dir / "mine.jsonl"
    lines = [
        json.dumps(
            {
                "id": name,
                "text": text,
                "opinions": [
                    {"target": target, "category": category, "polarity": polarity}
                    for target, category, polarity in opinions
                ],
            }
        )
        for name, text, opinions in ROWS
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def spec(file, name="my_data", **changes):
    values = {
        "kind": "tsa",
        "files": {"train": str(file), "test": str(file)},
        "polarities": ("mixed", "clear"),
    }
    return user_data.Spec(name, **(values | changes))


def test_a_registered_benchmark_is_a_task_after_the_next_import(file):
    path = user_data.save_spec(spec(file, "mine_one"))
    assert path.parent.name == "benchmarks"
    user_data.register()
    task = seqio.get_mixture_or_task("mine_one")
    assert task.splits == ("train", "test")
    example, _ = task.get_dataset(split="train", shuffle=False).as_numpy_iterator()
    assert example["targets_pretokenized"] == b"terrace | mixed"
    row = task.postprocess_fn("terrace | mixed", example=example)
    assert row["reason"] == ""
    assert task.postprocess_fn("terrace | positive", example=example)["unparsed"]
    (metric,) = task.predict_metric_fns
    assert metric([row["gold"]], [row])["f1"] == 100


def test_names_are_taken_once(file):
    user_data.save_spec(spec(file, "mine_two"))
    with pytest.raises(FileExistsError, match=r"mine_two.json exists: .*--overwrite"):
        user_data.save_spec(spec(file, "mine_two"))
    user_data.save_spec(spec(file, "mine_two"), overwrite=True)
    with pytest.raises(FileExistsError, match="tsa_rest14 is a task of the project"):
        user_data.save_spec(spec(file, "tsa_rest14"))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"name": "my-data"}, "letters, digits and _"),
        ({"kind": "ner"}, "kind 'ner': one of tsa, asa, quad"),
        ({"files": {}}, "some of train, validation, test"),
        ({"files": {"dev": "x"}}, "some of train, validation, test"),
        ({"polarities": ("Good",)}, "polarity 'Good': lower case"),
        ({"polarities": ("a|b",)}, "without ; and |"),
        ({"categories": ("a;b",)}, "no ; and no |"),
    ],
)
def test_what_cannot_be_a_task_is_said(file, changes, complaint):
    with pytest.raises(ValueError, match=complaint.replace("|", r"\|")):
        spec(file, **changes)


def test_labels_outside_the_own_sets_are_named_with_their_line(file):
    with pytest.raises(ValueError, match=r"mine.jsonl:1: \[1\] unknown polarity 'mixed'"):
        spec(file, polarities=("positive",)).read("train")
    with pytest.raises(ValueError, match=r"mine.jsonl:1: .*'PLACE#OUTSIDE' is outside"):
        spec(file, kind="asa", categories=("PLACE#INSIDE",)).read("train")
    rows = spec(file, kind="asa", categories=("place outside",)).read("train")
    assert rows[0]["targets"] == "place outside | mixed"


def test_one_gin_file_is_enough(file, tmp_path):
    path = tmp_path / "mine.gin"
    path.write_text(
        f"""
from __gin__ import dynamic_registration
import tasks

MIXTURE_OR_TASK_NAME = @tasks.user_benchmark()
tasks.user_benchmark.name = 'my_gin_data'
tasks.user_benchmark.kind = 'tsa'
tasks.user_benchmark.train = '{file}'
tasks.user_benchmark.polarities = ['mixed', 'clear']
"""
    )
    try:
        gin.parse_config_file(str(path))
        name = gin.query_parameter("%MIXTURE_OR_TASK_NAME").scoped_configurable_fn()
    finally:
        gin.clear_config()
    assert name == "my_gin_data"
    assert seqio.get_mixture_or_task(name).num_input_examples("train") == 2
    again = tasks.user_benchmark(name, "tsa", str(file), polarities=["mixed", "clear"])
    assert again == name
    with pytest.raises(ValueError, match="another task my_gin_data"):
        tasks.user_benchmark(name, "asa", str(file))


def test_a_broken_registration_is_named(data_dir):
    folder = data_dir / "benchmarks"
    folder.mkdir()
    (folder / "broken_one.json").write_text('{"name": 1}')
    user_data.register()
    with pytest.raises(ValueError, match=r"broken_one.json is no registered benchmark"):
        seqio.get_mixture_or_task("broken_one").num_input_examples("train")

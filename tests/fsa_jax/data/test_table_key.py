"""Whatever decides the tokens of a split is in the key of its table, or there is none."""

import functools
import importlib
import json
import sys

import pytest
import seqio
import tensorflow as tf

from fsa_jax.data import table_key
from tasks.features import OUTPUT_FEATURES, RowsSource, deterministic, preprocessors
from tasks.vocabulary import get_vocabulary

LENGTHS = {"inputs": 32, "targets": 48}


@deterministic
def upper(dataset, features=("inputs",)):
    return dataset.map(lambda example: example | {f: example[f] for f in features})


def task_of(steps=(), lengths=None, features=OUTPUT_FEATURES, name="keyed", text="wine"):
    source = RowsSource(lambda split: [{"inputs": text, "targets": split}], ("train", "test"))
    steps = [*steps, *preprocessors(lengths)]
    return seqio.Task(name, source, features, steps)


def key(task, split="train", lengths=LENGTHS, use_cached=False):
    found = table_key.facts([task], split, lengths, use_cached)
    assert json.loads(json.dumps(found)) == found
    return found


def test_equal_tasks_have_equal_keys_in_every_process(data_dir):
    assert key(task_of([upper])) == key(task_of([upper]))
    assert " at 0x" not in json.dumps(key(task_of([functools.partial(upper, features=("a",))])))


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "other"},
        {"text": "beer"},
        {"lengths": {"inputs": 7}},
        {"steps": [upper]},
        {"steps": [functools.partial(upper, features=("targets",))]},
    ],
)
def test_another_task_has_another_key(data_dir, changed):
    known = [key(task_of()), key(task_of([functools.partial(upper, features=("inputs",))]))]
    assert key(task_of(**changed)) not in known


def test_another_split_or_length_has_another_key(data_dir):
    task = task_of()
    keys = [
        key(task),
        key(task, split="test"),
        key(task, lengths={**LENGTHS, "inputs": 33}),
        key(task, lengths={**LENGTHS, "inputs": None}),
    ]
    assert all(one not in keys[:i] for i, one in enumerate(keys))


def test_another_model_behind_the_same_name_has_another_key(data_dir, vocabulary_file, tmp_path):
    model = vocabulary_file.read_bytes()
    keys = []
    for folder, last in (("a", b""), ("b", b"\x2a\x00")):  # an empty message more changes no piece
        path = tmp_path / folder / "small.model"
        path.parent.mkdir()
        path.write_bytes(model + last)
        vocabulary = get_vocabulary(str(path))
        feature = seqio.Feature(vocabulary, dtype=tf.int32)
        keys.append(key(task_of(features={"inputs": feature, "targets": feature})))
    assert keys[0] != keys[1]


def test_a_change_in_the_code_of_a_step_has_another_key(data_dir, tmp_path, monkeypatch):
    package = tmp_path / "steps_of_mine"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "steps.py").write_text(
        "from steps_of_mine import words\n"
        "def step(dataset):\n    return dataset.map(words.change)\n"
        "step.deterministic = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    keys = []
    for result in ("example", "dict(example)"):
        (package / "words.py").write_text(f"def change(example):\n    return {result}\n")
        for name in [name for name in sys.modules if name.startswith("steps_of_mine")]:
            del sys.modules[name]
        table_key._sources.cache_clear()
        keys.append(key(task_of([importlib.import_module("steps_of_mine.steps").step])))
    assert keys[0]["tasks"] == keys[1]["tasks"]
    assert keys[0]["code"] != keys[1]["code"]


def unmarked(dataset):
    return dataset


def test_what_could_change_unseen_has_no_key(data_dir):
    passed = seqio.Feature(seqio.PassThroughVocabulary(10), dtype=tf.int32)
    read = lambda split, shuffle_files, seed=None: tf.data.Dataset.range(1)  # noqa: E731
    unseen = {
        "step unmarked of keyed is not marked": task_of([unmarked]),
        "settings without a name": task_of([functools.partial(upper, features=unmarked)]),
        "the source of plain has no fingerprint": seqio.Task(
            "plain", seqio.FunctionDataSource(read, splits=("train",)), OUTPUT_FEATURES
        ),
        "a vocabulary of keyed is no Sent": task_of(features={"inputs": passed, "targets": passed}),
    }
    for reason, task in unseen.items():
        with pytest.raises(table_key.UnknownInputError, match=reason):
            key(task)


def test_the_files_of_the_cache_count_where_it_is_read(data_dir, tmp_path, monkeypatch):
    task = task_of()
    folder = tmp_path / "cached"
    folder.mkdir()
    shard = folder / "train.tfrecord-00000-of-00001"
    shard.write_bytes(b"one")
    monkeypatch.setattr(task, "_cache_dir", str(folder))
    before = key(task, use_cached=True)
    assert before["tasks"][0]["data"] != key(task)["tasks"][0]["data"]
    shard.write_bytes(b"two")
    assert key(task, use_cached=True) != before

"""Answers to every example of a task, as T5X's infer lays them down."""

import json

import echo
import pytest

from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.student.infer import infer


def test_every_example_has_its_answer_in_order(trained, tmp_path):
    run, task = trained
    lines = []
    decoding = DecodingConfig(max_length=8, batch_size=4)
    infer(echo.MODEL, task, str(run), str(tmp_path), "test", decoding, say=lines.append)
    path = tmp_path / f"{task}-predict.jsonl-00000-of-00001"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    inputs = [example["inputs"].decode() for example in echo.examples("test").as_numpy_iterator()]
    assert [row["inputs"]["inputs_pretokenized"] for row in rows] == inputs
    assert all(isinstance(row["prediction"], str) for row in rows)
    assert lines[-1] == f"8 answers to {task} test → {path}"


def test_a_split_that_is_not_there_is_told_first(trained, tmp_path):
    _, task = trained
    with pytest.raises(ValueError, match=r"no split 'tests'.*did you mean test\?|INFER_SPLIT"):
        infer(echo.MODEL, task, str(tmp_path / "nowhere"), str(tmp_path / "out"), "tests")
    assert not (tmp_path / "out").exists()

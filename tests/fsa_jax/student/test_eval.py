"""Scores of a finished student are those that training ended with, and lie where was asked."""

import json

import echo
import pytest

from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.student.eval import evaluate_checkpoint

DECODING = DecodingConfig(max_length=8)


def test_scores_are_those_of_the_runs_own_end(trained, tmp_path):
    run, task = trained
    out, lines = tmp_path / "scores", []
    found = evaluate_checkpoint(
        echo.MODEL, task, str(run), str(out), ("test", "other"), DECODING, say=lines.append
    )
    folder = run.path / "inference_eval"
    own = json.loads((folder / f"{task}-test-metrics.jsonl").read_text().splitlines()[-1])
    assert list(found) == [f"{task}/test"]  # of the splits, those that the task has
    assert found[f"{task}/test"]["f1"] == own["f1"]
    name = f"{task}-test-{run.best_step():06}.jsonl"
    written = (out / "inference_eval" / name).read_text()
    assert written == (folder / name).read_text()
    assert any("f1" in line and name in line for line in lines)


def test_another_step_is_another_file(trained, tmp_path):
    run, task = trained
    for step in (3, 6):
        evaluate_checkpoint(
            echo.MODEL, task, str(run), str(tmp_path), ("test",), DECODING, step, say=print
        )
    names = {path.name for path in (tmp_path / "inference_eval").glob("*-test-0*.jsonl")}
    assert names == {f"{task}-test-000003.jsonl", f"{task}-test-000006.jsonl"}


def test_splits_are_checked_before_the_student_is_read(trained, tmp_path):
    _, task = trained
    with pytest.raises(ValueError, match=r"has none of the splits hard of EVAL_SPLITS"):
        evaluate_checkpoint(echo.MODEL, task, str(tmp_path / "nowhere"), str(tmp_path), ("hard",))

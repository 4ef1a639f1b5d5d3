"""Scores of a finished student are those that training ended with, and lie where was asked."""

import json
import shutil

import echo
import pytest

from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.opinions.scoring.sources import describe, find_sources
from fsa_jax.runtime.run_directory import RunDirectory
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


@pytest.fixture
def twin(trained, tmp_path):
    """The same run with another seed."""
    copy = RunDirectory(tmp_path / "twin")
    shutil.copytree(trained[0].path, copy.path)
    copy.write_manifest(copy.manifest() | {"seed": 8})
    return copy


def test_scores_in_folders_of_their_own_tell_their_seeds(trained, twin, tmp_path):
    run, task = trained
    for number, one in enumerate((run, twin)):
        folder = str(tmp_path / "scores" / f"seed_{number}")
        evaluate_checkpoint(echo.MODEL, task, str(one), folder, ("test",), DECODING, say=print)
        assert RunDirectory(folder).manifest()["evaluated"] == str(one)
    step = run.best_step()
    told = f"seeds by the runs' manifests: 7 (step {step}), 8 (step {step})"
    assert describe(find_sources([tmp_path / "scores"])) == told


def test_the_manifest_of_scores_is_the_last_students_but_a_runs_own_stays(trained, twin, tmp_path):
    run, task = trained
    scores, kept = RunDirectory(tmp_path / "scores"), twin.manifest()
    for one, folder in ((run, scores), (twin, scores), (run, twin)):
        evaluate_checkpoint(echo.MODEL, task, str(one), str(folder), ("test",), DECODING, say=print)
    assert scores.manifest()["seed"] == 8
    assert twin.manifest() == kept

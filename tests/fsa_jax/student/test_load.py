"""A finished student is its run's: size, task, best checkpoint; what is missing is told."""

import dataclasses
import json
import shutil

import echo
import jax
import numpy as np
import pytest

from fsa_jax.runtime.run_directory import RunDirectory
from fsa_jax.student.export import export_hf
from fsa_jax.student.load import load


def arrays(student):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(student.params)]


def test_a_run_tells_all_that_is_needed(trained):
    run, task = trained
    lines = []
    student = load(str(run), say=lines.append)
    assert student.config == echo.MODEL
    assert student.task.name == task
    assert student.vocabulary == echo.VOCABULARY
    assert student.facts["seed"] == 7
    assert student.step == run.best_step()
    assert f"checkpoint_{student.step}" in lines[-1]
    assert "best" in lines[-1]


def test_a_step_or_a_checkpoint_that_is_named_is_taken(trained):
    run, _ = trained
    of_step = {step: load(str(run), step=step, say=print) for step in (3, 6)}
    assert [of_step[step].step for step in (3, 6)] == [3, 6]
    named = load(str(run.path / "checkpoint_3"), say=print)
    for one, other in zip(arrays(named), arrays(of_step[3]), strict=True):
        np.testing.assert_array_equal(one, other)
    differs = [(a != b).any() for a, b in zip(arrays(named), arrays(of_step[6]), strict=True)]
    assert all(differs)
    with pytest.raises(FileNotFoundError, match="no checkpoint of step 4; of 3, 6"):
        load(str(run), step=4)


def test_a_finished_student_drops_nothing_out(trained, tmp_path):
    run, _ = trained
    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    facts = json.loads((copy / "manifest.json").read_text())
    facts["model"]["dropout_rate"] = 0.1
    (copy / "manifest.json").write_text(json.dumps(facts))
    assert load(str(copy), say=print).config.dropout_rate == 0


def test_what_the_run_does_not_tell_is_asked_for(trained, tmp_path):
    run, task = trained
    lone = tmp_path / "checkpoint_3"
    shutil.copytree(run.path / "checkpoint_3", lone)
    with pytest.raises(ValueError, match="does not tell its task: give --task"):
        load(str(lone))
    with pytest.raises(ValueError, match=r"lacks the run's manifest\.json"):
        load(str(lone), task)
    assert load(str(lone), task, model=echo.MODEL, say=print).step == 3
    with pytest.raises(ValueError, match=f"did you mean {task}"):
        load(str(run), task + "s")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(str(tmp_path / "nowhere"), task)


def test_another_model_is_refused(trained):
    run, _ = trained
    wide = dataclasses.replace(echo.MODEL, emb_dim=32)
    with pytest.raises(ValueError, match="another model than MODEL"):
        load(str(run), model=wide, say=print)


def test_a_hugging_face_folder_needs_its_task_alone(student, tmp_path):
    folder = export_hf(student, tmp_path / "hf", overwrite=False)
    again = load(str(folder), "tsa_rest14", say=print)
    assert (again.step, again.facts) == (0, {})
    assert again.config == student.config
    for one, other in zip(arrays(student), arrays(again), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="give --task"):
        load(str(folder))
    with pytest.raises(ValueError, match=r"step 7: .* holds but one"):
        load(str(folder), "tsa_rest14", step=7)


def test_what_is_not_there_is_told_before_its_task_is_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        load(str(tmp_path / "nowhere"), module="nothing.to.import")


def test_a_run_on_a_task_that_a_gin_file_made_says_what_to_give(trained, tmp_path):
    run, task = trained
    copy = RunDirectory(tmp_path / "run")
    shutil.copytree(run.path, copy.path)
    copy.write_manifest(copy.manifest() | {"mixture_or_task_name": "distill_mine_rw"})
    told = (
        f"{copy} was trained on distill_mine_rw, which is not registered here: give --task .*--mod"
    )
    with pytest.raises(ValueError, match=told):
        load(str(copy))
    assert load(str(copy), task, say=print).task.name == task
    with echo.registered("distill_mine_rw"):
        assert load(str(copy), say=print).task.name == "distill_mine_rw"

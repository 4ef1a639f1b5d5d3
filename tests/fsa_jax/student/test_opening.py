"""A student is opened by its run's own words, and refused in one line where it cannot answer."""

import dataclasses

import jax
import pytest
import seqio

import fsa_jax
import tasks  # noqa: F401 - registers them
from fsa_jax.data.providers import get_provider
from fsa_jax.runtime.run_directory import RunDirectory, Status
from fsa_jax.student import load
from fsa_jax.student.opening import open_predictor, open_predictors


def test_three_lines_load_and_answer(trained):
    run, _ = trained
    student = fsa_jax.load(str(run), max_length=6)
    [answer] = student.predict(["good 1"])
    assert set(answer) == {"parsed", "raw"}
    assert isinstance(jax.tree.leaves(student.student.params)[0], jax.Array)


def test_a_run_that_is_not_finished_is_refused(trained, tmp_path):
    run, _ = trained
    before = run.status()
    run.write_status(Status("stopped", 3, 6))
    try:
        with pytest.raises(ValueError, match=r"not finished \(stopped at step 3 of 6\).*--step"):
            open_predictor(str(run))
        assert open_predictor(str(run), step=3, say=lambda line: None).student.step == 3
    finally:
        run.write_status(before)


def test_a_task_that_was_not_learnt_is_refused(trained):
    run, task = trained
    message = rf"has not learnt tsa_rest14 \(tsa\): it was trained on {task}"
    with pytest.raises(ValueError, match=message):
        open_predictor(str(run), "tsa_rest14")


@pytest.fixture
def mixed(student, monkeypatch, tmp_path):
    """A folder whose student was trained on analyses and rewritings, and how often it was read."""
    run, reads = RunDirectory(tmp_path / "run"), []
    run.write_manifest({"mixture_or_task_name": "distill_lexicon_anl_rw"})

    def read(checkpoint, task, **options):
        reads.append(task)
        asked_for = get_provider(task or "distill_lexicon_anl_rw")
        return dataclasses.replace(student, task=asked_for)

    monkeypatch.setattr(load, "load", read)
    return str(run), reads


def test_a_mixture_is_read_once_and_asked_for_each_of_its_forms(mixed):
    checkpoint, reads = mixed
    found = open_predictors(checkpoint)
    assert {name: one.student.task.name for name, one in found.items()} == {
        "anl": "understanding_lexicon_anl_laptop",
        "rw": "understanding_lexicon_rw_laptop",
    }
    assert len(reads) == 1
    [one] = {id(predictor.student.params) for predictor in found.values()}
    assert one
    assert open_predictor(checkpoint, "distill_lexicon_rw").form.name == "rw"


def test_a_mixture_of_which_nothing_is_chosen_is_refused_unread(mixed):
    checkpoint, reads = mixed
    with pytest.raises(ValueError, match=r"several things.*\(anl\) or .*\(rw\), as --task"):
        open_predictor(checkpoint)
    with pytest.raises(ValueError, match="has not learnt tsa_rest14"):
        open_predictors(checkpoint, "tsa_rest14")
    assert reads == []


def test_tasks_that_ask_alike_are_noted(mixed):
    checkpoint, _ = mixed
    RunDirectory(checkpoint).write_manifest({"mixture_or_task_name": ""})
    seqio.MixtureRegistry.add("tsa_and_asa", ["tsa_rest14", "asa_rest16"], default_rate=1.0)
    said = []
    try:
        found = open_predictors(checkpoint, "tsa_and_asa", say=said.append)
    finally:
        seqio.MixtureRegistry.remove("tsa_and_asa")
    assert list(found) == ["asa", "tsa"]
    assert "asa_rest16 and tsa_rest14 ask by the text alone" in said[0]

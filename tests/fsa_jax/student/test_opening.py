"""A student is opened by its run's own words, and refused in one line where it cannot answer."""

import jax
import pytest

import fsa_jax
import tasks  # noqa: F401 - registers them
from fsa_jax.runtime.run_directory import Status
from fsa_jax.student.opening import open_predictor


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

"""Opening a student for own text: what it has learnt is asked of its run, not of the user."""

import importlib
from collections.abc import Callable

from fsa_jax.data.providers import get_provider
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.runtime.run_directory import Status, absolute, is_checkpoint, run_of
from fsa_jax.student import calibration, load
from fsa_jax.student.predict import Predictor, forms_of


def open_predictor(
    checkpoint: str,
    task: str | None = None,
    *,
    step: int | None = None,
    module: str | None = None,
    decoding: DecodingConfig | None = None,
    calibrated: bool = True,
    say: Callable[[str], object] = load.to_stderr,
) -> Predictor:
    """Reads a student that answers own text.

    Args:
        checkpoint: Run directory, checkpoint, or Hugging Face folder.
        task: What to ask for, a registered SeqIO name; None for what the run was trained on.
        step: Which checkpoint of a run; None for the best where the run kept one, else the latest.
        module: What to import so that the task is registered; None where it is already.
        decoding: How to decode.
        calibrated: Whether to use the run's calibration, where it has one.
        say: Gets a line that tells what was read.

    Raises:
        FileNotFoundError: There is no student.
        ValueError: The run is not finished, or was not trained on such a task.
    """
    if module:
        importlib.import_module(module)
    run = run_of(checkpoint)
    if step is None and not is_checkpoint(absolute(checkpoint)):
        _check_finished(checkpoint, run.status())
    if task:
        _check_task(checkpoint, task, str(run.manifest().get("mixture_or_task_name", "")))
    student = load.load(checkpoint, task, step=step, say=say)
    predictor = Predictor(student, decoding)
    if calibrated:
        found = calibration.read(run, predictor.form.name, student.step, say)
        if found is not None:
            predictor = Predictor(student, decoding, found)
            say(f"confidence calibrated by {run.path / calibration.FILE}")
    return predictor


def _check_finished(checkpoint: str, status: Status | None) -> None:
    """Refuses a run that did not come to its end, whose best checkpoint may be yet to come."""
    if status is not None and status.state != "finished":
        raise ValueError(
            f"{checkpoint} is not finished ({status.state} at step {status.step} of "
            f"{status.steps}): go on with its own command, or name a checkpoint as --step"
        )


def _check_task(checkpoint: str, task: str, trained_on: str) -> None:
    """Refuses a task whose form of answers a run has not learnt.

    Labels of given targets are scored, not written: every student can be asked for them (table 5).
    """
    asked = [form for form in forms_of(get_provider(task)).values() if not form.labels]
    try:
        known = forms_of(get_provider(trained_on)) if trained_on else {}
    except ValueError:  # made by a gin file, and not registered here
        return
    names = {form.name for form in known.values()}
    for form in asked:
        if names and form.name not in names:
            raise ValueError(
                f"{checkpoint} has not learnt {task} ({form.name}): it was trained on "
                f"{', '.join(known)} ({', '.join(sorted(names))})"
            )

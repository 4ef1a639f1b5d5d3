"""Opening a student for own text: what it has learnt is asked of its run, not of the user."""

import dataclasses
import importlib
from collections.abc import Callable

from fsa_jax.data.providers import get_provider
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.runtime.run_directory import RunDirectory, Status, absolute, is_checkpoint, run_of
from fsa_jax.student import calibration, forms, load
from fsa_jax.student.predict import Predictor


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
        ValueError: The run is not finished, or was not trained on such a task, or was trained on
            several of which one has to be chosen.
    """
    student = _read(checkpoint, task, step, module, say, is_one=True)
    return _predictor(student, run_of(checkpoint), decoding, calibrated, say)


def open_predictors(
    checkpoint: str,
    task: str | None = None,
    *,
    module: str | None = None,
    decoding: DecodingConfig | None = None,
    say: Callable[[str], object] = load.to_stderr,
) -> dict[str, Predictor]:
    """Reads a student once, to be asked for everything that its mixture holds.

    Args:
        checkpoint: As in ``open_predictor``, and so are the others.
        task: See there.
        module: See there.
        decoding: See there.
        say: See there.

    Returns:
        A predictor for each form of answers, by the form's name (of forms of one name, by their
        tasks).

    Raises:
        FileNotFoundError: See ``open_predictor``.
        ValueError: See ``open_predictor``.
    """
    student = _read(checkpoint, task, None, module, say, is_one=False)
    asked = forms.forms_of(student.task)
    if alike := forms.asked_alike(asked):
        say(f"note: {' and '.join(alike)} ask by the text alone: it cannot tell which is asked")
    names = [form.name for form in asked.values()]
    found = {}
    for name, form in asked.items():
        own = dataclasses.replace(student, task=get_provider(name)) if len(asked) > 1 else student
        key = form.name if names.count(form.name) == 1 else name
        found[key] = _predictor(own, run_of(checkpoint), decoding, True, say)
    return found


def _read(
    checkpoint: str,
    task: str | None,
    step: int | None,
    module: str | None,
    say: Callable[[str], object],
    is_one: bool,
) -> load.Student:
    """Reads a student; what it cannot be asked for is refused before its weights are read."""
    if module:
        importlib.import_module(module)
    run = run_of(checkpoint)
    if step is None and not is_checkpoint(absolute(checkpoint)):
        _check_finished(checkpoint, run.status())
    trained_on = str(run.manifest().get("mixture_or_task_name", ""))
    if task:
        _check_task(checkpoint, task, trained_on)
    if is_one and (name := task or trained_on):
        forms.only_form(get_provider(task) if task else load.own_task(checkpoint, name))
    return load.load(checkpoint, task, step=step, say=say)


def _predictor(
    student: load.Student,
    run: RunDirectory,
    decoding: DecodingConfig | None,
    calibrated: bool,
    say: Callable[[str], object],
) -> Predictor:
    """A student that answers, with its run's calibration where it has one."""
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
    asked = [form for form in forms.forms_of(get_provider(task)).values() if not form.labels]
    try:
        known = forms.forms_of(get_provider(trained_on)) if trained_on else {}
    except ValueError:  # made by a gin file, and not registered here
        return
    names = {form.name for form in known.values()}
    for form in asked:
        if names and form.name not in names:
            raise ValueError(
                f"{checkpoint} has not learnt {task} ({form.name}): it was trained on "
                f"{', '.join(known)} ({', '.join(sorted(names))})"
            )

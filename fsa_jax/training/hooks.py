"""What happens beside the updates of a run: checks, logs, traces, evaluations, checkpoints.

A *hook* sees every update (``see``) and acts every ``every`` updates and after the last one
(``act``). The loop knows hooks only; those of every run are here, and users bind their own:

    from my_package import my_hooks
    HOOKS = [@my_hooks.WeightHistogram()]

Hooks are called in order, so a later one finds what an earlier one left in the ``Moment``.
"""

import dataclasses
import time
from typing import Any

import jax
import numpy as np
import optax

from fsa_jax.data.batches import BatchInfo, TrainBatches
from fsa_jax.runtime import hosts
from fsa_jax.runtime.exits import RunFailedError
from fsa_jax.runtime.run_directory import RunDirectory, Status
from fsa_jax.training.checkpoints import Checkpoints
from fsa_jax.training.evaluator import Answers, Evaluator
from fsa_jax.training.monitor import Monitor
from fsa_jax.training.train_step import Metrics, TrainState


@dataclasses.dataclass
class Moment:
    """A run right after an update.

    Attributes:
        run: The run directory.
        monitor: Prints lines and writes scalars.
        step: Updates made so far.
        last: Whether there will be no other.
        state: The train state; the next update takes its arrays away, so keep copies.
        metrics: What the update reported, on the device: ``loss, accuracy, tokens, grad_norm,
            param_norm``.
        info: What its batch held.
        waited: Seconds waited for data since the run began.
        is_read: Whether some hook acts now, so that waiting for the device costs nothing more.
        answers: What the student answers to the evaluation, where it was asked with other seeds'.
        results: The evaluation of this very step, once there is one.
    """

    run: RunDirectory
    monitor: Monitor
    step: int
    last: bool
    state: TrainState
    metrics: Metrics
    info: BatchInfo
    waited: float
    is_read: bool = False
    answers: Answers | None = None
    results: dict[str, float] | None = None


class Hook:
    """Does nothing; the base of all hooks.

    Attributes:
        every: Updates between two actions; None acts after the last update only.
    """

    every: int | None = None

    def start(self, step: int) -> None:
        """Called once, before the first update.

        Args:
            step: Updates made in earlier starts of the run.
        """

    def see(self, moment: Moment) -> None:
        """Called after every update; must not wait for the device."""

    def is_due(self, moment: Moment) -> bool:
        """Whether to act now."""
        return moment.last or bool(self.every and moment.step % self.every == 0)

    def act(self, moment: Moment) -> None:
        """Called every ``every`` updates, and after the last one."""

    def close(self) -> None:
        """Called once, however the run ends."""


class FiniteCheck(Hook):
    """Ends the run when loss or parameters are not finite, before they are saved.

    The check is one update late, for then its values have arrived and nothing waits for them;
    where another hook acts, it is made at once.

    Args:
        batches: Names the examples.
        saved: Knows the last good checkpoint.
    """

    def __init__(self, batches: TrainBatches, saved: Checkpoints):
        self._batches, self._saved = batches, saved
        self._unchecked: list[tuple[int, Metrics, BatchInfo]] = []

    def is_due(self, moment: Moment) -> bool:
        """Never: all is done in ``see``."""
        return False

    def see(self, moment: Moment) -> None:
        """Checks the update before, and this one too where that costs nothing."""
        self.flush()
        self._unchecked.append((moment.step, moment.metrics, moment.info))
        if moment.is_read:
            self.flush()

    def flush(self) -> None:
        """Checks what is not checked yet.

        Raises:
            FloatingPointError: Names the step, its examples, and the last good checkpoint.
        """
        while self._unchecked:
            self._check(*self._unchecked.pop())

    def _check(self, step: int, metrics: Metrics, info: BatchInfo) -> None:
        loss, norm = float(metrics["loss"]), float(metrics["param_norm"])
        if np.isfinite(loss) and np.isfinite(norm):
            return
        self._saved.wait()
        latest = self._saved.latest_step
        good = "none was saved" if latest is None else str(self._saved.run.checkpoint(latest))
        names = ", ".join(self._batches.describe(info.example_ids[:4]))
        raise FloatingPointError(
            f"step {step - 1} is not finite: loss {loss}, parameters' norm after it {norm}; its "
            f"batch: {names}, … ({info.examples} examples); last good checkpoint: {good}; lower "
            "the learning rate, or look at these examples"
        )


class Log(Hook):
    """Logs means over the updates since the last row, weighted by their target tokens.

    Args:
        every: Updates between rows.
        schedule: The learning rate.
        started: When the run began, of ``time.perf_counter``.
    """

    def __init__(self, every: int, schedule: optax.Schedule, started: float):
        self.every, self._schedule, self._started = every, schedule, started
        self._window: list[Metrics] = []
        self._first = True

    def see(self, moment: Moment) -> None:
        """Counts the update; after the first one tells how long it took to get there."""
        if self._first:
            self._first = False
            jax.block_until_ready(moment.metrics)
            seconds = time.perf_counter() - self._started
            moment.monitor.say(f"first step done after {seconds:.1f} s")
        self._window.append(moment.metrics)
        moment.monitor.count(moment.info.examples, moment.info.target_tokens)

    def act(self, moment: Moment) -> None:
        """Writes and shows a row."""
        scalars = _mean_over_tokens(self._window)
        scalars["learning_rate"] = float(self._schedule(moment.step - 1))
        moment.monitor.log(moment.step, scalars, moment.waited)
        self._window = []


def _mean_over_tokens(window: list[Metrics]) -> dict[str, float]:
    """Means of the steps' metrics, each step with the weight of its target tokens."""
    columns = {name: np.array([m[name] for m in jax.device_get(window)]) for name in window[0]}
    tokens = columns.pop("tokens")
    return {name: float(np.average(x, weights=tokens)) for name, x in columns.items()}


class Tell(Hook):
    """Keeps ``status.json`` up to date, for whoever watches the run.

    Args:
        every: Updates between writings.
        steps: Updates of the whole run.
    """

    def __init__(self, every: int, steps: int):
        self.every, self._steps = every, steps

    def act(self, moment: Moment) -> None:
        """Writes how far the run is; how it ends is the loop's to tell."""
        if hosts.is_first():
            moment.run.write_status(Status("running", moment.step, self._steps))


class Profile(Hook):
    """Writes a profiler trace of some updates into the run directory.

    Args:
        run: The run directory.
        first: Updates made before the trace begins.
        last: Updates made when it ends.
    """

    def __init__(self, run: RunDirectory, first: int, last: int):
        self._folder, self._first, self._last = str(run.profile), first, last
        self._on = False

    def is_due(self, moment: Moment) -> bool:
        """Never: all is done in ``see``."""
        return False

    def start(self, step: int) -> None:
        """Begins the trace where it is to begin with the first update."""
        if step == self._first:
            jax.profiler.start_trace(self._folder)
            self._on = True

    def see(self, moment: Moment) -> None:
        """Begins or ends the trace."""
        self.start(moment.step)
        if self._on and moment.step >= self._last:
            jax.block_until_ready(moment.metrics)
            self.close()

    def close(self) -> None:
        """Ends the trace."""
        if self._on:
            jax.profiler.stop_trace()
            self._on = False


class Evaluate(Hook):
    """Evaluates the student; what is found stays in the moment for the hooks behind.

    Args:
        every: Updates between evaluations.
        evaluator: Who evaluates.
    """

    def __init__(self, every: int, evaluator: Evaluator):
        self.every, self._evaluator = every, evaluator

    def act(self, moment: Moment) -> None:
        """Evaluates; the time is not counted as training."""
        with moment.monitor.paused():
            moment.results = self._evaluator.run(moment.state.params, moment.step, moment.answers)


class Save(Hook):
    """Saves checkpoints.

    Args:
        every: Updates between checkpoints.
        saved: The run's checkpoints.
        best_every: Updates between evaluations where the best checkpoint is kept, else None.
    """

    def __init__(self, every: int, saved: Checkpoints, best_every: int | None):
        self.every, self._saved, self._best_every = every, saved, best_every

    def is_due(self, moment: Moment) -> bool:
        """Also with every evaluation, where the best checkpoint is to be kept."""
        scored = bool(self._best_every and moment.step % self._best_every == 0)
        return scored or super().is_due(moment)

    def act(self, moment: Moment) -> None:
        """Starts saving; the time is not counted as training."""
        with moment.monitor.paused():
            self._saved.save(moment.state, moment.info.state, moment.results)


class Guarded(Hook):
    """A user's hook: what it raises costs nothing that was learned.

    Args:
        hook: The hook.
        saved: Saves the state before the run ends.
    """

    def __init__(self, hook: Hook, saved: Checkpoints):
        self._hook, self._saved = hook, saved

    def start(self, step: int) -> None:
        """Passes it on."""
        self._hook.start(step)

    def is_due(self, moment: Moment) -> bool:
        """Asks the hook."""
        return self._hook.is_due(moment)

    def see(self, moment: Moment) -> None:
        """Passes it on."""
        self._try(self._hook.see, moment)

    def act(self, moment: Moment) -> None:
        """Passes it on."""
        self._try(self._hook.act, moment)

    def close(self) -> None:
        """Passes it on."""
        self._hook.close()

    def _try(self, call: Any, moment: Moment) -> None:
        try:
            call(moment)
        except Exception as error:
            self._saved.save(moment.state, moment.info.state, moment.results)
            self._saved.wait()
            where = self._saved.run.checkpoint(moment.step)
            raise RunFailedError(
                f"hook {type(self._hook).__name__} failed at step {moment.step}: "
                f"{type(error).__name__}: {error}; {where} is saved, and the same command goes on "
                "from there"
            ) from error

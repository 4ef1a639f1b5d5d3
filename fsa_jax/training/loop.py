"""Training, from top to bottom: data, weights, steps, evaluations, checkpoints.

``train`` is what ``t5x train`` configures and runs (``gin/runs/pretrain.gin``,
``gin/runs/finetune.gin``). It is the same on one CPU and on a pod: every host calls it.
"""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import optax
from etils import epath

from fsa_jax.data.batches import BatchInfo, DataConfig, TrainBatches, open_batches
from fsa_jax.data.prefetch import prefetch_to_device
from fsa_jax.data.providers import check_vocabulary
from fsa_jax.model import flops, partitioning
from fsa_jax.model.network import T5Config
from fsa_jax.runtime import host_memory, hosts, manifest
from fsa_jax.runtime.preemption import StopSignal
from fsa_jax.training import restore, train_step
from fsa_jax.training.checkpoints import Checkpoints
from fsa_jax.training.config import CheckpointConfig, EvaluationConfig, ParallelConfig
from fsa_jax.training.evaluator import Evaluator
from fsa_jax.training.monitor import Monitor
from fsa_jax.training.train_step import LossConfig, Metrics, Program, TrainState

OptimizerFn = Callable[..., optax.GradientTransformation]
ScheduleFn = Callable[..., optax.Schedule]


def train(
    model: T5Config,
    model_dir: str,
    data: DataConfig,
    optimizer: OptimizerFn,
    learning_rate: ScheduleFn,
    total_steps: int | None = None,
    epochs: int | None = None,
    evaluation: EvaluationConfig | None = None,
    checkpoint: CheckpointConfig | None = None,
    parallel: ParallelConfig | None = None,
    loss: LossConfig | None = None,
    seed: int = 0,
    log_period: int = 50,
    profile_steps: tuple[int, int] | None = None,
) -> dict[str, float]:
    """Trains until the last step, from the start or from where the run directory stands.

    Args:
      model: The student.
      model_dir: The run directory.
      data: What to train on.
      optimizer: Called with ``learning_rate=`` a schedule.
      learning_rate: Called with ``steps=`` the number of steps; the same schedule is logged.
      total_steps: Updates in all.
      epochs: Or, where ``total_steps`` is None, passes over the data in all.
      evaluation: When and on what to evaluate.
      checkpoint: When to save and where to start from.
      parallel: How devices share the work.
      loss: Kind of cross-entropy.
      seed: Of weights, order of examples and dropout.
      log_period: Steps between log lines.
      profile_steps: First and last step to write a profiler trace of, under ``profile/``.

    Returns:
      The last evaluation's metrics, and those of the final splits as ``<split>/<metric>``.

    Raises:
      ValueError: Settings that do not fit together, each in one line.
      FloatingPointError: Loss or parameters are not finite.
      SystemExit: With code 0 after SIGTERM or Ctrl-C, once a checkpoint is saved.
    """
    started = time.perf_counter()
    evaluation = evaluation or EvaluationConfig()
    checkpoint = checkpoint or CheckpointConfig()
    parallel = parallel or ParallelConfig()
    if jax.default_backend() == "cpu":
        host_memory.keep_freed_memory()

    # -------------------------------------------------------------------- data and program
    mesh = partitioning.make_mesh(parallel.model)
    train_step.check_batch_size(data.batch_size, mesh, parallel.micro_batches)
    check_vocabulary(data.mixture_or_task_name, data.vocabulary, model.vocab_size)
    batches = open_batches(data, data.split, seed, shuffle=True)
    epoch_steps = math.ceil(batches.num_examples / batches.examples_per_row / data.batch_size)
    steps = total_steps if total_steps is not None else (epochs or 0) * epoch_steps
    if steps < 1:
        raise ValueError("nothing to train: give TRAIN_STEPS or TRAIN_EPOCHS, at least 1")
    schedule = learning_rate(steps=steps)
    program = train_step.make_program(
        model,
        optimizer(learning_rate=schedule),
        mesh,
        fsdp=parallel.fsdp,
        micro_batches=parallel.micro_batches,
        loss_config=loss,
    )

    # -------------------------------------------------------------------- weights
    lines: list[str] = []
    saved = Checkpoints(model_dir, model, program.abstract, checkpoint.keep, evaluation.best_metric)
    state, place = restore.restore_or_init(
        program,
        model,
        saved,
        resume_path=checkpoint.resume_path,
        initial_path=checkpoint.initial_path,
        rng=jax.random.key(seed),
        say=lines.append,
    )
    if place:
        batches.restore(place)
    if hosts.is_first():
        manifest.write(
            model_dir,
            mixture_or_task_name=data.mixture_or_task_name,
            model=dataclasses.asdict(model),
            steps=steps,
            seed=seed,
            data_fingerprint=batches.table.fingerprint,
        )

    # -------------------------------------------------------------------- steps
    lines.append(_describe(model, program, batches, data, epoch_steps))
    with _open_monitor(model_dir, model, data, batches, steps, int(state.step)) as monitor:
        for line in lines:
            monitor.say(line)
        run = _Run(
            steps=steps,
            eval_period=evaluation.period or epoch_steps,
            save_period=checkpoint.period or evaluation.period or epoch_steps,
            log_period=log_period,
            schedule=schedule,
            program=program,
            batches=batches,
            saved=saved,
            monitor=monitor,
            evaluator=Evaluator(program, model, model_dir, data, evaluation, monitor),
            keeps_best=evaluation.best_metric is not None,
            profiler=_Profiler(model_dir, profile_steps),
            started=started,
        )
        state, results = run.fit(state, place or {}, jax.random.key(seed + 1))
        return results | run.score_best(state, evaluation.final_splits)


@contextlib.contextmanager
def _open_monitor(
    model_dir: str,
    model: T5Config,
    data: DataConfig,
    batches: TrainBatches,
    steps: int,
    first_step: int,
) -> Iterator[Monitor]:
    work = flops.train_flops(
        model, data.batch_size, batches.lengths["inputs"], batches.lengths["targets"]
    )
    peak = flops.matmul_peak(model.dtype) * jax.device_count()
    monitor = Monitor(model_dir, steps, first_step, work, peak, write=hosts.is_first())
    try:
        yield monitor
    finally:
        monitor.close()


@dataclasses.dataclass
class _Run:
    """What the loop of steps needs."""

    steps: int
    eval_period: int
    save_period: int
    log_period: int
    schedule: optax.Schedule
    program: Program
    batches: TrainBatches
    saved: Checkpoints
    monitor: Monitor
    evaluator: Evaluator
    keeps_best: bool
    profiler: "_Profiler"
    started: float

    def fit(
        self, state: TrainState, place: dict[str, int], rng: jax.Array
    ) -> tuple[TrainState, dict[str, float]]:
        """Makes the updates that are left; returns the state and the last evaluation."""
        first = step = int(state.step)
        previous: tuple[int, Any, BatchInfo] | None = None
        window: list[Metrics] = []
        results: dict[str, float] = {}
        feed = prefetch_to_device(self.batches, self._put)
        with feed, StopSignal() as stop:
            while step < self.steps:
                if stop.stops_at(step):
                    self._check_finite(previous)
                    self._stop(state, place)
                self.profiler.before(step)
                batch, info = next(feed)
                state, metrics = self.program.step(state, batch, rng)
                if step == first:
                    jax.block_until_ready(metrics)
                    seconds = time.perf_counter() - self.started
                    self.monitor.say(f"first step done after {seconds:.1f} s")
                # The step before has ended by now: reading its loss does not hold up this one.
                self._check_finite(previous)
                previous, place = (step, metrics, info), info.state
                window.append(metrics)
                step += 1
                self.monitor.count(info.examples, info.target_tokens)
                self.profiler.after(step, metrics)
                if step % self.log_period == 0 or step == self.steps:
                    scalars = _mean_over_tokens(window)
                    scalars["learning_rate"] = float(self.schedule(step - 1))
                    self.monitor.log(step, scalars, feed.wait_seconds)
                    window = []
                results = self._evaluate_and_save(state, place, step, previous) or results
        return state, results

    def score_best(self, state: TrainState, splits: tuple[str, ...]) -> dict[str, float]:
        """Scores the best checkpoint on the final splits, as ``<split>/<metric>``."""
        self.saved.wait()
        best = self.saved.best_step
        if splits and best not in (None, int(state.step)):
            state, _ = self.saved.restore(best)
        scores: dict[str, float] = {}
        for split in splits:
            found = self.evaluator.scores(state.params, int(state.step), split, f"-{split}")
            scores |= {f"{split}/{name}": value for name, value in found.items()}
        return scores

    def _put(self, batch):
        return partitioning.put_batch(batch, self.program.mesh)

    def _evaluate_and_save(self, state, place, step, previous) -> dict[str, float] | None:
        last = step == self.steps
        evaluates = last or step % self.eval_period == 0
        saves = last or step % self.save_period == 0 or (evaluates and self.keeps_best)
        if not (evaluates or saves):
            return None
        paused = self.monitor.pause()
        self._check_finite(previous)
        results = self.evaluator.run(state.params, step) if evaluates else None
        if saves:
            self.saved.save(state, place, results)
        self.monitor.resume(paused)
        return results

    def _stop(self, state: TrainState, place: dict[str, int]) -> None:
        self.saved.save(state, place, None)
        self.saved.wait()
        step = int(state.step)
        self.monitor.say(f"stopped at step {step}; saved {self.saved.path(step)}")
        self.monitor.say("the same command goes on from there")
        raise SystemExit(0)

    def _check_finite(self, previous: tuple[int, Any, BatchInfo] | None) -> None:
        """Raises unless the step before had a finite loss and left finite parameters."""
        if previous is None:
            return
        step, metrics, info = previous
        loss, norm = float(metrics["loss"]), float(metrics["param_norm"])
        if np.isfinite(loss) and np.isfinite(norm):
            return
        self.saved.wait()
        latest = self.saved.latest_step
        good = "none was saved" if latest is None else str(self.saved.path(latest))
        names = ", ".join(self.batches.describe(info.example_ids[:4]))
        raise FloatingPointError(
            f"step {step} is not finite: loss {loss}, parameters' norm after it {norm}; its batch: "
            f"{names}, … ({info.examples} examples); last good checkpoint: {good}; lower the "
            "learning rate, or look at these examples"
        )


def _mean_over_tokens(window: list[Metrics]) -> dict[str, float]:
    """Means of the steps' metrics, each step with the weight of its target tokens."""
    columns = {name: np.array([m[name] for m in jax.device_get(window)]) for name in window[0]}
    tokens = columns.pop("tokens")
    return {name: float(np.average(x, weights=tokens)) for name, x in columns.items()}


class _Profiler:
    """Writes a JAX profiler trace of the steps first … last under ``<model_dir>/profile``."""

    def __init__(self, model_dir: str, steps: tuple[int, int] | None):
        self._folder, self._steps = str(epath.Path(model_dir) / "profile"), steps
        self._on = False

    def before(self, step: int) -> None:
        if self._steps and step == self._steps[0]:
            jax.profiler.start_trace(self._folder)
            self._on = True

    def after(self, step: int, metrics: Any) -> None:
        if self._on and self._steps and step >= self._steps[1]:
            jax.block_until_ready(metrics)
            jax.profiler.stop_trace()
            self._on = False


def _describe(
    model: T5Config, program: Program, batches: TrainBatches, data: DataConfig, epoch_steps: int
) -> str:
    """One line on the size of the model and the shape of its food."""
    return (
        f"{flops.count_params(program.abstract.params) / 1e6:.1f}M parameters ({model.dtype}) on "
        f"{jax.device_count()} {jax.devices()[0].platform} device(s); {batches.num_examples} "
        f"examples of {data.mixture_or_task_name}, "
        f"{batches.examples_per_row * data.batch_size:.1f} a step in {data.batch_size} rows of "
        f"{batches.lengths['inputs']}/{batches.lengths['targets']} "
        f"({batches.fill['targets']:.0%} of the target positions filled), "
        f"{epoch_steps} steps an epoch"
    )

"""Training, from top to bottom: data, program, weights, hooks, steps.

``train`` is what ``t5x train`` configures and runs (``gin/runs/pretrain.gin``,
``gin/runs/finetune.gin``). It is the same on one CPU and on a pod: every host calls it. Whatever
happens beside the updates is a hook (``hooks.py``).

Knows the floors below (``data``, ``model``, ``decoding``, ``runtime``), a task by its registered
name, and neither gin nor commands.
"""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Any

import jax

from fsa_jax.data.batches import DataConfig, TrainBatches, open_batches
from fsa_jax.data.prefetch import prefetch_to_device
from fsa_jax.data.providers import check_vocabulary
from fsa_jax.model import flops, partitioning
from fsa_jax.model.network import T5Config
from fsa_jax.runtime import hosts, provenance
from fsa_jax.runtime.exits import STOPPED
from fsa_jax.runtime.preemption import StopSignal
from fsa_jax.runtime.run_directory import RunDirectory, State, Status
from fsa_jax.training import hooks as run_hooks
from fsa_jax.training import restore, train_step
from fsa_jax.training.checkpoints import Checkpoints
from fsa_jax.training.config import (
    CheckpointConfig,
    EvaluationConfig,
    ParallelConfig,
    check_length,
)
from fsa_jax.training.evaluator import Evaluator, settle
from fsa_jax.training.hooks import Hook, Moment
from fsa_jax.training.monitor import Monitor
from fsa_jax.training.optimizers import OptimizerFactory
from fsa_jax.training.schedules import ScheduleFactory
from fsa_jax.training.train_step import LossConfig, Program, TrainState


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """All that a run is made of; what gin files bind.

    Attributes:
        model: The student.
        model_dir: The run directory.
        data: What to train on.
        optimizer: Makes the optimizer for a schedule.
        learning_rate: Makes the schedule for a number of steps; the same schedule is logged.
        total_steps: Updates in all.
        epochs: Instead of ``total_steps``: passes over the data in all.
        evaluation: When and on what to evaluate.
        checkpoint: When to save and where to start from.
        parallel: How devices share the work.
        loss: Kind of cross-entropy.
        seed: Of weights, order of examples and dropout.
        seeds: Instead of one: several, trained as one program (``seeds.py``).
        log_period: Steps between log lines.
        profile_steps: First and last step to write a profiler trace of, under ``profile/``.
        hooks: What else to do beside the updates (``hooks.py``).

    Raises:
        ValueError: The length of the run is said twice, or not at all.
    """

    model: T5Config
    model_dir: str
    data: DataConfig
    optimizer: OptimizerFactory
    learning_rate: ScheduleFactory
    total_steps: int | None = None
    epochs: float | None = None
    evaluation: EvaluationConfig = dataclasses.field(default_factory=EvaluationConfig)
    checkpoint: CheckpointConfig = dataclasses.field(default_factory=CheckpointConfig)
    parallel: ParallelConfig = dataclasses.field(default_factory=ParallelConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    seed: int = 0
    seeds: tuple[int, ...] | None = None
    log_period: int = 50
    profile_steps: tuple[int, int] | None = None
    hooks: Sequence[Hook] = ()

    def __post_init__(self) -> None:
        check_length(self.total_steps, self.epochs)


def train(config: RunConfig) -> dict[str, float]:
    """Trains until the last step, from the start or from where the run directory stands.

    Args:
        config: What to train, on what, and how.

    Returns:
        The last evaluation's metrics, and those of the final splits as ``<split>/<metric>``.

    Raises:
        ValueError: Settings that do not fit together, each in one line.
        FloatingPointError: Loss or parameters are not finite.
        RunFailedError: A hook of ``config.hooks`` raised; the state is saved.
        SystemExit: With code 3 after SIGTERM or Ctrl-C, once a checkpoint is saved.
    """
    started = time.perf_counter()

    # ------------------------------------------------------------------ data
    mesh = partitioning.make_mesh(config.parallel.model)
    config, batches = _open_data(settled(config), mesh)
    steps = count_steps(config, batches)

    # ------------------------------------------------------------------ program
    schedule = config.learning_rate(steps=steps)
    program = train_step.make_program(
        config.model,
        config.optimizer(learning_rate=schedule),
        mesh,
        fsdp=config.parallel.fsdp,
        micro_batches=config.parallel.micro_batches,
        loss_config=config.loss,
    )

    # ------------------------------------------------------------------ weights
    run = RunDirectory(config.model_dir)
    best_metric = config.evaluation.best_metric
    saved = Checkpoints(run, config.model, program.abstract, config.checkpoint.keep, best_metric)
    state, place, lines = _restore(config, program, saved, batches)
    write_manifest(run, config, batches, steps)
    lines += describe(config, program, batches, steps)

    # ------------------------------------------------------------------ hooks
    first, key = int(state.step), jax.random.key(config.seed + 1)
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(reported(run, first, steps))
        monitor = stack.enter_context(open_monitor(run, config, batches, steps, first, lines))
        evaluator = Evaluator(program, config.model, run, config.data, config.evaluation, monitor)
        finite = run_hooks.FiniteCheck(batches, saved)
        log = run_hooks.Log(config.log_period, schedule, started)
        tell = run_hooks.Tell(config.log_period, steps)
        hooks = [finite, log, tell, *own_hooks(config, run, saved, evaluator, batches.steps(1))]
        for hook in hooks:
            stack.callback(hook.close)
            hook.start(first)

        # -------------------------------------------------------------- steps
        feed = stack.enter_context(
            prefetch_to_device(batches, lambda batch: partitioning.put_batch(batch, mesh))
        )
        stop = stack.enter_context(StopSignal())
        results: dict[str, float] = {}
        for step in range(first, steps):
            if stop.stops_at(step):
                finite.flush()
                _stop(saved, state, place or {}, monitor)
            batch, info = next(feed)
            state, metrics = program.step(state, batch, key)
            place, progress.step = info.state, step + 1
            last = step + 1 == steps
            moment = Moment(run, monitor, step + 1, last, state, metrics, info, feed.wait_seconds)
            due = [hook for hook in hooks if hook.is_due(moment)]
            moment.is_read = bool(due)
            for hook in hooks:
                hook.see(moment)
            for hook in due:
                hook.act(moment)
            results = moment.results or results
        return results | final_scores(saved, evaluator, state, config.evaluation.final_splits)


def settled(config: RunConfig) -> RunConfig:
    """Checks what can be checked before the data are read; returns the run with final splits."""
    data = config.data
    check_vocabulary(data.mixture_or_task_name, data.vocabulary, config.model.vocab_size)
    return dataclasses.replace(config, evaluation=settle(config.evaluation, data))


def _open_data(config: RunConfig, mesh: jax.sharding.Mesh) -> tuple[RunConfig, TrainBatches]:
    """Opens the data, and decides what they decide."""
    data, micro_batches = config.data, config.parallel.micro_batches
    multiple = train_step.check_batch_size(data.batch_size, mesh, micro_batches)
    batches = open_batches(data, data.split, config.seed, shuffle=True, multiple_of=multiple)
    return dataclasses.replace(config, data=data.with_rows(batches.batch_size)), batches


def count_steps(config: RunConfig, batches: TrainBatches) -> int:
    """Updates of the whole run."""
    return config.total_steps or batches.steps(config.epochs or 0)


def _restore(
    config: RunConfig, program: Program, saved: Checkpoints, batches: TrainBatches
) -> tuple[TrainState, dict[str, int] | None, list[str]]:
    """The state to start from, the place in the data, and lines that tell where they come from."""
    lines = [f"passed over: {folder} held no checkpoint" for folder in saved.set_aside]
    state, place = restore.restore_or_init(
        program,
        config.model,
        saved,
        resume_path=config.checkpoint.resume_path,
        initial_path=config.checkpoint.initial_path,
        rng=jax.random.key(config.seed),
        say=lines.append,
    )
    if place:
        batches.restore(place)
    return state, place, lines


def own_hooks(
    config: RunConfig, run: RunDirectory, saved: Checkpoints, evaluator: Evaluator, epoch_steps: int
) -> list[Hook]:
    """Traces, evaluations and checkpoints, and the hooks of the user."""
    eval_every = config.evaluation.period or epoch_steps
    save_every = config.checkpoint.period or eval_every
    evaluates = config.evaluation.period != 0
    best_every = eval_every if config.evaluation.best_metric else None
    hooks: list[Hook] = []
    if config.profile_steps:
        hooks.append(run_hooks.Profile(run, *config.profile_steps))
    if evaluates:
        hooks.append(run_hooks.Evaluate(eval_every, evaluator))
    hooks.append(run_hooks.Save(save_every, saved, best_every))
    return hooks + [run_hooks.Guarded(hook, saved) for hook in config.hooks]


def final_scores(
    saved: Checkpoints, evaluator: Evaluator, state: Any, splits: Sequence[str]
) -> dict[str, float]:
    """Scores the best checkpoint on the final splits, as ``<split>/<metric>``."""
    if not splits:
        saved.wait()
        return {}
    params, step = best_student(saved, state)
    scores: dict[str, float] = {}
    for split in splits:
        [answers] = evaluator.answer([params], split)
        scores |= evaluator.final_scores(answers, step, split)
    return scores


def best_student(saved: Checkpoints, state: TrainState) -> tuple[Any, int]:
    """The best checkpoint's parameters, and the updates that made them; else those of ``state``."""
    saved.wait()
    best = saved.best_step
    if best not in (None, int(state.step)):
        state, _ = saved.restore(best)
    return state.params, int(state.step)


def _stop(saved: Checkpoints, state: Any, place: dict[str, int], monitor: Monitor) -> None:
    """Saves and leaves, so that the same command goes on."""
    saved.save(state, place, None)
    saved.wait()
    step = int(state.step)
    monitor.say(f"stopped at step {step}; saved {saved.run.checkpoint(step)}")
    monitor.say("the same command goes on from there")
    raise SystemExit(STOPPED)


@dataclasses.dataclass
class Progress:
    """How far a run is, for its status."""

    step: int


@contextlib.contextmanager
def reported(run: RunDirectory, first: int, steps: int) -> Iterator[Progress]:
    """Keeps ``status.json``: running, and at the end how it ended."""
    progress = Progress(first)

    def report(state: State, reason: str = "") -> None:
        if hosts.is_first():
            run.write_status(Status(state, progress.step, steps, reason))

    report("running")
    try:
        yield progress
    except SystemExit as stopped:
        if stopped.code == STOPPED:
            report("stopped", "SIGTERM or Ctrl-C; the same command goes on")
        else:
            report("failed", str(stopped.code))
        raise
    except BaseException as error:
        report("failed", " ".join(f"{type(error).__name__}: {error}".split()))
        raise
    report("finished")


@contextlib.contextmanager
def open_monitor(
    run: RunDirectory,
    config: RunConfig,
    batches: TrainBatches,
    steps: int,
    first_step: int,
    lines: Sequence[str],
    *,
    peak: float | None = None,
    shown: bool = True,
) -> Iterator[Monitor]:
    """Opens the monitor, which begins by saying ``lines``.

    Args:
        run: The run directory.
        config: The run.
        batches: Its data.
        steps: Updates of the whole run.
        first_step: Updates made before this start.
        lines: What to say first.
        peak: FLOP/s of all devices together; None measures it.
        shown: Whether to print, besides writing files.
    """
    work = flops.train_flops(
        config.model, batches.batch_size, batches.lengths["inputs"], batches.lengths["targets"]
    )
    peak = peak or flops.matmul_peak(config.model.dtype) * jax.device_count()
    first = hosts.is_first()
    monitor = Monitor(run, steps, first_step, work, peak, write=first, show=first and shown)
    try:
        for line in lines:
            monitor.say(line)
        yield monitor
    finally:
        monitor.close()


def write_manifest(run: RunDirectory, config: RunConfig, batches: TrainBatches, steps: int) -> None:
    """Keeps what it takes to repeat the run, and what readers of the run ask for."""
    if hosts.is_first():
        run.write_manifest(
            provenance.facts()
            | {
                "mixture_or_task_name": config.data.mixture_or_task_name,
                "model": dataclasses.asdict(config.model),
                "steps": steps,
                "seed": config.seed,
                "best_metric": config.evaluation.best_metric,
                "data_fingerprint": batches.table.fingerprint,
                "longest": {f: int(x.max()) for f, x in batches.table.lengths.items()},
            }
        )


def describe(config: RunConfig, program: Program, batches: TrainBatches, steps: int) -> list[str]:
    """Lines on where the tokens come from, the model's size, its food's shape, the run's length."""
    food = (
        f"{flops.count_params(program.abstract.params) / 1e6:.1f}M parameters "
        f"({config.model.dtype}) on {jax.device_count()} {jax.devices()[0].platform} device(s); "
        f"{batches.num_examples} examples of {config.data.mixture_or_task_name} in rows of "
        f"{batches.lengths['inputs']}/{batches.lengths['targets']} "
        f"({batches.fill['targets']:.0%} of the target positions filled)"
    )
    return [batches.table.origin, food, batches.describe_steps(steps)]

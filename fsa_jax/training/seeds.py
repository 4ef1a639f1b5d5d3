"""Several seeds of one run as one program.

Parameters, optimizer state and batches of all seeds are stacked on a first axis, the *seeds axis*,
and an update is that of ``train_step``, mapped over it; what an evaluation asks, all seeds answer
together. Where there are several devices they share the axis. So there is one start, one
tokenisation and one compilation, and ten small batches fill an accelerator that one leaves idle.

Each seed is trained as if alone: its own initial weights (where there are none to load), order of
examples and dropout, its own best checkpoint, and its own run directory
``<model_dir>/seed_<seed>/``, which tells nothing of the others. Only preprocessors with randomness
draw with the first seed. All hooks of a run are called for each seed.
"""

import contextlib
import dataclasses
import operator
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from fsa_jax.data.batches import Batch, BatchInfo, TrainBatches, open_batches
from fsa_jax.data.prefetch import prefetch_to_device
from fsa_jax.model import flops, partitioning, seeds_axis
from fsa_jax.runtime import exits
from fsa_jax.runtime.preemption import StopSignal
from fsa_jax.runtime.run_directory import seed_directory
from fsa_jax.training import hooks as run_hooks
from fsa_jax.training import loop, restore, train_step
from fsa_jax.training.checkpoints import Checkpoints
from fsa_jax.training.evaluator import Evaluator
from fsa_jax.training.hooks import Hook, Moment
from fsa_jax.training.loop import RunConfig
from fsa_jax.training.monitor import Monitor
from fsa_jax.training.train_step import Metrics, Program, TrainState


def train_seeds(config: RunConfig, seeds: Sequence[int]) -> dict[int, dict[str, float]]:
    """Trains a run once for each seed, all in one program; see ``loop.train``.

    Args:
        config: The run; its own seed is not looked at.
        seeds: Different numbers.

    Returns:
        For each seed what ``loop.train`` returns.

    Raises:
        ValueError: Settings that do not fit together, each in one line.
        FloatingPointError: Loss or parameters of a seed are not finite.
        RunFailedError: A hook of ``config.hooks`` raised; the states are saved.
        SystemExit: With code 3 after SIGTERM or Ctrl-C, once checkpoints are saved.
    """
    started = time.perf_counter()
    _check(config, seeds)

    # ------------------------------------------------------------------ data
    config = loop.settled(config)
    feeds = _open_data(config, seeds)
    config = dataclasses.replace(config, data=config.data.with_rows(feeds[0].batch_size))
    epoch_steps, steps = _count_steps(config, feeds)

    # ------------------------------------------------------------------ program
    schedule = config.learning_rate(steps=steps)
    optimizer = config.optimizer(learning_rate=schedule)
    alone = train_step.make_program(
        config.model,
        optimizer,
        partitioning.make_mesh(devices=jax.devices()[:1]),
        loss_config=config.loss,
    )
    stacked = Stacked(config, optimizer, seeds_axis.make_mesh(len(seeds)))

    # ------------------------------------------------------------------ weights
    members = [_Member(config, seed, feed, alone) for seed, feed in zip(seeds, feeds, strict=True)]
    states, lines = _restore(config, members, alone)
    first, state = int(states[0].step), stacked.stack(states)
    del states
    keys = stacked.put(jnp.stack([jax.random.key(seed + 1) for seed in seeds]))
    lines += loop.describe(config, alone, feeds[0], steps)
    lines.append(f"{len(seeds)} seeds in one program on {stacked.mesh.size} device(s)")

    # ------------------------------------------------------------------ hooks
    with contextlib.ExitStack() as stack:
        _open_members(stack, members, alone, steps, first, epoch_steps)
        for member in members:
            log = run_hooks.Log(config.log_period, schedule, started)
            tell = run_hooks.Tell(config.log_period, steps)
            member.start(stack, [log, tell], first)
        screen = _Screen(config, steps, lines)

        # -------------------------------------------------------------- steps
        feed = stack.enter_context(prefetch_to_device(_side_by_side(feeds), stacked.put))
        stop = stack.enter_context(StopSignal())
        for step in range(first, steps):
            if stop.stops_at(step):
                _stop(members, stacked.unstack(state), screen)
            batch, infos = next(feed)
            state, metrics = stacked.step(state, batch, keys)
            of_seeds = stacked.unstack(metrics)
            moments = [
                member.moment(step + 1, steps, metrics, info, feed.wait_seconds)
                for member, metrics, info in zip(members, of_seeds, infos, strict=True)
            ]
            if any(moment.is_read for moment in moments):
                for moment, own in zip(moments, stacked.unstack(state), strict=True):
                    moment.state = own
            _call_hooks(members, moments)
            screen.show(moments)
        scores = _final_scores(config, members, stacked.unstack(state), screen)
        return dict(zip(seeds, scores, strict=True))


class Stacked:
    """The update of all seeds, and the way from seeds to the stack and back.

    Args:
        config: The run.
        optimizer: Its optimizer.
        mesh: Of ``seeds_axis.make_mesh``.

    Attributes:
        mesh: The devices that share the seeds.
        step: ``(states, batches, keys) → (states, metrics)``, all with the seeds axis first; gives
            the old states' memory away.
    """

    def __init__(self, config: RunConfig, optimizer: optax.GradientTransformation, mesh: Mesh):
        self.mesh = mesh
        micro_batches = config.parallel.micro_batches

        def update(state: TrainState, batch: Any, key: jax.Array) -> tuple[TrainState, Metrics]:
            return train_step.update(
                state, batch, key, config.model, optimizer, config.loss, micro_batches
            )

        self.step = jax.jit(seeds_axis.over(update, mesh), donate_argnums=0)
        count = mesh.size

        def split(tree: Any) -> list[Any]:
            size = jax.tree.leaves(tree)[0].shape[0]
            return [jax.tree.map(operator.itemgetter(i), tree) for i in range(size)]

        self._split = jax.jit(split)
        self._home = jax.devices()[0] if count > 1 else None

    def put(self, tree: Any) -> Any:
        """Spreads arrays over the devices by their first axis, that of the seeds."""
        return seeds_axis.put(tree, self.mesh)

    def stack(self, trees: Sequence[Any]) -> Any:
        """Stacks the trees of the seeds."""
        return seeds_axis.stack(trees, self.mesh)

    def unstack(self, tree: Any) -> list[Any]:
        """Returns each seed's own tree, on the first device."""
        own: list[Any] = self._split(
            tree if self._home is None else jax.device_put(tree, self._home)
        )
        return own


class _Member:
    """One seed of a run: the run as if it were alone, but for its updates.

    Args:
        config: The run of all seeds.
        seed: This one.
        batches: Its data, in its own order.
        alone: The program of a run alone.
    """

    def __init__(self, config: RunConfig, seed: int, batches: TrainBatches, alone: Program):
        self.run, self.batches = seed_directory(config.model_dir, seed), batches
        self.config = dataclasses.replace(config, model_dir=str(self.run), seed=seed)
        keep = config.checkpoint.keep
        # Seeds are saved one after the other: a kill between them leaves some one step behind.
        keep = keep if keep is None else max(keep, 2)
        best = config.evaluation.best_metric
        self.saved = Checkpoints(self.run, config.model, alone.abstract, keep, best)
        self.place: dict[str, int] = {}
        self.results: dict[str, float] = {}
        self.monitor: Monitor
        self.evaluator: Evaluator
        self.progress: loop.Progress
        self.finite: run_hooks.FiniteCheck
        self.hooks: list[Hook] = []
        self.epoch_steps = 0

    def start(self, stack: contextlib.ExitStack, telling: Sequence[Hook], first: int) -> None:
        """Makes its hooks."""
        own = loop.own_hooks(self.config, self.run, self.saved, self.evaluator, self.epoch_steps)
        self.finite = run_hooks.FiniteCheck(self.batches, self.saved)
        self.hooks = [self.finite, *telling, *own]
        for hook in self.hooks:
            stack.callback(hook.close)
            hook.start(first)

    def moment(
        self, step: int, steps: int, metrics: Metrics, info: BatchInfo, waited: float
    ) -> Moment:
        """This seed right after an update; its state is filled in where a hook will look at it."""
        self.place, self.progress.step = info.state, step
        none: Any = None
        moment = Moment(self.run, self.monitor, step, step == steps, none, metrics, info, waited)
        users = bool(self.config.hooks)  # these may look at the state at every update
        moment.is_read = users or any(hook.is_due(moment) for hook in self.hooks)
        return moment

    def see(self, moment: Moment) -> None:
        """Lets the hooks see the update."""
        for hook in self.hooks:
            hook.see(moment)

    def evaluates(self, moment: Moment) -> bool:
        """Whether there will be an evaluation."""
        evaluations = (hook for hook in self.hooks if isinstance(hook, run_hooks.Evaluate))
        return any(hook.is_due(moment) for hook in evaluations)

    def act(self, moment: Moment) -> None:
        """Lets those hooks act that are due."""
        for hook in self.hooks:
            if hook.is_due(moment):
                hook.act(moment)
        self.results = moment.results or self.results


def _check(config: RunConfig, seeds: Sequence[int]) -> None:
    """Raises ValueError where settings do not fit several seeds."""
    if len(set(seeds)) < len(seeds) or not seeds:
        raise ValueError(f"RANDOM_SEEDS {tuple(seeds)}: give different numbers, at least one")
    if jax.process_count() > 1:
        raise ValueError("RANDOM_SEEDS: several seeds in one program take one host, not several")
    if config.parallel.fsdp or config.parallel.model > 1:
        raise ValueError("RANDOM_SEEDS: devices share the seeds: no FSDP, MODEL_PARALLEL = 1")
    if config.checkpoint.resume_path:
        raise ValueError("RANDOM_SEEDS: RESUME_CHECKPOINT_PATH is the state of one seed only")


def _open_data(config: RunConfig, seeds: Sequence[int]) -> list[TrainBatches]:
    """The data of each seed, tokenised once."""
    data, split = config.data, config.data.split
    one = partitioning.make_mesh(devices=jax.devices()[:1])
    multiple = train_step.check_batch_size(data.batch_size, one, config.parallel.micro_batches)
    first = open_batches(data, split, seeds[0], shuffle=True, multiple_of=multiple)
    data, table = data.with_rows(first.rows), first.table
    return [first] + [
        open_batches(data, split, seed, shuffle=True, table=table, multiple_of=multiple)
        for seed in seeds[1:]
    ]


def _count_steps(config: RunConfig, feeds: Sequence[TrainBatches]) -> tuple[int, int]:
    """Updates of an epoch, and of the whole run; both have to be those of every seed."""
    lengths = {loop.count_steps(config, feed) for feed in feeds}
    if len(lengths) > 1:
        raise ValueError(
            f"RANDOM_SEEDS: {config.epochs} epochs of packed rows take {min(lengths)} to "
            f"{max(lengths)} steps, by seed: give TRAIN_STEPS instead of TRAIN_EPOCHS"
        )
    return feeds[0].steps(1), max(lengths)


def _restore(
    config: RunConfig, members: Sequence[_Member], alone: Program
) -> tuple[list[TrainState], list[str]]:
    """The states to start from: of the last step that all seeds have saved, or of the start."""
    lines = [f"passed over: {f} held no checkpoint" for m in members for f in m.saved.set_aside]
    if common := set.intersection(*(set(member.run.steps()) for member in members)):
        lines.append(f"restored: resuming all seeds of {config.model_dir} from step {max(common)}")
        states = []
        for member in members:
            state, member.place = member.saved.restore(max(common))
            member.batches.restore(member.place)
            states.append(state)
        return states, lines
    states = [alone.init(jax.random.key(member.config.seed)) for member in members]
    if config.checkpoint.initial_path:
        params, found = restore.load_params(
            config.checkpoint.initial_path, config.model, alone.abstract.params, lines.append
        )
        lines.append(f"restored: initial weights of {found}; optimizer and data from their start")
        return [dataclasses.replace(state, params=params) for state in states], lines
    return states, [*lines, "restored: nothing; random weights from each seed"]


def _open_members(
    stack: contextlib.ExitStack,
    members: Sequence[_Member],
    alone: Program,
    steps: int,
    first: int,
    epoch_steps: int,
) -> None:
    """Opens what each seed writes; what evaluation reads of the data is read once."""
    config = members[0].config
    peak = flops.matmul_peak(config.model.dtype) * jax.device_count()
    evaluator: Evaluator | None = None
    for member in members:
        member.epoch_steps = epoch_steps
        loop.write_manifest(member.run, member.config, member.batches, steps)
        member.progress = stack.enter_context(loop.reported(member.run, first, steps))
        opened = loop.open_monitor(
            member.run, member.config, member.batches, steps, first, [], peak=peak, shown=False
        )
        member.monitor = stack.enter_context(opened)
        if evaluator is None:
            evaluator = Evaluator(
                alone, config.model, member.run, config.data, config.evaluation, member.monitor
            )
        member.evaluator = evaluator.for_run(member.run, member.monitor)


def _side_by_side(feeds: Sequence[TrainBatches]) -> Iterator[tuple[Batch, list[BatchInfo]]]:
    """Yields the batches of all seeds, stacked, and what each holds."""
    for parts in zip(*feeds, strict=True):
        batches, infos = zip(*parts, strict=True)
        yield {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}, [*infos]


def _call_hooks(members: Sequence[_Member], moments: Sequence[Moment]) -> None:
    """Calls the hooks of each seed; what an evaluation asks, all seeds answer together."""
    for member, moment in zip(members, moments, strict=True):
        member.see(moment)
    if members[0].evaluates(moments[0]):
        with contextlib.ExitStack() as pauses:
            for member in members:
                pauses.enter_context(member.monitor.paused())
            answers = members[0].evaluator.answer([moment.state.params for moment in moments])
        for moment, own in zip(moments, answers, strict=True):
            moment.answers = own
    for member, moment in zip(members, moments, strict=True):
        member.act(moment)


class _Screen:
    """What is printed for all seeds together; each one's own rows go to its files.

    Args:
        config: The run.
        steps: Updates of the whole run.
        lines: What to say first.
    """

    def __init__(self, config: RunConfig, steps: int, lines: Sequence[str]):
        self._period, self._steps = config.log_period, steps
        self._since, self._before = time.perf_counter(), 0
        for line in lines:
            self.say(line)

    def say(self, line: str) -> None:
        """Prints a line."""
        print(line, flush=True)

    def show(self, moments: Sequence[Moment]) -> None:
        """Prints losses every so often, and the scores of an evaluation."""
        step = moments[0].step
        if step % self._period == 0 or moments[0].last:
            losses = [float(moment.metrics["loss"]) for moment in moments]
            now = time.perf_counter()
            left = (self._steps - step) * (now - self._since) / max(step - self._before, 1)
            self._since, self._before = now, step
            self.say(
                f"step {step}/{self._steps}  loss {spread(losses, 4)}  "
                f"ETA {int(left // 3600)}:{int(left // 60 % 60):02}:{int(left % 60):02}"
            )
        if moments[0].results:
            self.scores(f"step {step}  dev", [moment.results or {} for moment in moments])

    def scores(self, what: str, results: Sequence[dict[str, float]]) -> None:
        """Prints the scores of all seeds in one line."""
        shown = (f"{name} {spread([r[name] for r in results], 2)}" for name in results[0])
        self.say(f"{what}: {'  '.join(shown)}")


def spread(values: Sequence[float], digits: int) -> str:
    """Returns the mean over seeds, and the standard deviation where there are several."""
    mean = f"{statistics.fmean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def _stop(members: Sequence[_Member], states: Sequence[TrainState], screen: _Screen) -> None:
    """Saves all seeds and leaves, so that the same command goes on."""
    for member, state in zip(members, states, strict=True):
        member.finite.flush()
        member.saved.save(state, member.place, None)
    for member in members:
        member.saved.wait()
    screen.say(f"stopped at step {int(states[0].step)}; all seeds are saved")
    screen.say("the same command goes on from there")
    raise SystemExit(exits.STOPPED)


def _final_scores(
    config: RunConfig, members: Sequence[_Member], states: Sequence[TrainState], screen: _Screen
) -> list[dict[str, float]]:
    """Scores each seed's best checkpoint on the final splits, which all answer together."""
    for member in members:
        member.saved.wait()  # the last save runs beside the program, and ends with it
    found = [member.results for member in members]
    splits = config.evaluation.final_splits
    if splits:
        best = [
            loop.best_student(member.saved, state)
            for member, state in zip(members, states, strict=True)
        ]
    for split in splits:
        answers = members[0].evaluator.answer([params for params, _ in best], split)
        found = [
            scores | member.evaluator.final_scores(own, step, split)
            for scores, member, own, (_, step) in zip(found, members, answers, best, strict=True)
        ]
        names = [name for name in found[0] if name.startswith(f"{split}/")]
        screen.scores(split, [{n.split("/")[1]: scores[n] for n in names} for scores in found])
    return found

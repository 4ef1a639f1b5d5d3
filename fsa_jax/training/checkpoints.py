"""Checkpoints: Orbax, in the layout that T5X reads and writes.

``<model_dir>/checkpoint_<step>/state`` holds ``{target: params, state: {step, param_states}}``,
with the parameters in T5X's minimal-T5 tree whether or not the run scans over layers, and the
optimizer's state by meaning. ``infeed`` beside it is the place in the data. Orbax writes in the
background, under a temporary name, and renames when all is written.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import absl.logging
import flax.serialization
import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec
from orbax.checkpoint import checkpoint_managers as policies

from fsa_jax.model import network
from fsa_jax.model.network import T5Config
from fsa_jax.runtime import hosts
from fsa_jax.runtime.run_directory import PREFIX, RunDirectory
from fsa_jax.training import optimizers
from fsa_jax.training.train_step import TrainState

_STACKS = ("encoder", "decoder")
_ITEMS = {"state", "infeed", "metrics", "_CHECKPOINT_METADATA"}  # what Orbax writes of ours
Tree = dict[str, Any]


def to_layout(state: TrainState, config: T5Config) -> Tree:
    """The tree that is saved: nested dicts of arrays, layers unstacked."""
    layout: Tree = _each_params_tree(
        _as_dicts(state), lambda tree: network.unstack_layers(tree, config)
    )
    return layout


def from_layout(tree: Tree, like: TrainState, config: T5Config) -> TrainState:
    """The inverse of ``to_layout``; ``like`` gives the structure and the integer types."""
    tree = _each_params_tree(tree, lambda params: network.stack_layers(params, config))
    saved = flatten_dict(tree["state"]["param_states"])
    known = flatten_dict(flax.serialization.to_state_dict(like.opt_state), keep_empty_nodes=True)
    opt_state = unflatten_dict({key: saved.get(key, value) for key, value in known.items()})
    state = TrainState(
        step=tree["state"]["step"],
        params=tree["target"],
        opt_state=flax.serialization.from_state_dict(like.opt_state, opt_state),
    )
    restored: TrainState = optimizers.restore_integers(state, like)
    return restored


def _as_dicts(state: TrainState) -> Tree:
    opt_state = flatten_dict(flax.serialization.to_state_dict(state.opt_state))
    return {
        "target": flax.serialization.to_state_dict(state.params),
        "state": {"step": state.step, "param_states": unflatten_dict(opt_state)},
    }


def _each_params_tree(tree: Any, convert: Callable[[Tree], Tree]) -> Any:
    """Applies ``convert`` to every subtree shaped like the parameters: themselves, moments."""
    if not isinstance(tree, dict):
        return tree
    if all(stack in tree for stack in _STACKS):
        return convert(tree)
    return {key: _each_params_tree(value, convert) for key, value in tree.items()}


def _abstract_layout(abstract: TrainState, config: T5Config) -> Tree:
    """Shapes, types and shardings of the tree that is saved."""
    stacked = flatten_dict(_as_dicts(abstract))
    layout = flatten_dict(jax.eval_shape(lambda state: to_layout(state, config), abstract))

    def sharding(key: tuple[str, ...]) -> Any:
        if key in stacked:
            return stacked[key].sharding
        whole = stacked[tuple("layers" if k.startswith("layers_") else k for k in key)].sharding
        return NamedSharding(whole.mesh, PartitionSpec(*whole.spec[1:]))

    tree: Tree = unflatten_dict(
        {
            key: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding(key))
            for key, x in layout.items()
        }
    )
    return tree


class Checkpoints:
    """The checkpoints of one run directory.

    Args:
        run: The run directory.
        config: The network, for the layout.
        abstract: The train state's shapes, types and shardings.
        keep: How many of the latest to keep; None keeps all.
        best_metric: Name of a metric given to ``save``; the checkpoint where it was highest is kept
            besides. The latest is never deleted.

    Attributes:
        run: The run directory.
        set_aside: Folders that were named like checkpoints, held none, and got another name.

    Raises:
        ValueError: The directory holds another program's checkpoints.
    """

    def __init__(
        self,
        run: RunDirectory,
        config: T5Config,
        abstract: TrainState,
        keep: int | None = None,
        best_metric: str | None = None,
    ):
        self._config, self._abstract, self._best_metric = config, abstract, best_metric
        self.run = run
        preserve: list[Any] = [policies.LatestN(keep)]
        if best_metric:
            preserve.append(
                policies.BestN(
                    get_metric_fn=lambda metrics: metrics[best_metric],
                    n=1,
                    keep_checkpoints_without_metrics=False,
                )
            )
        options = ocp.CheckpointManagerOptions(
            step_prefix=PREFIX,
            preservation_policy=policies.AnyPreservationPolicy(preserve),
            best_fn=(lambda metrics: metrics[best_metric]) if best_metric else None,
            save_root_metadata=False,
        )
        self.set_aside: list[epath.Path] = []
        if hosts.is_first():
            self._clean()
        multihost_utils.sync_global_devices("unfinished checkpoints are removed")
        self._manager = ocp.CheckpointManager(
            run.path, options=options, item_names=("state", "infeed")
        )

    @property
    def latest_step(self) -> int | None:
        """Step of the newest complete checkpoint, or None."""
        step: int | None = self._manager.latest_step()
        return step

    @property
    def best_step(self) -> int | None:
        """Step at which the best metric was highest, or the latest where no metric is kept."""
        return self._manager.best_step() if self._best_metric else self.latest_step

    def _clean(self) -> None:
        """Removes what a killed save left, and renames folders that only look like checkpoints."""
        if not self.run.path.exists():
            return
        # Orbax's own cleaning runs in a thread that outlives a run which ends at once.
        for unfinished in self.run.path.glob(f"{PREFIX}_*.orbax-checkpoint-tmp*"):
            unfinished.rmtree()
        for folder in self.run.incomplete():
            foreign = {child.name for child in folder.iterdir()} - _ITEMS
            if foreign:
                raise ValueError(
                    f"{folder} is no checkpoint of ours (it holds {sorted(foreign)[0]}): choose "
                    "another MODEL_DIR"
                )
            aside = folder.with_name(f"{folder.name}.incomplete")
            if aside.exists():
                aside.rmtree()
            folder.rename(aside)
            self.set_aside.append(aside)

    def save(
        self, state: TrainState, infeed: dict[str, int], metrics: dict[str, float] | None
    ) -> None:
        """Starts saving ``state``; returns once its arrays are copied.

        Args:
            state: The train state.
            infeed: The place in the data behind the last batch that ``state`` has seen.
            metrics: Evaluation results, for ``best_metric``.
        """
        step = int(state.step)
        if step in self._manager.all_steps():
            return
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.PyTreeSave(to_layout(state, self._config)),
                infeed=ocp.args.JsonSave(infeed),
            ),
            metrics=metrics if self._best_metric else None,
        )

    def restore(self, step: int) -> tuple[TrainState, dict[str, int]]:
        """Returns the state and the place in the data of a step of this run."""
        return restore_run(self.run.checkpoint(step), self._config, self._abstract)

    def wait(self) -> None:
        """Returns when all that was to be saved is on disk."""
        self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits, then lets go of the directory."""
        self._manager.close()


def restore_run(
    path: epath.Path, config: T5Config, abstract: TrainState
) -> tuple[TrainState, dict[str, int]]:
    """Reads a whole train state of ours.

    Raises:
        ValueError: The checkpoint is of another model or another optimizer.
    """
    layout = _abstract_layout(abstract, config)
    _check_shapes(path, layout, "MODEL or the optimizer differs from that of the checkpoint")
    tree = _restore(path, layout)
    return from_layout(tree, abstract, config), _read_infeed(path)


def restore_params(path: epath.Path, config: T5Config, abstract_params: Any) -> Any:
    """Reads the parameters alone, from a checkpoint of ours or of T5X.

    Args:
        path: A ``checkpoint_<step>`` folder.
        config: The network.
        abstract_params: Shapes, types and shardings.

    Raises:
        ValueError: The checkpoint is of another model.
    """
    step: Any = jax.ShapeDtypeStruct((), np.int32)
    layout = _abstract_layout(TrainState(step, abstract_params, {}), config)
    stored = {"target": layout["target"]}
    _check_shapes(path, stored, "the checkpoint is of another model than MODEL")
    return network.stack_layers(_restore(path, stored)["target"], config)


def _restore(path: epath.Path, layout: Tree) -> Tree:
    args = ocp.args.PyTreeRestore(
        item=layout,
        restore_args=ocp.checkpoint_utils.construct_restore_args(layout),
        partial_restore=True,
    )
    with _reader(ocp.PyTreeCheckpointHandler()) as checkpointer:
        tree: Tree = checkpointer.restore(path / "state", args=args)
    return tree


@contextlib.contextmanager
def _reader(handler: ocp.CheckpointHandler) -> Iterator[ocp.Checkpointer]:
    """A checkpointer for one item of a checkpoint; Orbax would warn that it is not a whole one."""
    verbosity = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)
    try:
        with ocp.Checkpointer(handler) as checkpointer:
            yield checkpointer
    finally:
        absl.logging.set_verbosity(verbosity)


def _read_infeed(path: epath.Path) -> dict[str, int]:
    if not (path / "infeed").is_dir():
        return {}
    with _reader(ocp.JsonCheckpointHandler()) as checkpointer:
        place: dict[str, int] = checkpointer.restore(path / "infeed")
    return place


def _check_shapes(path: epath.Path, expected: Tree, message: str) -> None:
    """Raises ValueError that lists tensors of ``expected`` missing or misshapen at ``path``."""
    with _reader(ocp.PyTreeCheckpointHandler()) as checkpointer:
        metadata = checkpointer.metadata(path / "state").item_metadata.tree
    stored = {
        "/".join(k): tuple(v.shape) for k, v in flatten_dict(metadata).items() if v is not None
    }
    wrong = [
        f"{name} is {stored.get(name, 'missing')}, not {x.shape}"
        for name, x in (("/".join(key), x) for key, x in flatten_dict(expected).items())
        if stored.get(name) != x.shape
    ]
    if wrong:
        more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
        raise ValueError(f"{path}: {message}: {'; '.join(wrong[:3])}{more}")

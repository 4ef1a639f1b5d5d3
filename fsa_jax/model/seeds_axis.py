"""Students of several seeds as one: arrays with a first axis of seeds, which devices share.

An accelerator computes all its seeds at once, for one small student leaves it idle. A CPU is full
with one, and a product of stacked matrices is four times slower there than one after the other.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_AXIS = "seeds"
_SPEC = PartitionSpec(_AXIS)


def make_mesh(count: int) -> Mesh:
    """Returns the devices that share ``count`` seeds evenly: as many as can."""
    devices = jax.devices()
    used = max(n for n in range(1, len(devices) + 1) if count % n == 0)
    return Mesh(np.array(devices[:used]), (_AXIS,))


def put(tree: Any, mesh: Mesh) -> Any:
    """Spreads arrays over the devices by their first axis, that of the seeds."""
    return jax.device_put(tree, NamedSharding(mesh, _SPEC))


def stack(trees: Sequence[Any], mesh: Mesh) -> Any:
    """Stacks the trees of the seeds, and spreads them over the devices."""
    return put(jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees), mesh)


def is_one_by_one() -> bool:
    """Whether a device computes its seeds one after the other."""
    return jax.default_backend() == "cpu"


def stacks(trees: Sequence[Any]) -> Iterator[tuple[Any, Mesh | None]]:
    """Yields, in order, what is to be computed together: a stack, and the devices that share it.

    A tree that is to be computed alone comes as it is, with None.
    """
    mesh = make_mesh(len(trees))
    together = mesh.size if is_one_by_one() else len(trees)
    for start in range(0, len(trees), together):
        chosen = trees[start : start + together]
        yield (stack(chosen, mesh), mesh) if together > 1 else (chosen[0], None)


def split(function: Callable[..., Any], mesh: Mesh) -> Callable[..., Any]:
    """Returns ``function`` of stacked arrays, called on each device with its part of the seeds."""
    on_each: Callable[..., Any] = jax.shard_map(
        function, mesh=mesh, in_specs=_SPEC, out_specs=_SPEC, check_vma=False
    )
    return on_each


def over(function: Callable[..., Any], mesh: Mesh | None) -> Callable[..., Any]:
    """Returns ``function`` of one seed's arrays, for the stacked ones of the seeds of ``mesh``.

    Without a mesh there is but one seed, and no stack.
    """
    return function if mesh is None else split(each(function), mesh)


def each(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns ``function`` of one seed's arrays, for those of all seeds of a device."""

    def of_all(*args: Any) -> Any:
        if jax.tree.leaves(args)[0].shape[0] == 1:  # no batched products where there is no batch
            one = function(*jax.tree.map(lambda x: x[0], args))
            return jax.tree.map(lambda x: x[None], one)
        if is_one_by_one():
            return jax.lax.map(lambda of_seed: function(*of_seed), args)
        return jax.vmap(function)(*args)

    return of_all

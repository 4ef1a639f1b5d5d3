"""Where arrays live: a (data, model) mesh and rules from logical axes to mesh axes.

The network names the axes of its parameters and activations (``network.py``); the rules here say
which mesh axis each is split over. ``data`` splits the batch; ``model`` splits heads, feed-forward
and vocabulary. With ``fsdp`` the model width of parameters and optimizer state is split over
``data`` too, and XLA gathers each layer as it is used (ZeRO-3).
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Rules = tuple[tuple[str, str | None], ...]


def make_mesh(model_parallel: int = 1, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Arranges all devices as (data, model).

    Args:
        model_parallel: Devices that share one copy of the model.
        devices: Defaults to all devices of all hosts.

    Raises:
        ValueError: ``model_parallel`` does not divide the number of devices.
    """
    devices = jax.devices() if devices is None else devices
    if model_parallel < 1 or len(devices) % model_parallel:
        raise ValueError(
            f"MODEL_PARALLEL {model_parallel} does not divide the {len(devices)} devices"
        )
    shape = (len(devices) // model_parallel, model_parallel)
    grid = mesh_utils.create_device_mesh(shape, devices, allow_split_physical_axes=True)
    return Mesh(grid, ("data", "model"))


def axis_rules(fsdp: bool = False) -> Rules:
    """The rules for every logical axis that ``network.py`` names."""
    return (
        ("batch", "data"),
        ("length", None),
        ("activation_embed", None),
        ("layers", None),
        ("vocab", "model"),
        ("heads", "model"),
        ("joined_kv", "model"),
        ("mlp", "model"),
        ("relpos_buckets", None),
        ("embed", "data" if fsdp else None),
    )


def state_shardings(boxed: Any, mesh: Mesh, rules: Rules) -> Any:
    """Shardings of an abstract train state whose leaves are boxed with their logical axes.

    Args:
        boxed: A tree of ``jax.ShapeDtypeStruct``, boxed where they have logical axes
            (``flax.linen.meta``).
        mesh: The device mesh.
        rules: Logical to mesh axes.

    Returns:
        The unboxed tree with a ``NamedSharding`` at each leaf.

    Raises:
        ValueError: A logical axis without a rule, a rule for an axis that no parameter or batch
            has, or a dimension that its mesh axis does not divide.
    """
    specs = nn.get_partition_spec(boxed)
    known = dict(rules)
    used = {"batch", "length", "activation_embed", "layers"}

    def sharding(
        path: tuple[Any, ...], leaf: jax.ShapeDtypeStruct, spec: PartitionSpec
    ) -> NamedSharding:
        name = jax.tree_util.keystr(path)
        used.update(axis for axis in spec if axis)
        if missing := [axis for axis in spec if axis and axis not in known]:
            raise ValueError(
                f"no axis rule for {missing[0]!r} of {name}; rules: {', '.join(known)}"
            )
        if len(spec) > len(leaf.shape):  # Adafactor's row and column means: small, kept whole
            return NamedSharding(mesh, PartitionSpec())
        axes = [known[axis] if axis else None for axis in spec]
        for size, axis, logical in zip(leaf.shape, axes, spec, strict=False):
            if axis and size % mesh.shape[axis]:
                raise ValueError(
                    f"{name}: {logical} has {size} entries, which the {mesh.shape[axis]} devices "
                    f"of mesh axis {axis!r} do not divide"
                )
        return NamedSharding(mesh, PartitionSpec(*axes))

    is_spec = lambda x: isinstance(x, PartitionSpec)  # noqa: E731
    unboxed = nn.unbox(boxed)
    flat, tree = jax.tree_util.tree_flatten_with_path(unboxed)
    flat_specs = jax.tree.leaves(specs, is_leaf=is_spec)
    shardings = [
        sharding(path, leaf, spec) for (path, leaf), spec in zip(flat, flat_specs, strict=True)
    ]
    if unmatched := set(known) - used:
        raise ValueError(
            f"axis rule {sorted(unmatched)[0]!r} matches no parameter; "
            f"the axes are {', '.join(sorted(used))}"
        )
    return jax.tree.unflatten(tree, shardings)


def abstract(boxed: Any, mesh: Mesh, rules: Rules) -> Any:
    """Shapes, types and shardings of an abstract train state or of parameters on a mesh.

    Args:
        boxed: See ``state_shardings``.
        mesh: The device mesh.
        rules: Logical to mesh axes.

    Returns:
        The unboxed tree of ``jax.ShapeDtypeStruct`` with a sharding each.

    Raises:
        ValueError: See ``state_shardings``.
    """
    return jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
        nn.unbox(boxed),
        state_shardings(boxed, mesh, rules),
    )


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Rows of a batch over ``data``, everything else whole."""
    return NamedSharding(mesh, PartitionSpec("data"))


def mesh_of(params: Any) -> Mesh | None:
    """The mesh that parameters lie on; None where they lie on one device, or on none."""
    sharding = getattr(jax.tree.leaves(params)[0], "sharding", None)
    mesh = getattr(sharding, "mesh", None)
    return mesh if isinstance(mesh, Mesh) and mesh.size > 1 else None


def spread_rows(tree: Any, mesh: Mesh | None, axis: int = 0) -> Any:
    """Within a jitted function: splits the rows of each array over ``data``, where they divide.

    Args:
        tree: Arrays with rows along ``axis``.
        mesh: The device mesh; None leaves all as it is.
        axis: Which axis counts rows.
    """
    if mesh is None:
        return tree

    def spread(x: jax.Array) -> Any:
        divides = x.shape[axis] % mesh.shape["data"] == 0
        spec = PartitionSpec(*(None,) * axis, "data") if divides else PartitionSpec()
        return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, spec))

    return jax.tree.map(spread, tree)


def whole(tree: Any, mesh: Mesh | None) -> Any:
    """Within a jitted function: gives every device all of each array, so any host can read it."""
    if mesh is None:
        return tree
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec()))


def put_batch(batch: dict[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Makes global arrays of each host's share of the rows.

    Args:
        batch: This host's rows, (B / hosts, …) each.
        mesh: The device mesh.
    """
    sharding = batch_sharding(mesh)
    return {k: jax.make_array_from_process_local_data(sharding, v) for k, v in batch.items()}

"""What the slots hold on the device, and the steps of decoding: pure functions of it.

The state is ``{"search": see search.initial_state, "sources": (N·K, S) encoder tokens, "caches": of
network.decode_step, N·K rows}``. Hypothesis k of slot n has row n·K + k. The letters are those of
``search``, and S the source width.

The functions are those of one student, whose slots ``mesh`` splits. Where ``seeds`` names devices,
they are those of several stacked students: all arrays have the seeds axis first.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from fsa_jax.decoding import search
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.model import layers, network, partitioning, seeds_axis

State = dict[str, Any]
_STATIC = ("config", "decoding", "mesh", "seeds")


def _compiled(*static: str, updates: bool) -> Callable[[Callable[..., Any]], Any]:
    """Compiles a function of one student, for several too.

    Args:
        *static: Its settings besides those of every pool.
        updates: Whether it gives the memory of its second argument, the state, to its result.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        def call(*arrays: Any, seeds: Mesh | None, **settings: Any) -> Any:
            return seeds_axis.over(functools.partial(function, **settings), seeds)(*arrays)

        call.__name__ = function.__name__
        return jax.jit(
            call, static_argnames=(*_STATIC, *static), donate_argnums=1 if updates else ()
        )

    return compiled


def _caches_axis(config: network.T5Config) -> int:
    return 1 if config.scan_layers else 0  # of the rows


def _spread(state: State, config: network.T5Config, mesh: Mesh | None) -> State:
    """Splits the slots over the devices of a mesh."""
    axes = {"search": 0, "sources": 0, "caches": _caches_axis(config)}
    return {k: partitioning.spread_rows(state[k], mesh, axis) for k, axis in axes.items()}


def _sources_caches(
    params: network.Params, sources: jax.Array, length: int, config: network.T5Config
) -> layers.Cache:
    """Empty caches of the given length but for the keys and values of the encoded sources."""
    model = network.T5(config)
    rows = sources.shape[0]
    encoded = model.apply({"params": params}, sources, method="encode")
    start = jnp.zeros(rows, jnp.int32)
    empty = network.empty_caches(config, rows, length)
    # Of this step only what depends on the encoder is used; the compiler drops the rest.
    _, caches = model.apply(
        {"params": params}, start, start, empty, sources, encoded, method="decode_step"
    )
    if config.scan_layers:
        return {**empty, "cross": caches["cross"]}
    return tuple(e | {"cross": c["cross"]} for e, c in zip(empty, caches, strict=True))


@_compiled("slots", "width", "length", updates=False)
def empty(
    params: network.Params,
    slots: int,
    width: int,
    length: int,
    config: network.T5Config,
    decoding: DecodingConfig,
    mesh: Mesh | None,
) -> State:
    """A state in which every slot is idle."""
    rows = slots * decoding.num_beams
    sources = jax.ShapeDtypeStruct((rows, width), jnp.int32)
    shapes = jax.eval_shape(lambda p, s: _sources_caches(p, s, length, config), params, sources)
    state = {
        "search": search.initial_state(slots, decoding),
        "sources": jnp.zeros(sources.shape, jnp.int32),
        "caches": jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes),
    }
    return _spread(state, config, mesh)


@_compiled(updates=True)
def enter(
    params: network.Params,
    state: State,
    slots: jax.Array,
    examples: jax.Array,
    sources: jax.Array,
    config: network.T5Config,
    decoding: DecodingConfig,
    mesh: Mesh | None,
) -> State:
    """Encodes examples and puts them into slots; slots out of range are left out."""
    sources = partitioning.spread_rows(sources, mesh)
    beams = decoding.num_beams
    fresh = search.initial_state(len(slots), decoding)
    fresh |= {"ids": examples, "active": jnp.ones(len(slots), bool)}
    rows = (slots[:, None] * beams + jnp.arange(beams)).reshape(-1)
    caches = _sources_caches(params, sources, 1, config)
    axis = _caches_axis(config)

    def put(path: tuple[Any, ...], whole: jax.Array, part: jax.Array) -> jax.Array:
        if path[-2].key == "self":  # the old content lies beyond the position, hence unseen
            return whole
        part = jnp.repeat(_widen(part, whole.shape[-2], -2), beams, axis)
        return whole.at[:, rows].set(part) if axis else whole.at[rows].set(part)

    sources = _widen(sources, state["sources"].shape[-1], -1)
    state = {
        "search": jax.tree.map(lambda w, p: w.at[slots].set(p), state["search"], fresh),
        "sources": state["sources"].at[rows].set(jnp.repeat(sources, beams, axis=0)),
        "caches": jax.tree_util.tree_map_with_path(put, state["caches"], caches),
    }
    return _spread(state, config, mesh)


@functools.partial(jax.jit, static_argnames=_STATIC, donate_argnames="state")
def run(
    params: network.Params,
    state: State,
    table: jax.Array,
    enough: jax.Array,
    config: network.T5Config,
    decoding: DecodingConfig,
    mesh: Mesh | None,
    seeds: Mesh | None,
) -> State:
    """Decodes until ``enough`` slots are idle or some hypothesis needs a longer cache.

    Of several students each has its ``enough``, and a device goes on until they have it together:
    a loop for each would have to choose at every step which caches are the new ones.
    """
    caches = state["caches"] if config.scan_layers else state["caches"][0]
    length = caches["self"]["key"].shape[-2]
    advance = functools.partial(_advance, config=config, decoding=decoding, mesh=mesh)

    def of_device(
        advance: Callable[..., State],
        params: network.Params,
        state: State,
        table: jax.Array,
        enough: jax.Array,
    ) -> State:
        def unfinished(state: State) -> jax.Array:
            active, positions = state["search"]["active"], state["search"]["positions"]
            is_enough = jnp.sum(~active) >= jnp.sum(enough)
            return ~is_enough & ~jnp.any(active & (positions >= length))

        return jax.lax.while_loop(unfinished, lambda s: advance(params, s, table), state)

    if seeds is None:
        return of_device(advance, params, state, table, enough)
    of_seeds = functools.partial(of_device, seeds_axis.each(advance))
    stacked: State = seeds_axis.split(of_seeds, seeds)(params, state, table, enough)
    return stacked


def _advance(
    params: network.Params,
    state: State,
    table: jax.Array,
    config: network.T5Config,
    decoding: DecodingConfig,
    mesh: Mesh | None,
) -> State:
    """Extends every active slot by a token."""
    beams = decoding.num_beams
    axis = _caches_axis(config)
    now = state["search"]
    hidden, caches = network.T5(config).apply(
        {"params": params},
        now["tokens"].reshape(-1),
        jnp.repeat(now["positions"], beams),
        state["caches"],
        state["sources"],
        method="decode_step",
    )
    logits = jnp.einsum("nd,vd->nv", hidden.astype(jnp.float32), table)
    now, parents = search.step(now, logits.reshape(-1, beams, logits.shape[-1]), decoding)
    if parents is not None:
        rows = (parents + beams * jnp.arange(len(parents))[:, None]).reshape(-1)

        def follow(path: tuple[Any, ...], x: jax.Array) -> jax.Array:
            return jnp.take(x, rows, axis) if path[-2].key == "self" else x

        caches = jax.tree_util.tree_map_with_path(follow, caches)
    new = {"search": now, "sources": state["sources"], "caches": caches}
    return _spread(new, config, mesh)


def _widen(x: jax.Array, size: int, axis: int) -> jax.Array:
    """Pads an axis with zeros at its end."""
    padding = [(0, 0)] * x.ndim
    padding[axis] = (0, size - x.shape[axis])
    return jnp.pad(x, padding)


@_compiled("width", "length", updates=False)
def reshape(
    state: State,
    keep: jax.Array,
    width: int,
    length: int,
    config: network.T5Config,
    decoding: DecodingConfig,
    mesh: Mesh | None,
) -> State:
    """Keeps some slots, a part of the source width, and another cache length."""
    beams = decoding.num_beams
    rows = (keep[:, None] * beams + jnp.arange(beams)).reshape(-1)
    axis = _caches_axis(config)

    def fit(path: tuple[Any, ...], x: jax.Array) -> jax.Array:
        x = jnp.take(x, rows, axis)
        want = length if path[-2].key == "self" else width
        have = x.shape[-2]
        if want <= have:
            return jax.lax.slice_in_dim(x, 0, want, axis=x.ndim - 2)
        return _widen(x, want, -2)

    state = {
        "search": jax.tree.map(lambda x: x[keep], state["search"]),
        "sources": state["sources"][rows, :width],
        "caches": jax.tree_util.tree_map_with_path(fit, state["caches"]),
    }
    return _spread(state, config, mesh)

"""Decoding: many examples through a small set of slots, refilled as outputs end.

Outputs differ in length by far more than inputs do. A batch that waits for its longest output
spends most of its steps on rows that are done. Here a slot that has finished takes the next
example at once, so every step works on full slots; the few that are left at the end are moved
together into fewer slots.

Shapes are static and few, so that each compiles once (and comes from the compile cache later):

* examples come longest first and are encoded at their own width, in steps of a half or a third;
* the source width S of the slots shrinks by powers of two as examples get shorter;
* the self-attention cache has length L, which grows fourfold when some hypothesis needs it;
* keys and values of the attention to the encoder are computed once, when an example enters.

The rules of the search are in ``search``; each slot is independent of the others, so results do
not depend on the batch size or on the order of examples.

Where the parameters lie on a mesh, the slots are split over its ``data`` axis. Every host runs the
same loop over all examples, and every host gets all outputs.
"""

import collections
import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from fsa_jax.decoding import search
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.model import layers, network, partitioning

_SHORTEST = 32  # least source width and cache length
_NARROWEST = 16  # least width to encode at
_REFILL = 8  # a slot in this many waits for company before new examples enter
_MARGIN = 8  # steps that a shortened cache must last

State = dict[str, Any]
_STATIC = ("config", "decoding", "mesh")
_updating = functools.partial(jax.jit, static_argnames=_STATIC, donate_argnames=("state",))


def generate(
    params: Any,
    config: network.T5Config,
    inputs: Sequence[np.ndarray],
    decoding: DecodingConfig | None = None,
) -> list[np.ndarray]:
    """Generates one output for each input.

    Args:
        params: The network's parameters, unboxed; on one device or on a mesh.
        config: The network's config; its dropout is ignored.
        inputs: Token ids of each example, EOS included, without padding; the same on every host.
        decoding: How to decode; greedily by default.

    Returns:
        The token ids of each output, without start token and EOS, in the order of the inputs.
    """
    decoding = decoding or DecodingConfig()
    if not len(inputs):
        return []
    pool = _Pool(params, config.without_dropout(), inputs, decoding)
    while not pool.done:
        pool.refill()
        pool.fit_shapes()
        pool.run()
        pool.collect()
    return pool.outputs


class _Pool:
    """Slots, the queue of examples that wait for them, and the outputs so far."""

    def __init__(
        self,
        params: network.Params,
        config: network.T5Config,
        inputs: Sequence[np.ndarray],
        decoding: DecodingConfig,
    ) -> None:
        # NumPy arrays would be copied to the device at every call.
        self.params = params = jax.tree.map(jnp.asarray, params)
        self.inputs, self.mesh = inputs, partitioning.mesh_of(self.params)
        self.shards = 1 if self.mesh is None else self.mesh.shape["data"]
        # Functions are compiled per config, so it must not hold what does not concern them.
        self.decoding = dataclasses.replace(decoding, batch_size=1)
        self.static = {"config": config, "decoding": self.decoding, "mesh": self.mesh}
        self.outputs: list[Any] = [None] * len(inputs)
        longest_first = sorted(range(len(inputs)), key=lambda i: -len(inputs[i]))
        self.queue = collections.deque(longest_first)
        self.table = network.output_embedding(params, config)  # laid out once for all steps
        slots = min(decoding.batch_size, self._per_shard(len(inputs))) * self.shards
        self.width = _power_of_two(len(inputs[longest_first[0]]), _SHORTEST)
        self.length = min(_SHORTEST, decoding.new_tokens)
        self.state = _empty(
            self.params, slots=slots, width=self.width, length=self.length, **self.static
        )
        self.examples = np.full(slots, -1)  # which example is in each slot
        self.positions = np.zeros(slots, int)

    @property
    def done(self) -> bool:
        return not self.queue and bool((self.examples < 0).all())

    @property
    def idle(self) -> np.ndarray:
        return np.flatnonzero(self.examples < 0)

    @property
    def group(self) -> int:
        """How many examples enter at once."""
        return max(1, len(self.examples) // _REFILL)

    def refill(self) -> None:
        """Puts waiting examples into idle slots, group by group."""
        while self.queue and len(self.idle) >= min(self.group, len(self.queue)):
            entering = [self.queue.popleft() for _ in range(min(self.group, len(self.queue)))]
            slots = self.idle[: len(entering)]
            self.examples[slots], self.positions[slots] = entering, 0
            width = _encoder_width(len(self.inputs[entering[0]]))
            sources = np.zeros((self.group, width), np.int32)
            for row, example in enumerate(entering):
                sources[row, : len(self.inputs[example])] = self.inputs[example]
            # Rows beyond the examples go to a slot that does not exist, that is, nowhere.
            blank = self.group - len(entering)
            self.state = _enter(
                self.params,
                self.state,
                np.append(slots, [len(self.examples)] * blank).astype(np.int32),
                np.append(entering, [0] * blank).astype(np.int32),
                sources,
                **self.static,
            )

    def fit_shapes(self) -> None:
        """Grows the cache where a hypothesis needs it; shrinks what has become too large."""
        busy = np.flatnonzero(self.examples >= 0)
        slots = len(self.examples)
        if not self.queue and slots >= 4 * self.shards and len(busy) <= slots // 4:
            slots = max(slots // self.shards // 4, self._per_shard(len(busy))) * self.shards
        waiting = [self.examples[i] for i in busy] + list(self.queue)[:1]
        width = _power_of_two(max(len(self.inputs[i]) for i in waiting), _SHORTEST)
        reach = int(self.positions[busy].max())
        length = self._cache_length(reach + 1)
        if length < self.length:
            length = min(self.length, self._cache_length(reach + _MARGIN))
        if (slots, width, length) == (len(self.examples), self.width, self.length):
            return
        keep = np.arange(slots) if slots == len(self.examples) else busy
        keep = np.append(keep, np.full(slots - len(keep), self.idle[:1])).astype(np.int32)
        self.state = _reshape(self.state, keep, width=width, length=length, **self.static)
        self.width, self.length = width, length
        self.examples, self.positions = self.examples[keep], self.positions[keep]

    def _per_shard(self, slots: int) -> int:
        return _power_of_two(-(-slots // self.shards))

    def _cache_length(self, needed: int) -> int:
        length = _SHORTEST
        while length < needed:
            length *= 4
        return min(length, self.decoding.new_tokens)

    def run(self) -> None:
        """Decodes until enough slots are idle to be worth attention."""
        slots = len(self.examples)
        enough = slots if slots < 4 else slots - slots // 4
        if self.queue:
            enough = min(self.group, len(self.queue))
        self.state = _run(
            self.params,
            self.table,
            self.state,
            np.int32(max(enough, len(self.idle) + 1)),
            **self.static,
        )

    def collect(self) -> None:
        """Takes the outputs of the slots that have finished."""
        best = "outputs" if self.decoding.num_beams == 1 else "best_outputs"
        wanted = [self.state["search"][key] for key in ("active", "positions", best)]
        if self.mesh is not None:
            wanted = _whole(wanted, mesh=self.mesh)
        active, self.positions, outputs = (np.array(x) for x in jax.device_get(wanted))
        for slot in np.flatnonzero((self.examples >= 0) & ~active):
            tokens = outputs[slot, 0]
            ends = np.flatnonzero(tokens == search.EOS)
            self.outputs[self.examples[slot]] = tokens[: ends[0]] if len(ends) else tokens
            self.examples[slot] = -1


def _power_of_two(count: int, least: int = 1) -> int:
    """The least power of two that is no less than ``count`` and ``least``."""
    return max(least, 1 << max(0, count - 1).bit_length())


def _encoder_width(length: int) -> int:
    """The least of 16, 24, 32, 48, 64, 96, … that is no less than ``length``."""
    power = _power_of_two(length, _NARROWEST)
    return power * 3 // 4 if power > _NARROWEST and length <= power * 3 // 4 else power


# The state on the device: {"search": see search.initial_state, "sources": (N·K, S) encoder tokens,
# "caches": of network.decode_step, N·K rows}. Hypothesis k of slot n has row n·K + k.


def _caches_axis(config: network.T5Config) -> int:
    return 1 if config.scan_layers else 0  # of the rows


def _spread(state: State, config: network.T5Config, mesh: Mesh | None) -> State:
    """Splits the slots over the devices of a mesh."""
    axes = {"search": 0, "sources": 0, "caches": _caches_axis(config)}
    return {k: partitioning.spread_rows(state[k], mesh, axis) for k, axis in axes.items()}


_whole = jax.jit(partitioning.whole, static_argnames="mesh")


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


@functools.partial(jax.jit, static_argnames=(*_STATIC, "slots", "width", "length"))
def _empty(
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


@_updating
def _enter(
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


@_updating
def _run(
    params: network.Params,
    table: jax.Array,
    state: State,
    enough: jax.Array,
    config: network.T5Config,
    decoding: DecodingConfig,
    mesh: Mesh | None,
) -> State:
    """Decodes until ``enough`` slots are idle or some hypothesis needs a longer cache."""
    model = network.T5(config)
    beams = decoding.num_beams
    caches = state["caches"] if config.scan_layers else state["caches"][0]
    length = caches["self"]["key"].shape[-2]
    axis = _caches_axis(config)

    def unfinished(state: State) -> jax.Array:
        active, positions = state["search"]["active"], state["search"]["positions"]
        return (jnp.sum(~active) < enough) & ~jnp.any(active & (positions >= length))

    def advance(state: State) -> State:
        now = state["search"]
        hidden, caches = model.apply(
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

    return jax.lax.while_loop(unfinished, advance, state)


def _widen(x: jax.Array, size: int, axis: int) -> jax.Array:
    """Pads an axis with zeros at its end."""
    padding = [(0, 0)] * x.ndim
    padding[axis] = (0, size - x.shape[axis])
    return jnp.pad(x, padding)


@functools.partial(jax.jit, static_argnames=(*_STATIC, "width", "length"))
def _reshape(
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

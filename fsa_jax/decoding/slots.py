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
not depend on the batch size or on the order of examples. What they hold lies on the device
(``slot_state``); which example is in which slot is known here.

Where the parameters lie on a mesh, the slots are split over its ``data`` axis. Every host runs the
same loop over all examples, and every host gets all outputs. Several students answer the same
examples together, as ``seeds_axis`` says; each has slots of its own.
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

from fsa_jax.decoding import search, shapes, slot_state
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.model import network, partitioning, seeds_axis

_SHORTEST = 32  # least source width and cache length
_REFILL = 8  # a slot in this many waits for company before new examples enter
_MARGIN = 8  # steps that a shortened cache must last

_whole = jax.jit(partitioning.whole, static_argnames="mesh")


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
    return generate_each([params], config, inputs, decoding)[0]


def generate_each(
    students: Sequence[Any],
    config: network.T5Config,
    inputs: Sequence[np.ndarray],
    decoding: DecodingConfig | None = None,
) -> list[list[np.ndarray]]:
    """Generates each student's output for each input.

    Args:
        students: The parameters of each, as in ``generate``; of several, on one device.
        config: The network's config, that of all students.
        inputs: See ``generate``.
        decoding: See ``generate``.

    Returns:
        For each student what ``generate`` returns.
    """
    decoding = decoding or DecodingConfig()
    if not len(inputs):
        return [[] for _ in students]
    outputs: list[list[np.ndarray]] = []
    for params, seeds in seeds_axis.stacks(students):
        pool = _Pool(params, config.without_dropout(), inputs, decoding, seeds)
        while not pool.done:
            pool.refill()
            pool.fit_shapes()
            pool.run()
            pool.collect()
        outputs += pool.outputs
    return outputs


class _Pool:
    """Slots, the queue of examples that wait for them, and the outputs so far.

    Each of several students has its own queue and slots, but the number and the shapes of the slots
    are those of all. Arrays of this class have the students first, even if there is but one.

    Args:
        params: The parameters of a student, or of several, stacked.
        config: The network, without dropout.
        inputs: See ``generate``.
        decoding: See ``generate``.
        seeds: The devices that share stacked students; None for one student.
    """

    def __init__(
        self,
        params: network.Params,
        config: network.T5Config,
        inputs: Sequence[np.ndarray],
        decoding: DecodingConfig,
        seeds: Mesh | None = None,
    ) -> None:
        # NumPy arrays would be copied to the device at every call.
        self.params = params = jax.tree.map(jnp.asarray, params)
        self.inputs, self.seeds = inputs, seeds
        self.mesh = partitioning.mesh_of(self.params) if seeds is None else None
        self.shards = 1 if self.mesh is None else self.mesh.shape["data"]
        students = 1 if seeds is None else len(jax.tree.leaves(params)[0])
        # Functions are compiled per config, so it must not hold what does not concern them.
        self.decoding = dataclasses.replace(decoding, batch_size=1)
        self.static = {
            "config": config,
            "decoding": self.decoding,
            "mesh": self.mesh,
            "seeds": seeds,
        }
        self.outputs: list[list[Any]] = [[None] * len(inputs) for _ in range(students)]
        longest_first = sorted(range(len(inputs)), key=lambda i: -len(inputs[i]))
        self.queues = [collections.deque(longest_first) for _ in range(students)]
        embedding = functools.partial(network.output_embedding, config=config)
        # Laid out once for all steps.
        self.table = embedding(params) if seeds is None else jax.vmap(embedding)(params)
        slots = min(decoding.batch_size, self._per_shard(len(inputs))) * self.shards
        self.width = shapes.power_of_two(len(inputs[longest_first[0]]), _SHORTEST)
        self.length = min(_SHORTEST, decoding.new_tokens)
        self.state = slot_state.empty(
            self.params, slots=slots, width=self.width, length=self.length, **self.static
        )
        self.examples = np.full((students, slots), -1)  # which example is in each slot
        self.positions = np.zeros((students, slots), int)

    @property
    def slots(self) -> int:
        """Slots of each student."""
        return self.examples.shape[1]

    @property
    def done(self) -> bool:
        return not any(self.queues) and bool((self.examples < 0).all())

    @property
    def idle(self) -> np.ndarray:
        """How many slots of each student are idle."""
        return np.array([np.count_nonzero(own < 0) for own in self.examples])

    @property
    def group(self) -> int:
        """How many examples enter at once."""
        return max(1, self.slots // _REFILL)

    @property
    def next_group(self) -> np.ndarray:
        """The same for each student, of those that still wait."""
        return np.array([min(self.group, len(queue)) for queue in self.queues])

    def refill(self) -> None:
        """Puts waiting examples into idle slots, group by group."""
        while ((self.next_group > 0) & (self.idle >= self.next_group)).any():
            # One student is ready; what the others have room for comes along.
            counts = np.minimum(self.next_group, self.idle)
            entering = [
                [queue.popleft() for _ in range(count)]
                for queue, count in zip(self.queues, counts, strict=True)
            ]
            longest = max(len(self.inputs[own[0]]) for own in entering if own)
            # Rows beyond the examples go to a slot that does not exist, that is, nowhere.
            places = np.full((len(entering), self.group), self.slots, np.int32)
            examples = np.zeros_like(places)
            sources = np.zeros((*places.shape, shapes.encoder_width(longest)), np.int32)
            for student, own in enumerate(entering):
                free = np.flatnonzero(self.examples[student] < 0)[: len(own)]
                self.examples[student, free], self.positions[student, free] = own, 0
                places[student, : len(own)], examples[student, : len(own)] = free, own
                for row, example in enumerate(own):
                    sources[student, row, : len(self.inputs[example])] = self.inputs[example]
            arrays = map(self._sent, (places, examples, sources))
            self.state = slot_state.enter(self.params, self.state, *arrays, **self.static)

    def fit_shapes(self) -> None:
        """Grows the cache where a hypothesis needs it; shrinks what has become too large."""
        is_busy = self.examples >= 0
        slots, busiest = self.slots, int(is_busy.sum(axis=1).max())
        if not any(self.queues) and slots >= 4 * self.shards and busiest <= slots // 4:
            slots = max(slots // self.shards // 4, self._per_shard(busiest)) * self.shards
        waiting = [*self.examples[is_busy], *(queue[0] for queue in self.queues if queue)]
        width = shapes.power_of_two(max(len(self.inputs[i]) for i in waiting), _SHORTEST)
        reach = int(self.positions[is_busy].max())
        length = self._cache_length(reach + 1)
        if length < self.length:
            length = min(self.length, self._cache_length(reach + _MARGIN))
        if (slots, width, length) == (self.slots, self.width, self.length):
            return
        # The busy slots of each student, and idle ones to fill up.
        keep = np.argsort(~is_busy, axis=1, kind="stable")[:, :slots]
        if slots == self.slots:
            keep = np.sort(keep, axis=1)
        arrays = self._sent(keep.astype(np.int32))
        self.state = slot_state.reshape(
            self.state, arrays, width=width, length=length, **self.static
        )
        self.width, self.length = width, length
        self.examples = np.take_along_axis(self.examples, keep, axis=1)
        self.positions = np.take_along_axis(self.positions, keep, axis=1)

    def _per_shard(self, slots: int) -> int:
        return shapes.power_of_two(-(-slots // self.shards))

    def _cache_length(self, needed: int) -> int:
        length = _SHORTEST
        while length < needed:
            length *= 4
        return min(length, self.decoding.new_tokens)

    def run(self) -> None:
        """Decodes until enough slots are idle to be worth attention."""
        slots, next_group = self.slots, self.next_group
        enough = np.where(next_group, next_group, slots if slots < 4 else slots - slots // 4)
        enough = np.minimum(np.maximum(enough, self.idle + 1), slots)
        self.state = slot_state.run(
            self.params,
            self.state,
            self.table,
            self._sent(enough.astype(np.int32)),
            **self.static,
        )

    def collect(self) -> None:
        """Takes the outputs of the slots that have finished."""
        best = "outputs" if self.decoding.num_beams == 1 else "best_outputs"
        wanted = [self.state["search"][key] for key in ("active", "positions", best)]
        if self.mesh is not None:
            wanted = _whole(wanted, mesh=self.mesh)
        found = [np.array(x if self.seeds else x[None]) for x in jax.device_get(wanted)]
        active, self.positions, outputs = found
        for student, slot in np.argwhere((self.examples >= 0) & ~active):
            tokens = outputs[student, slot, 0]
            ends = np.flatnonzero(tokens == search.EOS)
            output = tokens[: ends[0]] if len(ends) else tokens
            self.outputs[student][self.examples[student, slot]] = output
            self.examples[student, slot] = -1

    def _sent(self, array: np.ndarray) -> np.ndarray:
        """An array as the device takes it: with students first if there are several."""
        sent: np.ndarray = array if self.seeds else array[0]
        return sent

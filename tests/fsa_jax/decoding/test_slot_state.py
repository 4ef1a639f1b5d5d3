"""Slots on the device: how examples enter, when a loop of steps ends, what is kept."""

import flax.linen as nn
import jax
import numpy as np
import pytest

from fsa_jax.decoding import slot_state
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.model import network

CONFIG = network.T5Config(30, 8, 2, 4, 16, 1, 1)
DECODING = DecodingConfig(max_length=20, batch_size=1)
STATIC = {"config": CONFIG, "decoding": DECODING, "mesh": None, "seeds": None}
SLOTS = 4


@pytest.fixture(scope="module")
def params():
    return nn.unbox(network.init_params(CONFIG, jax.random.key(0)))


@pytest.fixture
def state(params):
    """Examples 7 and 5 in slots 2 and 0; a third row went to no slot."""
    empty = slot_state.empty(params, slots=SLOTS, width=8, length=4, **STATIC)
    assert not empty["search"]["active"].any()
    places = np.array([2, 0, SLOTS], np.int32)
    examples = np.array([7, 5, 9], np.int32)
    sources = np.array([[3, 4, 1], [6, 1, 0], [8, 8, 8]], np.int32)
    return slot_state.enter(params, empty, places, examples, sources, **STATIC)


def test_examples_enter_their_slots(state):
    assert state["search"]["active"].tolist() == [True, False, True, False]
    assert state["search"]["ids"].tolist() == [5, 0, 7, 0]
    assert state["sources"][:, :3].tolist() == [[6, 1, 0], [0, 0, 0], [3, 4, 1], [0, 0, 0]]


@pytest.mark.parametrize(("enough", "steps"), [(2, 0), (3, 4)])
def test_steps_go_on_until_enough_slots_are_idle_or_a_cache_is_full(params, state, enough, steps):
    table = network.output_embedding(params, CONFIG)
    state = slot_state.run(params, state, table, np.int32(enough), **STATIC)
    assert state["search"]["active"].sum() == 2  # neither ends within its cache of four steps
    assert state["search"]["positions"].tolist() == [steps, 0, steps, 0]


def test_kept_slots_go_on_in_a_longer_cache(params, state):
    table = network.output_embedding(params, CONFIG)
    keep = np.array([2, 1], np.int32)
    state = slot_state.run(params, state, table, np.int32(SLOTS), **STATIC)
    before = np.asarray(state["search"]["outputs"])
    state = slot_state.reshape(state, keep, width=4, length=16, **STATIC)
    assert state["search"]["ids"].tolist() == [7, 0]
    state = slot_state.run(params, state, table, np.int32(2), **STATIC)
    after = np.asarray(state["search"]["outputs"])
    np.testing.assert_array_equal(after[0, 0, :4], before[2, 0, :4])
    assert int(state["search"]["positions"][0]) > 4

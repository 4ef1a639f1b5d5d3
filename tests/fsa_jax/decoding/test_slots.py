"""Decoding against HF ``generate``, and against itself with other batches and shapes."""

import dataclasses

import jax
import numpy as np
import pytest
import torch
from hf_pairs import padded, sentences

from fsa_jax.decoding import label_scoring, slot_state, slots
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.model import network, partitioning, seeds_axis


def theirs(model, inputs, max_length=100, **options):
    tokens = padded(inputs)
    with torch.no_grad():
        out = model.generate(
            input_ids=tokens, attention_mask=tokens > 0, max_length=max_length, **options
        )
    rows = [row[1:].tolist() for row in out]
    return [row[: row.index(1)] if 1 in row else row for row in rows]


def ours(params, config, inputs, **options):
    return [
        row.tolist() for row in slots.generate(params, config, inputs, DecodingConfig(**options))
    ]


def test_greedy_equals_hf(pair):
    model, params, config = pair
    # Of all their choices the closest two tokens are 3e-4 apart: rounding does not choose.
    inputs = sentences(60, seed=4) + sentences(30, seed=4, longest=70)
    expected = theirs(model, inputs, do_sample=False, num_beams=1)
    lengths = {len(row) for row in expected}
    assert min(lengths) < 10
    assert max(lengths) == 99  # both kinds of ending are tested
    assert ours(params, config, inputs, batch_size=16) == expected


def test_greedy_equals_hf_for_gated_and_untied(gated_pair):
    model, params, config = gated_pair
    assert not config.logits_via_embedding
    inputs = sentences(40)
    expected = theirs(model, inputs, 30, do_sample=False, num_beams=1)
    assert ours(params, config, inputs, max_length=30, batch_size=16) == expected


@pytest.mark.parametrize("max_length", [2, 34])
def test_lengths_count_like_hf(pair, max_length):
    model, params, config = pair
    inputs = sentences(20)
    expected = theirs(model, inputs, max_length, do_sample=False, num_beams=1)
    assert max(map(len, expected)) == max_length - 1
    assert ours(params, config, inputs, max_length=max_length, batch_size=8) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 4},
        pytest.param({"num_beams": 3, "length_penalty": 0.0}, marks=pytest.mark.slow),
        {"num_beams": 2, "length_penalty": 2.0, "early_stopping": True},
    ],
)
def test_beam_search_equals_hf(pair, options):
    model, params, config = pair
    inputs = sentences(30, seed=1)
    expected = theirs(model, inputs, 30, do_sample=False, **options)
    assert len({tuple(row) for row in expected}) > 20
    assert ours(params, config, inputs, max_length=30, batch_size=16, **options) == expected


@pytest.mark.parametrize(
    "options", [{"num_beams": 3}, {"temperature": 0.9, "top_k": 20}], ids=["beams", "samples"]
)
def test_results_do_not_depend_on_batch_or_company(pair, options):
    _, params, config = pair
    inputs = sentences(20, seed=2)
    whole = ours(params, config, inputs, max_length=20, batch_size=32, **options)
    assert ours(params, config, inputs, max_length=20, batch_size=5, **options) == whole
    alone = ours(params, config, inputs[:1], max_length=20, **options)
    assert alone == whole[:1]


def test_scanned_layers_decode_the_same(pair):
    _, params, config = pair
    inputs = sentences(12)
    limits = {"max_length": 20, "batch_size": 4}
    scanned = dataclasses.replace(config, scan_layers=True)
    stacked = network.stack_layers(params, scanned)
    assert ours(stacked, scanned, inputs, **limits) == ours(params, config, inputs, **limits)


def on_mesh(params, mesh, split_over_data):
    """Parameters on a mesh: matrices split over it (FSDP), or a copy on each device."""

    def put(x):
        splits = split_over_data and x.ndim == 2 and x.shape[0] % 4 == x.shape[1] % 2 == 0
        axes = ("data", "model") if splits else ()
        return jax.device_put(x, jax.NamedSharding(mesh, jax.P(*axes)))

    return jax.tree.map(put, params)


@pytest.mark.parametrize(
    ("model_parallel", "options"),
    [(1, {}), (2, {"num_beams": 2}), pytest.param(2, {}, marks=pytest.mark.slow)],
)
def test_slots_on_a_mesh_decode_the_same(pair, model_parallel, options):
    _, params, config = pair
    inputs = sentences(21)
    mesh = partitioning.make_mesh(model_parallel)
    spread = on_mesh(params, mesh, split_over_data=model_parallel > 1)
    limits = {"max_length": 12, "batch_size": 4, **options}
    assert ours(spread, config, inputs, **limits) == ours(params, config, inputs, **limits)


def test_each_device_of_a_mesh_decodes_its_own_slots(pair):
    _, params, config = pair
    mesh = partitioning.make_mesh()
    spread = on_mesh(params, mesh, split_over_data=False)
    inputs = sentences(40)
    pool = slots._Pool(spread, config, inputs, DecodingConfig(max_length=8, batch_size=2))
    pool.refill()
    pool.run()
    assert pool.slots == 2 * 8
    tokens, sources = pool.state["search"]["tokens"], pool.state["sources"]
    keys = pool.state["caches"][0]["cross"]["key"]
    assert {x.addressable_shards[0].data.shape[0] for x in (tokens, sources, keys)} == {2}


def of_seeds(params, count):
    """Students that answer differently."""
    keys = jax.random.split(jax.random.key(0), count)
    return [
        jax.tree.map(lambda x, key=key: x + 0.05 * jax.random.normal(key, x.shape), params)
        for key in keys
    ]


@pytest.fixture
def devices(monkeypatch, request):
    """How many devices share the students, and whether each computes them one by one."""
    count, one_by_one = request.param
    make_mesh = seeds_axis.make_mesh
    monkeypatch.setattr(seeds_axis, "make_mesh", lambda students: make_mesh(min(count, students)))
    monkeypatch.setattr(seeds_axis, "is_one_by_one", lambda: one_by_one)
    return count


@pytest.mark.parametrize(
    ("devices", "students", "options"),
    [
        ((8, True), 8, {}),
        ((2, True), 4, {"num_beams": 2}),
        ((2, False), 4, {}),
        ((1, True), 3, {}),
        ((1, False), 3, {}),
        ((1, False), 3, {"num_beams": 2}),
        ((1, False), 3, {"temperature": 0.9}),
    ],
    ids=str,
    indirect=["devices"],
)
def test_students_together_answer_as_each_alone(pair, devices, students, options):
    _, params, config = pair
    inputs = sentences(21, longest=70)
    limits = {"max_length": 40, "batch_size": 8, **options}
    own = of_seeds(params, students)
    expected = [ours(student, config, inputs, **limits) for student in own]
    assert len({str(outputs) for outputs in expected}) == students
    found = slots.generate_each(own, config, inputs, DecodingConfig(**limits))
    assert [[row.tolist() for row in outputs] for outputs in found] == expected


@pytest.mark.parametrize("devices", [(2, True), (1, False)], ids=str, indirect=True)
def test_students_of_untied_scanned_layers_answer_together(gated_pair, devices):
    _, params, config = gated_pair
    scanned = dataclasses.replace(config, scan_layers=True)
    own = [network.stack_layers(student, scanned) for student in of_seeds(params, 2)]
    inputs = sentences(9)
    limits = {"max_length": 12, "batch_size": 4}
    expected = [ours(student, scanned, inputs, **limits) for student in own]
    found = slots.generate_each(own, scanned, inputs, DecodingConfig(**limits))
    assert [[row.tolist() for row in outputs] for outputs in found] == expected


def test_nothing_in_nothing_out(pair):
    _, params, config = pair
    assert slots.generate(params, config, []) == []
    assert label_scoring.score_labels(params, config, [], []) == []


def test_few_shapes_are_compiled(pair):
    _, params, config = pair
    inputs = sentences(100, seed=5)
    before = slot_state.run._cache_size()
    ours(params, config, inputs, batch_size=16)  # as in test_greedy_equals_hf
    # One source width; cache lengths 32 and 99; and the last rows in fewer slots.
    assert slot_state.run._cache_size() - before <= 6
    after = slot_state.run._cache_size()
    ours(params, config, inputs, batch_size=16)
    assert slot_state.run._cache_size() == after


def test_dropout_of_the_config_is_ignored(pair):
    _, params, config = pair
    inputs = sentences(4)
    wet = dataclasses.replace(config, dropout_rate=0.5)
    expected = ours(params, config, inputs, max_length=20)
    assert ours(params, wet, inputs, max_length=20) == expected
    assert jax.tree.all(
        jax.tree.map(
            np.array_equal,
            label_scoring.score_labels(params, wet, inputs, [[[5]]] * 4),
            label_scoring.score_labels(params, config, inputs, [[[5]]] * 4),
        )
    )

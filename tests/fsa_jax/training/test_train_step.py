"""A step's numbers do not depend on micro-batches, devices, sharding, packing or scan."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fsa_jax.data import packing
from fsa_jax.model import network, partitioning
from fsa_jax.training import optimizers, train_step

CONFIG = network.T5Config(
    vocab_size=64,
    emb_dim=32,
    num_heads=4,
    head_dim=8,
    mlp_dim=64,
    num_encoder_layers=2,
    num_decoder_layers=2,
    mlp_activations=("gelu", "linear"),
    logits_via_embedding=False,
)
OPTIMIZER = optimizers.rms_scaled_adamw(1e-2)


def examples(count: int, seed: int = 0):
    """Random (inputs, targets) pairs of unequal lengths."""
    rng = np.random.default_rng(seed)

    def tokens(low, high):
        return np.append(rng.integers(2, 64, rng.integers(low, high)), 1)

    return [(tokens(2, 7), tokens(3, 10)) for _ in range(count)]


def one_a_row(pairs):
    return packing.build_rows([[pair] for pair in pairs], 8, 12, packed=False)


def grads_of(batch, config=CONFIG, params=None, **options):
    params = params_of(CONFIG) if params is None else params
    return jax.jit(
        lambda p, b: train_step.gradients(
            p, b, jax.random.key(0), config, train_step.LossConfig(), **options
        )
    )(params, batch)


def params_of(config):
    return train_step.nn.unbox(network.init_params(config, jax.random.key(1)))


def assert_close(actual, expected, relative=1e-5):
    def check(path, a, e):
        error = np.linalg.norm(a - e) / np.linalg.norm(e)
        assert error < relative, (jax.tree_util.keystr(path), error)

    jax.tree.map_with_path(check, actual, expected)


@pytest.mark.numeric
def test_gradients_are_the_mean_over_target_tokens():
    batch = one_a_row(examples(4))

    def mean_loss(params):
        hidden = network.T5(CONFIG).apply(
            {"params": params}, batch["encoder_input_tokens"], batch["decoder_input_tokens"]
        )
        each = optax.softmax_cross_entropy_with_integer_labels(
            network.logits(params, hidden, CONFIG), batch["decoder_target_tokens"]
        )
        weights = batch["decoder_loss_weights"]
        return (each * weights).sum() / weights.sum()

    value, expected = jax.jit(jax.value_and_grad(mean_loss))(params_of(CONFIG))
    grads, metrics = grads_of(batch)
    np.testing.assert_allclose(metrics["loss"], value, rtol=1e-5)
    assert metrics["tokens"] == batch["decoder_loss_weights"].sum()
    assert_close(grads, expected)


@pytest.mark.numeric
def test_micro_batches_of_unequal_tokens_equal_the_whole():
    batch = one_a_row(examples(8))
    whole, expected = grads_of(batch)
    parts, metrics = grads_of(batch, micro_batches=4)
    np.testing.assert_allclose(metrics["loss"], expected["loss"], rtol=1e-5)
    assert_close(parts, whole)


@pytest.mark.numeric
def test_packed_rows_equal_one_example_a_row():
    pairs = examples(6)
    packed = packing.build_rows([pairs[:2], pairs[2:5], pairs[5:]], 24, 40, packed=True)
    got, metrics = grads_of(packed)
    want, expected = grads_of(one_a_row(pairs))
    np.testing.assert_allclose(metrics["loss"], expected["loss"], rtol=1e-5)
    assert_close(got, want)


@pytest.mark.numeric
def test_scan_equals_unrolled():
    batch = one_a_row(examples(4))
    config = dataclasses.replace(CONFIG, scan_layers=True, remat_policy="full")
    params = params_of(CONFIG)
    got, _ = grads_of(batch, config, network.stack_layers(params, config))
    want, _ = grads_of(batch, CONFIG, params)
    assert_close(network.unstack_layers(got, config), want)


def run_steps(mesh, fsdp=False, micro_batches=1, steps=3, config=CONFIG):
    program = train_step.make_program(
        config, OPTIMIZER, mesh, fsdp=fsdp, micro_batches=micro_batches
    )
    state = program.init(jax.random.key(0))
    losses = []
    for i in range(steps):
        batch = partitioning.put_batch(one_a_row(examples(8, seed=i)), mesh)
        state, metrics = program.step(state, batch, jax.random.key(2))
        losses.append(float(metrics["loss"]))
    return state, losses


@pytest.mark.parametrize(
    ("model_parallel", "fsdp", "micro_batches"), [(1, False, 1), (2, False, 2), (4, True, 1)]
)
def test_eight_devices_equal_one(model_parallel, fsdp, micro_batches):
    alone = partitioning.make_mesh(devices=jax.devices()[:1])
    _, expected = run_steps(alone)
    state, losses = run_steps(partitioning.make_mesh(model_parallel), fsdp, micro_batches)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    kernel = state.params["encoder"]["layers_0"]["mlp"]["wi_0"]["kernel"]
    shard = kernel.addressable_shards[0].data.shape
    assert shard == (32 // (8 // model_parallel if fsdp else 1), 64 // model_parallel)
    moment = state.opt_state["adam"].mu["encoder"]["layers_0"]["mlp"]["wi_0"]["kernel"]
    assert moment.addressable_shards[0].data.shape == shard


@pytest.mark.numeric
def test_activations_are_held_to_the_rows_of_the_batch():
    """Where no mesh is known at tracing, Flax leaves the network's constraints out unsaid."""
    program = train_step.make_program(CONFIG, OPTIMIZER, partitioning.make_mesh(2))
    batch = {name: jnp.asarray(rows) for name, rows in one_a_row(examples(8)).items()}
    for run, arguments in (
        (program.step, (program.abstract, batch, jax.random.key(0))),
        (program.evaluate, (program.abstract.params, batch)),
    ):
        text = run.lower(*arguments).as_text()
        held = re.findall(r'sharding_constraint .*\[\{"data"\}, \{\}, \{\}\].*x32xf32>', text)
        assert len(held) >= CONFIG.num_encoder_layers + CONFIG.num_decoder_layers


def test_sharded_gradients_equal_those_of_one_device():
    batch = one_a_row(examples(8))
    want, _ = grads_of(batch)
    mesh = partitioning.make_mesh(2)
    got, _ = grads_of(partitioning.put_batch(batch, mesh), shards=4)
    assert_close(jax.device_get(got), want)


def test_dropout_differs_by_step_and_repeats_by_seed():
    mesh = partitioning.make_mesh(devices=jax.devices()[:1])
    config = dataclasses.replace(CONFIG, dropout_rate=0.3)
    _, first = run_steps(mesh, config=config)
    _, again = run_steps(mesh, config=config)
    assert first == again
    program = train_step.make_program(config, optimizers.adamw(0.0, weight_decay=0.0), mesh)
    state = program.init(jax.random.key(0))
    batch = partitioning.put_batch(one_a_row(examples(8)), mesh)
    state, one = program.step(state, batch, jax.random.key(2))
    _, two = program.step(state, batch, jax.random.key(2))
    assert one["loss"] != two["loss"]


def test_rows_that_devices_cannot_share_are_refused():
    with pytest.raises(ValueError, match="multiple of 16"):
        train_step.check_batch_size(24, partitioning.make_mesh(), micro_batches=2)


def test_vocabulary_that_the_model_axis_does_not_divide_is_refused():
    config = dataclasses.replace(CONFIG, vocab_size=63)
    with pytest.raises(ValueError, match="vocab has 63 entries"):
        train_step.make_program(config, OPTIMIZER, partitioning.make_mesh(2))


def test_step_counter_is_int32():
    state, _ = run_steps(partitioning.make_mesh(devices=jax.devices()[:1]), steps=1)
    assert state.step.dtype == jnp.int32
    assert state.opt_state["adam"].count.dtype == jnp.int32

"""The network against its own other forms: decoding steps, scan, packing, remat, bfloat16."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fsa_jax.model import layers, network

pytestmark = pytest.mark.numeric

RELU = network.T5Config(
    vocab_size=64,
    emb_dim=32,
    num_heads=4,
    head_dim=8,
    mlp_dim=48,
    num_encoder_layers=2,
    num_decoder_layers=2,
)
GATED = dataclasses.replace(RELU, mlp_activations=["gelu", "linear"], logits_via_embedding=False)
ENCODER = jnp.array([[5, 6, 7, 1, 0, 0], [9, 8, 1, 0, 0, 0]])
DECODER = jnp.array([[0, 4, 5, 6], [0, 9, 3, 2]])


@functools.partial(jax.jit, static_argnums=0)
def params_of(config):
    return nn.unbox(network.init_params(config, jax.random.key(0)))


@functools.partial(jax.jit, static_argnums=1)
def logits_of(params, config, *args):
    hidden = network.T5(config).apply({"params": params}, *args)
    return network.logits(params, hidden, config)


@functools.partial(jax.jit, static_argnums=1)
def steps_of(params, config):
    """Logits (B, T, V) from one decoding step after the other."""
    model = network.T5(config)
    encoded = model.apply({"params": params}, ENCODER, method="encode")
    caches = network.empty_caches(config, batch=2, length=4)
    steps = []
    for t in range(4):
        first = encoded if t == 0 else None
        args = (DECODER[:, t], jnp.full(2, t), caches, ENCODER, first)
        hidden, caches = model.apply({"params": params}, *args, method="decode_step")
        steps.append(network.logits(params, hidden, config))
    return jnp.stack(steps, 1)


@pytest.mark.parametrize("config", [RELU, GATED], ids=["T5 1.0", "T5 1.1"])
@pytest.mark.parametrize("scan", [False, True], ids=["unrolled", "scan"])
def test_steps_with_a_cache_equal_teacher_forcing(config, scan):
    unrolled = params_of(config)
    config = dataclasses.replace(config, scan_layers=scan)
    params = network.stack_layers(unrolled, config)
    whole = logits_of(params, config, ENCODER, DECODER)
    np.testing.assert_allclose(steps_of(params, config), whole, atol=1e-5)


@functools.partial(jax.jit, static_argnums=1)
def _grads(params, config):
    def loss(params):
        return jnp.sum(jax.nn.log_softmax(logits_of(params, config, ENCODER, DECODER))[..., 3])

    return jax.grad(loss)(params)


def assert_trees_close(actual, expected, relative):
    jax.tree.map_with_path(
        lambda path, a, e: np.testing.assert_array_less(
            np.linalg.norm(a - e) / np.linalg.norm(e), relative, err_msg=jax.tree_util.keystr(path)
        ),
        actual,
        expected,
    )


@pytest.mark.parametrize("remat", ["none", "dots", "full"])
def test_scan_and_remat_change_neither_logits_nor_gradients(remat):
    params = params_of(GATED)
    scanned = dataclasses.replace(GATED, scan_layers=True, remat_policy=remat)
    stacked = network.stack_layers(params, scanned)
    np.testing.assert_allclose(
        logits_of(stacked, scanned, ENCODER, DECODER),
        logits_of(params, GATED, ENCODER, DECODER),
        atol=1e-5,
    )
    assert_trees_close(
        network.unstack_layers(_grads(stacked, scanned), scanned), _grads(params, GATED), 1e-5
    )


def test_unstacking_inverts_stacking():
    config = dataclasses.replace(RELU, scan_layers=True)
    params = params_of(RELU)
    there_and_back = network.unstack_layers(network.stack_layers(params, config), config)
    assert jax.tree.structure(there_and_back) == jax.tree.structure(params)
    pairs = zip(jax.tree.leaves(there_and_back), jax.tree.leaves(params), strict=True)
    assert all(np.array_equal(got, want) for got, want in pairs)


def test_packed_examples_do_not_see_each_other():
    params = params_of(RELU)
    alone = logits_of(params, RELU, ENCODER[:1, :4], DECODER[:1])
    beside = logits_of(params, RELU, ENCODER[1:, :3], DECODER[1:])
    packed = logits_of(
        params,
        RELU,
        jnp.concatenate([ENCODER[:1, :4], ENCODER[1:, :3], jnp.zeros((1, 2), int)], 1),
        jnp.concatenate([DECODER[:1], DECODER[1:]], 1),
        jnp.array([[1, 1, 1, 1, 2, 2, 2, 0, 0]]),
        jnp.array([[1, 1, 1, 1, 2, 2, 2, 2]]),
    )
    np.testing.assert_allclose(packed[:, :4], alone, atol=1e-5)
    np.testing.assert_allclose(packed[:, 4:], beside, atol=1e-5)


def test_later_tokens_do_not_change_earlier_logits():
    params = params_of(RELU)
    changed = DECODER.at[:, 3].set(11)
    before = logits_of(params, RELU, ENCODER, DECODER)
    after = logits_of(params, RELU, ENCODER, changed)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert np.abs(before[:, 3] - after[:, 3]).max() > 0.01


def test_bfloat16_stays_near_float32_and_its_logits_are_float32():
    params = params_of(GATED)
    exact = logits_of(params, GATED, ENCODER, DECODER)
    rough = logits_of(params, dataclasses.replace(GATED, dtype="bfloat16"), ENCODER, DECODER)
    assert rough.dtype == jnp.float32
    assert np.abs(rough - exact).max() < 0.1


def test_parameter_tree_is_that_of_t5x():
    """Names and shapes of the tree that checkpoints share with T5X's minimal T5."""
    tree = jax.tree.map(np.shape, params_of(GATED))
    attention = {
        "query": {"kernel": (32, 32)},
        "key": {"kernel": (32, 32)},
        "value": {"kernel": (32, 32)},
        "out": {"kernel": (32, 32)},
    }
    mlp = {
        "wi_0": {"kernel": (32, 48)},
        "wi_1": {"kernel": (32, 48)},
        "wo": {"kernel": (48, 32)},
    }
    norm = {"scale": (32,)}
    assert tree == {
        "token_embedder": {"embedding": (64, 32)},
        "encoder": {
            "relpos_bias": {"rel_embedding": (4, 32)},
            "encoder_norm": norm,
            **{
                f"layers_{i}": {
                    "attention": attention,
                    "mlp": mlp,
                    "pre_attention_layer_norm": norm,
                    "pre_mlp_layer_norm": norm,
                }
                for i in range(2)
            },
        },
        "decoder": {
            "relpos_bias": {"rel_embedding": (4, 32)},
            "decoder_norm": norm,
            "logits_dense": {"kernel": (32, 64)},
            **{
                f"layers_{i}": {
                    "self_attention": attention,
                    "encoder_decoder_attention": attention,
                    "mlp": mlp,
                    "pre_self_attention_layer_norm": norm,
                    "pre_cross_attention_layer_norm": norm,
                    "pre_mlp_layer_norm": norm,
                }
                for i in range(2)
            },
        },
    }


def test_unknown_remat_policy_names_the_choices():
    with pytest.raises(ValueError, match="none, dots, full"):
        dataclasses.replace(RELU, remat_policy="some")


def test_blocks_of_queries_change_nothing(monkeypatch):
    """Rows of 256 and more are computed in blocks that leave out later keys."""
    config = dataclasses.replace(RELU, num_encoder_layers=1, num_decoder_layers=1)
    params = params_of(config)
    tokens = jax.random.randint(jax.random.key(3), (3, 301), 2, 64)

    def loss(params):
        return jnp.square(logits_of(params, config, tokens[:, :20], tokens)).mean()

    found = jax.value_and_grad(loss)(params)
    mask = jnp.ones((3, 301, 301), bool)
    whole, blocks = layers.query_blocks(mask), layers.query_blocks(mask, causal=True)
    assert whole == ((0, 301, 301),)
    assert blocks == ((0, 75, 75), (75, 150, 150), (150, 225, 225), (225, 301, 301))
    one = network.query_blocks
    monkeypatch.setattr(network, "query_blocks", lambda mask, causal=False: one(mask))
    want = jax.value_and_grad(loss)(params)
    differences = jax.tree.map(lambda a, b: np.linalg.norm(a - b) / np.linalg.norm(b), found, want)
    assert max(jax.tree.leaves(differences)) < 1e-5


def test_the_gradient_of_a_shared_term_is_its_sum_over_rows():
    grad = jax.random.normal(jax.random.key(0), (5, 2, 3))
    (found,) = jax.vjp(lambda x: layers._repeat(x, 0, 5), jnp.zeros((1, 2, 3)))[1](grad)
    np.testing.assert_allclose(found, grad.sum(0, keepdims=True), rtol=1e-6)

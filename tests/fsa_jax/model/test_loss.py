"""The chunked loss against the plain one, values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fsa_jax.model import loss

pytestmark = pytest.mark.numeric


def plain(hidden, embedding, targets, weights, z_loss, label_smoothing):
    """The textbook form: all logits at once, smoothed one-hot targets."""
    logits = hidden @ embedding.T
    vocab = logits.shape[-1]
    low = label_smoothing / (vocab - 1)
    soft = jnp.full(logits.shape, low)
    soft = jnp.where(jax.nn.one_hot(targets, vocab) > 0, 1 - label_smoothing, soft)
    each = optax.softmax_cross_entropy(logits, soft)
    each += z_loss * jax.nn.logsumexp(logits, -1) ** 2
    if label_smoothing:
        each += (soft * jnp.log(soft)).sum(-1)
    return (weights * each).sum()


@pytest.mark.parametrize("chunk", [1, 8, 14, 200])
@pytest.mark.parametrize(("z_loss", "label_smoothing"), [(0.0, 0.0), (0.01, 0.0), (0.01, 0.2)])
def test_value_and_gradients_equal_the_plain_loss(chunk, z_loss, label_smoothing):
    keys = jax.random.split(jax.random.key(0), 4)
    hidden = jax.random.normal(keys[0], (4, 10, 8))
    embedding = jax.random.normal(keys[1], (12, 8))
    targets = jax.random.randint(keys[2], (4, 10), 0, 12)
    weights = (jax.random.uniform(keys[3], (4, 10)) > 0.3).astype(jnp.float32)

    def chunked(h, e):
        options = {"z_loss": z_loss, "label_smoothing": label_smoothing, "chunk": chunk}
        # The factor shows that the cotangent is used.
        return 3 * loss.cross_entropy(h, e, targets, weights, shards=2, **options)[0]

    def reference(h, e):
        return 3 * plain(h, e, targets, weights, z_loss, label_smoothing)

    with jax.default_matmul_precision("highest"):
        value, grads = jax.jit(jax.value_and_grad(chunked, (0, 1)))(hidden, embedding)
        expected, expected_grads = jax.value_and_grad(reference, (0, 1))(hidden, embedding)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(chunked)(hidden, embedding), expected, rtol=1e-5)
    for got, want in zip(grads, expected_grads, strict=True):
        assert np.linalg.norm(got - want) / np.linalg.norm(want) < 1e-5


def test_counts_correct_tokens_among_the_weighted_ones():
    hidden = jnp.eye(3)[None]
    targets = jnp.array([[0, 1, 0]])
    for weights, expected in (([1, 1, 1], 2), ([1, 0, 1], 1)):
        weights = jnp.array([weights], jnp.float32)
        _, correct = loss.cross_entropy(hidden, jnp.eye(3), targets, weights)
        assert correct == expected


def test_never_holds_the_logits_of_all_positions():
    """No array of the compiled gradient is as large as (B, T, V)."""
    hidden = jnp.zeros((2, 64, 4))
    embedding = jnp.zeros((1000, 4))
    tokens = jnp.zeros((2, 64), jnp.int32)

    def value(h):
        return loss.cross_entropy(h, embedding, tokens, jnp.ones((2, 64)), chunk=16)[0]

    memory = jax.jit(jax.grad(value)).lower(hidden).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 2 * 64 * 1000 * 4 / 2

"""Attention's own backward pass against that of JAX, and what a TPU does otherwise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fsa_jax.model import attention

pytestmark = pytest.mark.numeric

ROWS, HEADS, QUERIES, KEYS, SIZE = 2, 3, 5, 7, 4


def arguments(dtype="float32"):
    """Queries, keys, values, and as terms a bias that rows share and a mask that heads share."""
    keys = jax.random.split(jax.random.key(0), 4)
    query = jax.random.normal(keys[0], (ROWS, HEADS, QUERIES, SIZE), dtype)
    key, value = (jax.random.normal(k, (ROWS, HEADS, KEYS, SIZE), dtype) for k in keys[1:3])
    bias = jax.random.normal(keys[3], (1, HEADS, QUERIES, KEYS))
    visible = np.ones((ROWS, 1, QUERIES, KEYS), bool)
    visible[0, :, :, 4:] = False
    visible[1, :, 2] = False  # a query of padding sees nothing
    return query, key, value, (bias, jnp.where(visible, 0.0, -1e10))


def plain(query, key, value, terms):
    """The textbook form, in float32."""
    query, key, value = (x.astype(jnp.float32) for x in (query, key, value))
    logits = jnp.einsum("bhqc,bhkc->bhqk", query, key, precision="highest")
    weights = jax.nn.softmax(sum(terms, logits))
    return jnp.einsum("bhqk,bhkc->bhqc", weights, value, precision="highest")


def gradients_of(function, args):
    aim = jax.random.normal(jax.random.key(1), (ROWS, HEADS, QUERIES, SIZE))
    loss = lambda *args: jnp.sum(function(*args).astype(jnp.float32) * aim)  # noqa: E731
    return jax.tree.leaves(jax.jit(jax.grad(loss, argnums=(0, 1, 2, 3)))(*args))


@pytest.mark.parametrize(("dtype", "off"), [("float32", 1e-5), ("bfloat16", 0.02)])
def test_values_and_gradients_are_those_of_a_plain_softmax(dtype, off):
    args = arguments(dtype)
    found, want = attention.softmax_mean(*args), plain(*args)
    assert found.dtype == dtype
    np.testing.assert_allclose(found.astype(jnp.float32), want, atol=off)
    with jax.default_matmul_precision("highest"):
        pairs = zip(gradients_of(attention.softmax_mean, args), gradients_of(plain, args), strict=1)
    for got, expected in pairs:
        got, expected = (np.asarray(x, np.float32) for x in (got, expected))
        assert np.linalg.norm(got - expected) <= off * np.linalg.norm(expected)


@pytest.mark.parametrize(("platform", "anew"), [("tpu", True), ("cpu", False)])
def test_a_tpu_and_no_cpu_computes_the_weights_anew(platform, anew):
    """XLA finds equal computations and keeps the first one's result, unless there is a barrier."""
    gradient = jax.jit(jax.grad(lambda *args: attention.softmax_mean(*args).sum()))
    program = jax.export.export(gradient, platforms=[platform])(*arguments()).mlir_module()
    assert ("optimization_barrier" in program) == anew

"""Softmax attention with a backward pass of its own, which keeps no weights of the forward pass.

Letters in the shape comments are those of ``network.py``.
"""

import jax
import jax.numpy as jnp

Array = jax.Array
Terms = tuple[Array, ...]  # added to the logits, each broadcastable to (B, H, Q, K)
_Kept = tuple[Array, Array, Array, Terms, Array, Array, Array]


@jax.custom_vjp
def softmax_mean(query: Array, key: Array, value: Array, terms: Terms) -> Array:
    """Softmax-weighted means of the values, (B, H, Q, C).

    Logits, their maximum and the weights' sum are float32; the weights have the values' type when
    they are multiplied with something.

    Args:
        query: (B, H, Q, C), already scaled.
        key: (B, H, K, C).
        value: (B, H, K, C).
        terms: What is added to the logits.
    """
    return _forward(query, key, value, terms)[0]


def sum_by_product(x: Array, axis: int) -> Array:
    """Sums an axis to size 1: as a product, which is far faster in XLA on a CPU."""
    total = jnp.tensordot(x, jnp.ones((x.shape[axis], 1)), (axis, 0), precision="highest")
    return jnp.moveaxis(total, -1, axis)


def _logits(query: Array, key: Array, terms: Terms) -> Array:
    logits = jnp.einsum("bhqc,bhkc->bhqk", query, key, preferred_element_type=jnp.float32)
    for term in terms:
        logits = logits + term
    return logits


def _forward(query: Array, key: Array, value: Array, terms: Terms) -> tuple[Array, _Kept]:
    logits = _logits(query, key, terms)
    top = jnp.max(logits, axis=-1, keepdims=True)
    weights = jnp.exp(logits - top)
    # A softmax that is divided by its sum after the product with the values, so that neither
    # pass touches all (Q, K) weights once more for the sake of the sum.
    total = weights.sum(-1, keepdims=True)
    mixed = jnp.einsum("bhqk,bhkc->bhqc", weights.astype(value.dtype), value)
    out = (mixed / total).astype(value.dtype)
    return out, (query, key, value, terms, out, top, total)


def _backward(kept: _Kept, grad: Array) -> tuple[Array, Array, Array, Terms]:
    query, key, value, terms, out, top, total = kept
    # A TPU computes the weights anew: it is faster at that than at moving them to its memory and
    # back. The barrier keeps XLA from finding out that it had them. On a CPU it shall find out.
    query, key, terms, grad = jax.lax.platform_dependent(
        (query, key, terms, grad), tpu=jax.lax.optimization_barrier, default=lambda x: x
    )
    weights = jnp.exp(_logits(query, key, terms) - top).astype(value.dtype)
    grad = grad / total
    mean = jnp.sum(grad * out, axis=-1, keepdims=True)
    grad = grad.astype(value.dtype)
    value_grad = jnp.einsum("bhqk,bhqc->bhkc", weights, grad)
    pull = jnp.einsum("bhqc,bhkc->bhqk", grad, value, preferred_element_type=jnp.float32)
    logits_grad = weights * (pull - mean)
    term_grads = tuple(_sum_to(logits_grad, term.shape) for term in terms)
    logits_grad = logits_grad.astype(value.dtype)
    query_grad = jnp.einsum("bhqk,bhkc->bhqc", logits_grad, key)
    key_grad = jnp.einsum("bhqk,bhqc->bhkc", logits_grad, query)
    return query_grad, key_grad, value_grad, term_grads


def _sum_to(x: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of a broadcast from ``shape``."""
    for axis, size in enumerate(shape):
        if size < x.shape[axis]:
            x = sum_by_product(x, axis)
    return x


softmax_mean.defvjp(_forward, _backward)

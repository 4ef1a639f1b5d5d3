"""Softmax cross-entropy that never holds the logits of a whole batch.

The float32 logits of a T5 batch, (B, T, 32128), dwarf everything else in a training step, and a
plain loss holds them twice (logits and their gradient). Here the target positions are taken in
chunks: each chunk's logits give its loss and, at once, its gradients for the hidden states and for
the output embedding. Nothing is recomputed in the backward pass, which only scales what is there.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array
_Options = tuple[float, float, int, int]  # z_loss, label_smoothing, chunk, shards
_Gradients = tuple[Array, Array]  # for the hidden states and for the embedding


def _chunk_loss(
    logits: Array, targets: Array, weights: Array, z_loss: float, label_smoothing: float
) -> tuple[Array, Array, Array]:
    """Weighted sums over one chunk, and the gradient of its loss for the logits.

    Args:
        logits: float32 (B, c, V).
        targets: int32 (B, c).
        weights: float32 (B, c).
        z_loss: Factor of log²(Z), which keeps logits from drifting (T5X ``losses.py``).
        label_smoothing: Probability mass taken from the target and spread over the other tokens.

    Returns:
        Loss sum, sum of weights at which the arg max is the target, gradient (B, c, V).
    """
    vocab = logits.shape[-1]
    top = jnp.max(logits, axis=-1)
    exp = jnp.exp(logits - top[..., None])
    total = jnp.sum(exp, axis=-1)
    log_z = top + jnp.log(total)
    is_target = jnp.arange(vocab) == targets[..., None]
    target_logit = jnp.sum(jnp.where(is_target, logits, 0.0), axis=-1)

    low = label_smoothing / (vocab - 1)
    high = 1.0 - label_smoothing
    loss = log_z - (high - low) * target_logit + z_loss * jnp.square(log_z)
    if label_smoothing:
        # Less the entropy of the smoothed target, so that a perfect prediction has loss 0.
        loss -= low * jnp.sum(logits, axis=-1)
        loss += high * jnp.log(high) + (vocab - 1) * low * jnp.log(low)
    softmax = exp / total[..., None]
    grad = softmax * (1.0 + 2.0 * z_loss * log_z)[..., None]
    grad = grad - jnp.where(is_target, high, low)
    correct = jnp.sum(weights * (target_logit >= top))
    return jnp.sum(weights * loss), correct, weights[..., None] * grad


def _split(x: Array, chunk: int) -> Array:
    """(B, T, …) → (T / chunk, B, chunk, …)."""
    batch, length = x.shape[:2]
    return x.reshape(batch, length // chunk, chunk, *x.shape[2:]).swapaxes(0, 1)


def _scan(
    hidden: Array,
    embedding: Array,
    targets: Array,
    weights: Array,
    options: _Options,
    with_gradients: bool,
) -> tuple[Array, Array, _Gradients | None]:
    z_loss, label_smoothing, chunk, shards = options
    chunk = max(1, chunk * shards // hidden.shape[0])  # of one row
    chunks = -(-hidden.shape[1] // chunk)
    chunk = -(-hidden.shape[1] // chunks)  # chunks of about the same size: hardly any padding
    pad = -hidden.shape[1] % chunk
    if pad:
        hidden = jnp.pad(hidden, ((0, 0), (0, pad), (0, 0)))
        targets, weights = (jnp.pad(x, ((0, 0), (0, pad))) for x in (targets, weights))
    table = embedding.astype(jnp.float32)

    def step(carry: tuple[Any, Any, Any], xs: tuple[Array, ...]) -> tuple[Any, Array | None]:
        loss, correct, table_grad = carry
        h, t, w = xs
        h = h.astype(jnp.float32)
        logits = jnp.einsum("bcd,vd->bcv", h, table)
        chunk_loss, chunk_correct, grad = _chunk_loss(logits, t, w, z_loss, label_smoothing)
        hidden_grad = None
        if with_gradients:
            hidden_grad = jnp.einsum("bcv,vd->bcd", grad, table).astype(hidden.dtype)
            # One sum per data shard: adding into a single one would cost an all-reduce a chunk.
            own = (shards, grad.shape[0] // shards * chunk)
            grad, h = grad.reshape(*own, -1), h.reshape(*own, -1)
            table_grad = table_grad + jnp.einsum("snv,snd->svd", grad, h)
        return (loss + chunk_loss, correct + chunk_correct, table_grad), hidden_grad

    start = jnp.zeros((shards, *table.shape)) if with_gradients else None
    xs = tuple(_split(x, chunk) for x in (hidden, targets, weights))
    scanned: Any = lax.scan(step, (0.0, 0.0, start), xs)
    (loss, correct, table_grad), hidden_grad = scanned
    if table_grad is None:
        return loss, correct, None
    hidden_grad = hidden_grad.swapaxes(0, 1).reshape(hidden.shape)
    hidden_grad = hidden_grad[:, : hidden.shape[1] - pad]
    return loss, correct, (hidden_grad, table_grad.sum(0).astype(embedding.dtype))


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _loss(
    hidden: Array, embedding: Array, targets: Array, weights: Array, options: _Options
) -> tuple[Array, Array]:
    return _scan(hidden, embedding, targets, weights, options, with_gradients=False)[:2]


def _forward(
    hidden: Array, embedding: Array, targets: Array, weights: Array, options: _Options
) -> tuple[tuple[Array, Array], _Gradients | None]:
    loss, correct, grads = _scan(hidden, embedding, targets, weights, options, with_gradients=True)
    return (loss, correct), grads


def _backward(
    options: _Options, grads: _Gradients, cotangents: tuple[Array, Array]
) -> tuple[Array, Array, None, None]:
    hidden_grad, table_grad = grads
    scale = cotangents[0]
    return (scale * hidden_grad).astype(hidden_grad.dtype), scale * table_grad, None, None


_loss.defvjp(_forward, _backward)


def cross_entropy(
    hidden: Array,
    embedding: Array,
    targets: Array,
    weights: Array,
    *,
    z_loss: float = 0.0,
    label_smoothing: float = 0.0,
    chunk: int = 1024,
    shards: int = 1,
) -> tuple[Array, Array]:
    """Sums the cross-entropy of ``hidden @ embedding.T`` over all weighted target tokens.

    Args:
        hidden: Decoder hidden states (B, T, D).
        embedding: Output embedding (V, D), see ``network.output_embedding``.
        targets: Token ids, int32 (B, T).
        weights: float32 (B, T), 0 for padding. Neither targets nor weights get a gradient.
        z_loss: Factor of the squared log normaliser.
        label_smoothing: Mass taken from the target token.
        chunk: Most target positions, of all rows of a device, whose logits exist at one time.
        shards: Devices over which B is split; must divide B.

    Returns:
        The loss sum and the (weighted) number of tokens whose arg max is the target, both float32
        scalars. Divide by ``weights.sum()`` over *all* micro-batches and hosts.
    """
    return _loss(hidden, embedding, targets, weights, (z_loss, label_smoothing, chunk, shards))

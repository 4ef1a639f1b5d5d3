"""The parts of a T5 layer: norm, relative positions, attention, feed-forward, dropout.

Letters in the shape comments are those of ``network.py``. Parameters' names, shapes and initial
values are those of T5X (``t5x/examples/t5/layers.py``), so that checkpoints go both ways.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fsa_jax.model.attention import Terms, softmax_mean, sum_by_product

NUM_BUCKETS = 32
MAX_DISTANCE = 128

Array = jax.Array
Cache = Any  # a pytree of one layer's (or all layers') keys and values
Biases = tuple[Terms, ...]  # of each query block
Initializer = Callable[..., Any]  # (key, shape, dtype) to an array, or to one in a box


def partitioned(init: Initializer, *axes: str) -> Initializer:
    """The initializer ``init`` of a parameter with these logical axes (``partitioning.py``)."""
    return nn.with_logical_partitioning(init, axes)


def fan_in(
    *axes: str,
    scale: float = 1.0,
    kind: Literal["truncated_normal", "normal"] = "truncated_normal",
) -> Initializer:
    """An initializer of variance ``scale`` / fan-in for a matrix with these logical axes."""
    return partitioned(nn.initializers.variance_scaling(scale, "fan_in", kind), *axes)


def _dense(features: int, init: Initializer, dtype: str, name: str) -> nn.Dense:
    return nn.Dense(features, use_bias=False, dtype=dtype, kernel_init=init, name=name)


class RMSNorm(nn.Module):
    """T5's layer norm: no mean, no bias, ε = 1e-6, computed in float32."""

    dtype: str

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Norms the last axis."""
        scale: Array = self.param(
            "scale", partitioned(nn.initializers.ones, "embed"), (x.shape[-1],)
        )
        x = x.astype(jnp.float32)
        x = x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + 1e-6)
        return (x * scale).astype(self.dtype)


def _half_buckets(num_buckets: int) -> np.ndarray:
    """Bucket of each distance 0 … MAX_DISTANCE; greater distances share the last one."""
    distance = np.arange(MAX_DISTANCE + 1)
    exact = num_buckets // 2
    ratio = np.log(np.maximum(distance, 1) / exact) / np.log(MAX_DISTANCE / exact)
    # The small push keeps exact powers from falling into the bucket below by rounding.
    logarithmic = exact + (ratio * (num_buckets - exact) + 1e-9).astype(np.int32)
    buckets: np.ndarray = np.where(
        distance < exact, distance, np.minimum(logarithmic, num_buckets - 1)
    )
    return buckets.astype(np.int32)


_ONE_WAY = _half_buckets(NUM_BUCKETS)
_TWO_WAY = _half_buckets(NUM_BUCKETS // 2)


def relative_bucket(offset: np.ndarray, bidirectional: bool) -> np.ndarray:
    """Bucket of each offset (key position − query position), int32, same shape."""
    if not bidirectional:
        one_way: np.ndarray = _ONE_WAY[np.clip(-offset, 0, MAX_DISTANCE)]
        return one_way
    two_way: np.ndarray = _TWO_WAY[np.minimum(np.abs(offset), MAX_DISTANCE)]
    buckets: np.ndarray = two_way + NUM_BUCKETS // 2 * (offset > 0)
    return buckets.astype(np.int32)


class QueryBlock(NamedTuple):
    """The queries from ``begin`` to before ``end``, and how many ``keys`` they may see."""

    begin: int
    end: int
    keys: int


def query_blocks(mask: Array, causal: bool = False) -> tuple[QueryBlock, ...]:
    """Cuts a long causal mask (B, Q, K) into four blocks of queries, with the keys up to their end.

    The keys that come later would all be hidden: so they are not even computed. All layers share
    the blocks' biases, so that a gradient is summed over the layers before it is put together.
    """
    queries, keys = mask.shape[-2:]
    if not causal or queries < 256:
        return (QueryBlock(0, queries, keys),)
    ends = [queries * (i + 1) // 4 for i in range(4)]
    return tuple(QueryBlock(begin, end, end) for begin, end in zip([0, *ends], ends, strict=False))


class RelativePositionBias(nn.Module):
    """A learned bias per head and bucketed distance (Raffel et al. 2020, section 2.1)."""

    num_heads: int
    bidirectional: bool

    @nn.compact
    def __call__(
        self, blocks: Sequence[QueryBlock], positions: Array | None = None
    ) -> tuple[Array, ...]:
        """Returns a block's bias (1, H, Q, K), with a query's ``positions`` (B,) (B, H, 1, K)."""
        init = partitioned(
            nn.initializers.variance_scaling(1.0, "fan_avg", "uniform"), "heads", "relpos_buckets"
        )
        table = self.param("rel_embedding", init, (self.num_heads, NUM_BUCKETS))
        keys = blocks[-1].keys
        if positions is not None:
            distance = jnp.clip(positions[:, None] - jnp.arange(keys), 0, MAX_DISTANCE)
            return (table[:, jnp.asarray(_ONE_WAY)[distance]].swapaxes(0, 1)[:, :, None],)
        # The bias is constant along diagonals: look up the 2·keys − 1 offsets with a small
        # product, then lay them out by shifting, whose gradient is a sum and no slow scatter.
        offsets = np.arange(1 - keys, keys)
        one_hot = np.eye(NUM_BUCKETS, dtype=np.float32)[
            relative_bucket(offsets, self.bidirectional)
        ]
        diagonals = jnp.einsum("hb,ob->ho", table, one_hot, precision="highest")
        # Seen from its last query and last key, every block is the same.
        rows = max(b.end - b.begin for b in blocks)
        bias = _toeplitz(diagonals[:, : keys + rows - 1], keys)[None]
        return tuple(bias[:, :, rows - (b.end - b.begin) :, keys - b.keys :] for b in blocks)


def _toeplitz(diagonals: Array, keys: int) -> Array:
    """(H, Q + K − 1) → (H, Q, K) with ``out[h, q, k] = in[h, k − q + Q − 1]``."""
    heads, count = diagonals.shape
    queries = count - keys + 1
    # A row of count + 1 repeated, but read in rows of count: each row starts one to the left.
    rows = _repeat(jnp.pad(diagonals, ((0, 0), (0, 1)))[:, None], 1, queries)
    rows = rows.reshape(heads, -1)[:, : queries * count]
    return rows.reshape(heads, queries, count)[:, :, queries - 1 :]


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def _repeat(x: Array, axis: int, count: int) -> Array:
    """Repeats an axis of size 1."""
    return jnp.broadcast_to(x, (*x.shape[:axis], count, *x.shape[axis + 1 :]))


_repeat.defvjp(
    lambda x, axis, count: (_repeat(x, axis, count), None),
    lambda axis, count, _, grad: (sum_by_product(grad, axis),),
)


class Attention(nn.Module):
    """Multi-head attention with unscaled queries, as in T5.

    Attributes:
        num_heads: Heads H.
        head_dim: Size of one head C.
        dtype: Type of the activations; logits and softmax are float32.
        dropout_rate: Share of keys that are dropped, the same for all queries, as in T5X.
    """

    num_heads: int
    head_dim: int
    dtype: str
    dropout_rate: float = 0.0

    @nn.compact
    def __call__(
        self,
        x: Array,
        source: Array | None,
        biases: Biases,
        cache: Cache = None,
        positions: Array | None = None,
    ) -> tuple[Array, Cache]:
        """Attends from ``x`` to ``source``, to the cache, or to both.

        Args:
            x: Queries' input, (B, Q, D).
            source: Keys' and values' input (B, K, D), or None to use the cache as it is.
            biases: For each of the ``query_blocks`` the terms, each broadcastable to (B, H, Q, K),
                that are added to its attention logits.
            cache: None, or ``{"key", "value"}`` of (B, H, K, C).
            positions: With a cache: where ``source`` (B, 1, D) goes in it, (B,).

        Returns:
            The output (B, Q, D), and the keys and values used, (B, H, K, C).
        """
        # T5 divides by √C at initialisation instead of at run time.
        query = self._project("query", scale=1 / self.head_dim)(x)
        if source is not None:
            new = {name: self._project(name)(source) for name in ("key", "value")}
            if cache is not None:
                rows = jnp.arange(x.shape[0])
                new = {n: cache[n].at[rows, :, positions].set(x[:, :, 0]) for n, x in new.items()}
            cache = new
        out = self._attend(query, cache, biases).swapaxes(1, 2)
        init = fan_in("joined_kv", "embed", kind="normal")
        out = out.reshape(*out.shape[:2], -1)
        return _dense(x.shape[-1], init, self.dtype, "out")(out), cache

    def _project(self, name: str, scale: float = 1.0) -> Callable[[Array], Array]:
        """The product (B, T, D) → (B, H, T, C) called ``name``."""
        init = fan_in("embed", "joined_kv", scale=scale, kind="normal")
        dense = _dense(self.num_heads * self.head_dim, init, self.dtype, name)
        split = (self.num_heads, self.head_dim)
        return lambda x: dense(x).reshape(*x.shape[:-1], *split).swapaxes(1, 2)

    def _attend(self, query: Array, cache: Cache, biases: Biases) -> Array:
        """Softmax-weighted means of the values, (B, H, Q, C)."""
        key, value = cache["key"], cache["value"]
        if self.dropout_rate:
            # To drop a key for all queries is to drop its value.
            ones = jnp.ones((*value.shape[:3], 1), self.dtype)
            value = value * dropout(self.dropout_rate, broadcast_dims=())(ones)
        outs, begin = [], 0
        for terms in biases:
            queries, seen = terms[-1].shape[-2:]
            block = query[:, :, begin : begin + queries]
            outs.append(softmax_mean(block, key[:, :, :seen], value[:, :, :seen], terms))
            begin += queries
        return outs[0] if len(outs) == 1 else jnp.concatenate(outs, axis=2)


class Mlp(nn.Module):
    """The feed-forward block: relu, or gated gelu (T5 1.1).

    Attributes:
        mlp_dim: Width F.
        activations: One a factor: ``("relu",)``, ``("gelu", "linear")``.
        dtype: Type of the activations.
        dropout_rate: Dropout of the hidden layer.
    """

    mlp_dim: int
    activations: tuple[str, ...]
    dtype: str
    dropout_rate: float = 0.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """(…, D) → (…, D)."""
        gated = len(self.activations) > 1
        hidden: Any = 1.0
        for i, activation in enumerate(self.activations):
            name = f"wi_{i}" if gated else "wi"
            y = _dense(self.mlp_dim, fan_in("embed", "mlp"), self.dtype, name)(x)
            hidden = hidden * (y if activation == "linear" else getattr(nn, activation)(y))
        hidden = dropout(self.dropout_rate)(hidden)
        return _dense(x.shape[-1], fan_in("mlp", "embed"), self.dtype, "wo")(hidden)


def dropout(rate: float, broadcast_dims: tuple[int, ...] = (-2,)) -> nn.Dropout:
    """Dropout that drops a feature for the whole row at once, as T5X does; off where rate is 0."""
    return nn.Dropout(rate, broadcast_dims=broadcast_dims, deterministic=rate == 0)

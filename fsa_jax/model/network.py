"""The T5 student: one frozen config, one network, T5 1.0 and T5 1.1.

Follows T5 (Raffel et al. 2020, arXiv 1910.10683) in the form of T5X's minimal example
(``t5x/examples/t5/network.py``), whose parameter tree it keeps, so that checkpoints go both ways.

Letters in the shape comments: B batch rows, S encoder positions, T decoder positions, Q and K query
and key positions, D model width, H heads, C head size, F feed-forward width, V vocabulary.

Dropout is on exactly when ``config.dropout_rate > 0``; see ``T5Config.without_dropout``.
Packed rows hold several examples one after the other; ``segment_ids`` (1, 2, … per example, 0 for
padding) keep their attention apart. Relative positions need no reset at a segment border, since
they are differences.
"""

import dataclasses
import operator
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.linen import spmd

from fsa_jax.model.layers import (
    Array,
    Attention,
    Biases,
    Cache,
    Mlp,
    QueryBlock,
    RelativePositionBias,
    RMSNorm,
    dropout,
    fan_in,
    partitioned,
    query_blocks,
)

Params = dict[str, Any]  # nested, of arrays or of what stands for them

MASKED = -1e10  # added to the logits of keys that a query must not see

_REMAT_POLICIES = {
    "none": None,
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
    "full": jax.checkpoint_policies.nothing_saveable,
}


@dataclasses.dataclass(frozen=True)
class T5Config:
    """Size and kind of a T5; the field names are those of T5X's ``T5Config``.

    Attributes:
        vocab_size: Rows of the embedding table, at least the vocabulary's size.
        emb_dim: Model width D.
        num_heads: Attention heads H.
        head_dim: Size of one head C (H · C need not equal D).
        mlp_dim: Feed-forward width F.
        num_encoder_layers: Layers of the encoder.
        num_decoder_layers: Layers of the decoder.
        mlp_activations: ``("relu",)`` for T5 1.0, ``("gelu", "linear")`` for T5 1.1.
        logits_via_embedding: True for T5 1.0: logits are ``embedding · (y / √D)``.
        dropout_rate: Dropout as in T5X; 0 switches it off.
        dtype: Type of the activations, ``"float32"`` or ``"bfloat16"``. Parameters, norms, softmax
            and logits are float32 always.
        scan_layers: Stack each layer's parameters under ``layers`` and scan over them: compile time
            no longer grows with depth.
        remat_policy: What the backward pass recomputes: ``"none"``, ``"dots"`` (all but the matrix
            products) or ``"full"``.
    """

    vocab_size: int
    emb_dim: int
    num_heads: int
    head_dim: int
    mlp_dim: int
    num_encoder_layers: int
    num_decoder_layers: int
    mlp_activations: tuple[str, ...] = ("relu",)
    logits_via_embedding: bool = True
    dropout_rate: float = 0.0
    dtype: str = "float32"
    scan_layers: bool = False
    remat_policy: str = "none"

    def __post_init__(self) -> None:
        # Gin hands over lists; a frozen config must be hashable.
        object.__setattr__(self, "mlp_activations", tuple(self.mlp_activations))
        if self.remat_policy not in _REMAT_POLICIES:
            raise ValueError(
                f"T5Config.remat_policy is {self.remat_policy!r}; it is one of "
                f"{', '.join(_REMAT_POLICIES)}"
            )
        if self.dtype not in ("float32", "bfloat16"):
            raise ValueError(f"T5Config.dtype is {self.dtype!r}; it is float32 or bfloat16")

    def without_dropout(self) -> "T5Config":
        """The same network for evaluation and decoding."""
        return dataclasses.replace(self, dropout_rate=0.0)


def _attention(cfg: T5Config, name: str) -> Attention:
    return Attention(cfg.num_heads, cfg.head_dim, cfg.dtype, cfg.dropout_rate, name=name)


def _mlp(cfg: T5Config) -> Mlp:
    return Mlp(cfg.mlp_dim, cfg.mlp_activations, cfg.dtype, cfg.dropout_rate, name="mlp")


def _constrain(x: Array) -> Array:
    spread: Array = spmd.with_logical_constraint(x, ("batch", "length", "activation_embed"))
    return spread


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each normed before and added after."""

    config: T5Config

    @nn.compact
    def __call__(self, x: Array, cache: None, biases: Biases) -> tuple[Array, None]:
        cfg = self.config
        y = RMSNorm(cfg.dtype, name="pre_attention_layer_norm")(x)
        y, _ = _attention(cfg, "attention")(y, y, biases)
        x = x + dropout(cfg.dropout_rate)(y)
        y = RMSNorm(cfg.dtype, name="pre_mlp_layer_norm")(x)
        x = x + dropout(cfg.dropout_rate)(_mlp(cfg)(y))
        return _constrain(x), None


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to the encoder, feed-forward."""

    config: T5Config

    @nn.compact
    def __call__(
        self,
        x: Array,
        cache: Cache,
        encoded: Array | None,
        positions: Array | None,
        self_biases: Biases,
        cross_biases: Biases,
    ) -> tuple[Array, Cache]:
        """Returns the output (B, T, D) and the layer's cache (None in training)."""
        cfg = self.config
        y = RMSNorm(cfg.dtype, name="pre_self_attention_layer_norm")(x)
        own = None if cache is None else cache["self"]
        y, own = _attention(cfg, "self_attention")(y, y, self_biases, own, positions)
        x = x + dropout(cfg.dropout_rate)(y)
        y = RMSNorm(cfg.dtype, name="pre_cross_attention_layer_norm")(x)
        cross = None if encoded is not None else cache["cross"]
        y, cross = _attention(cfg, "encoder_decoder_attention")(y, encoded, cross_biases, cross)
        x = x + dropout(cfg.dropout_rate)(y)
        y = RMSNorm(cfg.dtype, name="pre_mlp_layer_norm")(x)
        x = x + dropout(cfg.dropout_rate)(_mlp(cfg)(y))
        return _constrain(x), None if cache is None else {"self": own, "cross": cross}


def _run_layers(
    layer_class: Any, cfg: T5Config, count: int, x: Array, caches: Cache, *args: Any
) -> tuple[Array, Cache]:
    """Runs ``count`` layers, unrolled (``layers_0`` …) or as one scan (``layers``).

    Args:
        layer_class: ``EncoderLayer`` or ``DecoderLayer``.
        cfg: The network's config.
        count: How many layers.
        x: Input of the first layer, (B, T, D).
        caches: None, or a tuple of one cache a layer, or for a scan one stacked cache.
        *args: Further arguments, the same for every layer.

    Returns:
        The last layer's output and the new caches.
    """
    policy = _REMAT_POLICIES[cfg.remat_policy]
    if policy is not None:
        layer_class = nn.remat(layer_class, policy=policy, prevent_cse=not cfg.scan_layers)
    if cfg.scan_layers:
        scanned = nn.scan(
            layer_class,
            variable_axes={"params": 0},
            split_rngs={"params": True, "dropout": True},
            in_axes=(0, *(nn.broadcast,) * len(args)),
            length=count,
            metadata_params={nn.PARTITION_NAME: "layers"},
        )
        x, caches = scanned(cfg, name="layers")(x, caches, *args)
        return x, caches
    out = []
    for i in range(count):
        cache = None if caches is None else caches[i]
        x, cache = layer_class(cfg, name=f"layers_{i}")(x, cache, *args)
        out.append(cache)
    return x, tuple(out)


class Encoder(nn.Module):
    """Embedded tokens (B, S, D) to their encoding (B, S, D)."""

    config: T5Config

    @nn.compact
    def __call__(self, x: Array, mask: Array) -> Array:
        cfg = self.config
        blocks = query_blocks(mask)
        relative = RelativePositionBias(cfg.num_heads, True, name="relpos_bias")(blocks)
        x = dropout(cfg.dropout_rate)(x)
        biases = attention_biases(mask, blocks, relative)
        x, _ = _run_layers(EncoderLayer, cfg, cfg.num_encoder_layers, x, None, biases)
        x = RMSNorm(cfg.dtype, name="encoder_norm")(x)
        encoded: Array = dropout(cfg.dropout_rate, broadcast_dims=())(x)
        return encoded


class OutputKernel(nn.Module):
    """Holds the untied output kernel (D, V); ``output_embedding`` reads it from the tree."""

    vocab_size: int

    @nn.compact
    def __call__(self, width: int) -> None:
        self.param("kernel", fan_in("embed", "vocab"), (width, self.vocab_size))


class Decoder(nn.Module):
    """Embedded tokens (B, T, D) and an encoding to hidden states (B, T, D)."""

    config: T5Config

    @nn.compact
    def __call__(
        self,
        y: Array,
        encoded: Array | None,
        mask: Array,
        cross_mask: Array,
        caches: Cache = None,
        positions: Array | None = None,
    ) -> tuple[Array, Cache]:
        cfg = self.config
        blocks = query_blocks(mask, causal=caches is None)
        relative = RelativePositionBias(cfg.num_heads, False, name="relpos_bias")(blocks, positions)
        y = dropout(cfg.dropout_rate)(y)
        y, caches = _run_layers(
            DecoderLayer,
            cfg,
            cfg.num_decoder_layers,
            y,
            caches,
            encoded,
            positions,
            attention_biases(mask, blocks, relative),
            attention_biases(cross_mask, query_blocks(cross_mask)),
        )
        y = dropout(cfg.dropout_rate)(RMSNorm(cfg.dtype, name="decoder_norm")(y))
        if cfg.logits_via_embedding:
            y = y / cfg.emb_dim**0.5
        else:
            OutputKernel(cfg.vocab_size, name="logits_dense")(cfg.emb_dim)
        return y, caches


def attention_biases(
    mask: Array, blocks: Sequence[QueryBlock], *relative: tuple[Array, ...]
) -> Biases:
    """Each block's terms of the attention logits: relative positions, if any, and what it hides.

    Args:
        mask: Boolean (B, Q, K), True = visible.
        blocks: From ``query_blocks``.
        *relative: At most one ``RelativePositionBias``.
    """
    seen = [mask[:, None, block.begin : block.end, : block.keys] for block in blocks]
    hidden = [jnp.where(visible, 0.0, MASKED) for visible in seen]
    return tuple(zip(*relative, hidden, strict=True))


def _same_segment(queries: Array, keys: Array) -> Array:
    """(B, Q) and (B, K) segment ids to a mask (B, Q, K); padding (0) is no one's segment."""
    return (queries[:, :, None] == keys[:, None, :]) & (keys > 0)[:, None, :]


class T5(nn.Module):
    """The encoder-decoder. ``logits`` turns its hidden states into logits."""

    config: T5Config

    def setup(self) -> None:
        cfg = self.config
        self.token_embedder = nn.Embed(
            cfg.vocab_size,
            cfg.emb_dim,
            dtype=cfg.dtype,
            embedding_init=partitioned(nn.initializers.normal(1.0), "vocab", "embed"),
        )
        self.encoder = Encoder(cfg)
        self.decoder = Decoder(cfg)

    def encode(self, tokens: Array, segment_ids: Array | None = None) -> Array:
        """Encodes tokens (B, S), int32, 0 = padding, to (B, S, D)."""
        segments = (tokens > 0).astype(jnp.int32) if segment_ids is None else segment_ids
        x: Array = self.token_embedder(tokens)
        encoded: Array = self.encoder(x, _same_segment(segments, segments))
        return encoded

    def __call__(
        self,
        encoder_input_tokens: Array,
        decoder_input_tokens: Array,
        encoder_segment_ids: Array | None = None,
        decoder_segment_ids: Array | None = None,
    ) -> Array:
        """Teacher forcing.

        Args:
            encoder_input_tokens: int32 (B, S), 0 = padding.
            decoder_input_tokens: int32 (B, T), the targets shifted right.
            encoder_segment_ids: int32 (B, S) for packed rows, else None.
            decoder_segment_ids: int32 (B, T) for packed rows, else None.

        Returns:
            The decoder's hidden states (B, T, D); see ``logits``.
        """
        encoded = self.encode(encoder_input_tokens, encoder_segment_ids)
        sources, queries = encoder_segment_ids, decoder_segment_ids
        if sources is None or queries is None:
            # One example a row: the causal mask alone hides the padding, which comes last.
            sources = (encoder_input_tokens > 0).astype(jnp.int32)
            queries = jnp.ones_like(decoder_input_tokens)
        length = decoder_input_tokens.shape[1]
        causal = np.tril(np.ones((length, length), bool))
        hidden: Array
        hidden, _ = self.decoder(
            self.token_embedder(decoder_input_tokens),
            encoded,
            _same_segment(queries, queries) & causal,
            _same_segment(queries, sources),
        )
        return hidden

    def decode_step(
        self,
        tokens: Array,
        positions: Array,
        caches: Cache,
        encoder_input_tokens: Array,
        encoded: Array | None = None,
    ) -> tuple[Array, Cache]:
        """Advances every row by one token; rows may stand at different positions.

        Args:
            tokens: The last token of each row, int32 (B,); 0, T5's start token, at first.
            positions: The position of ``tokens``, int32 (B,).
            caches: From ``empty_caches`` at first, then from the step before.
            encoder_input_tokens: int32 (B, S), for the mask.
            encoded: The encoding (B, S, D) at the first step, which keeps its keys and values in
                the cache; None afterwards.

        Returns:
            Hidden states (B, D) and the new caches.
        """
        length = (caches if self.config.scan_layers else caches[0])["self"]["key"].shape[-2]
        mask = (jnp.arange(length) <= positions[:, None])[:, None]
        hidden, caches = self.decoder(
            self.token_embedder(tokens[:, None]),
            encoded,
            mask,
            (encoder_input_tokens > 0)[:, None],
            caches,
            positions,
        )
        return hidden[:, 0], caches


def empty_caches(config: T5Config, batch: int, length: int) -> Cache:
    """Caches of ``decode_step`` for ``length`` steps of ``batch`` rows."""
    shape: tuple[int, ...] = (batch, config.num_heads, length, config.head_dim)
    if config.scan_layers:
        shape = (config.num_decoder_layers, *shape)

    def one() -> Cache:
        zeros = jnp.zeros(shape, config.dtype)
        return {"self": {"key": zeros, "value": zeros}}

    return one() if config.scan_layers else tuple(one() for _ in range(config.num_decoder_layers))


def output_embedding(params: Params, config: T5Config) -> Array:
    """The matrix (V, D) whose product with a hidden state gives its logits."""
    if config.logits_via_embedding:
        table: Array = params["token_embedder"]["embedding"]
        return table
    kernel: Array = params["decoder"]["logits_dense"]["kernel"]
    return kernel.T


def logits(params: Params, hidden: Array, config: T5Config) -> Array:
    """Float32 logits (…, V) of hidden states (…, D)."""
    return jnp.einsum("...d,vd->...v", hidden.astype(jnp.float32), output_embedding(params, config))


def init_params(config: T5Config, rng: Array) -> Params:
    """Random parameters, boxed with their logical axes (``flax.linen.meta``)."""
    tokens = jnp.zeros((1, 2), jnp.int32)
    params: Params = T5(config.without_dropout()).init(rng, tokens, tokens)["params"]
    return params


def unstack_layers(params: Params, config: T5Config) -> Params:
    """Stacked ``layers`` (of ``scan_layers``) to ``layers_0`` …, the layout of checkpoints."""

    def unstack(own: Params, count: int) -> None:
        layers = own.pop("layers")
        for i in range(count):
            own[f"layers_{i}"] = jax.tree.map(operator.itemgetter(i), layers)

    return _change_stacks(params, config, unstack)


def stack_layers(params: Params, config: T5Config) -> Params:
    """The inverse of ``unstack_layers``."""

    def stack(own: Params, count: int) -> None:
        layers = [own.pop(f"layers_{i}") for i in range(count)]
        own["layers"] = jax.tree.map(lambda *xs: jnp.stack(xs), *layers)

    return _change_stacks(params, config, stack)


def _change_stacks(
    params: Params, config: T5Config, change: Callable[[Params, int], None]
) -> Params:
    """Lets ``change`` work on copies of encoder and decoder; as it is without ``scan_layers``."""
    if not config.scan_layers:
        return params
    stacks = {name: dict(params[name]) for name in ("encoder", "decoder")}
    change(stacks["encoder"], config.num_encoder_layers)
    change(stacks["decoder"], config.num_decoder_layers)
    return {**params, **stacks}

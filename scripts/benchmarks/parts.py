"""Where the time of a training step goes: each part of the network alone, against the peak.

    python -m scripts.benchmarks.parts [--rounds 3] [--rows 2] [--inputs 256] [--targets 800]

Prints a JSON object of the results. Every part runs forward and backward on one micro-batch of
packed rows, as often as the network holds it; what the whole gradient takes beyond their sum are
norms, residuals, embeddings and the joining of gradients. The machine's peak is measured beside
every part, since it may wander.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fsa_jax.model import flops, layers, loss, network
from fsa_jax.model.network import T5Config
from fsa_jax.runtime import host_memory
from fsa_jax.training import train_step

WHOLE = "the whole gradient"
EXAMPLES = 3  # a packed row's


@dataclass(frozen=True)
class Part:
    """A piece of the training step.

    Attributes:
        count: How often one micro-batch runs it.
        flops: Model FLOPs of all ``count`` runs, forward and backward.
        run: Runs it once, and waits.
    """

    count: int
    flops: float
    run: Callable[[], Any]


def _forward_and_backward(function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """What runs ``function(*args)`` and its gradient for all of them, compiled."""

    def both(args: tuple[Any, ...], cotangent: Any) -> tuple[Any, Any]:
        out, gradient = jax.vjp(function, *args)
        return out, gradient(cotangent)

    cotangent = jax.tree.map(lambda x: jnp.ones(x.shape, x.dtype), jax.eval_shape(function, *args))
    compiled = jax.jit(both)
    return lambda: jax.block_until_ready(compiled(args, cotangent))


def _segments(rows: int, length: int) -> jax.Array:
    """Segment ids (B, length) of a row that holds ``EXAMPLES`` equal examples."""
    return jnp.asarray(np.tile(1 + np.arange(length) * EXAMPLES // length, (rows, 1)))


def _attention(
    config: T5Config,
    count: int,
    source: jax.Array | None,
    queries: jax.Array,
    keys: jax.Array,
    causal: bool,
) -> Part:
    """An attention layer over rows with these segment ids; ``source`` None is self-attention."""
    rows, length = queries.shape
    x = jax.random.normal(jax.random.key(1), (rows, length, config.emb_dim))
    mask = queries[:, :, None] == keys[:, None, :]
    if causal:
        mask &= np.tril(np.ones((length, length), bool))
    mask = jnp.asarray(mask)
    blocks = layers.query_blocks(mask, causal)
    # Relative positions are made once for all layers: here they are given.
    bias = [jnp.zeros((1, config.num_heads, b.end - b.begin, b.keys)) for b in blocks]
    relative = [bias] if source is None else []
    module = layers.Attention(config.num_heads, config.head_dim, config.dtype)

    def apply(params: Any, relative: Any, x: jax.Array, source: jax.Array | None) -> Any:
        biases = network.attention_biases(mask, blocks, *relative)
        return module.apply(params, x, x if source is None else source, biases)[0]

    hidden = network.attention_biases(mask, blocks)
    params = nn.unbox(module.init(jax.random.key(0), x, x if source is None else source, hidden))
    work = 3 * rows * count * flops.attention_flops(config, length, keys.shape[1])
    return Part(count, work, _forward_and_backward(apply, params, relative, x, source))


def _feed_forward(config: T5Config, count: int, rows: int, length: int) -> Part:
    x = jax.random.normal(jax.random.key(1), (rows, length, config.emb_dim))
    module = layers.Mlp(config.mlp_dim, config.mlp_activations, config.dtype)
    params = nn.unbox(module.init(jax.random.key(0), x))
    work = 3 * rows * count * flops.mlp_flops(config, length)
    return Part(count, work, _forward_and_backward(module.apply, params, x))


def _vocabulary(config: T5Config, rows: int, length: int) -> Part:
    hidden = jax.random.normal(jax.random.key(1), (rows, length, config.emb_dim))
    table = jax.random.normal(jax.random.key(2), (config.vocab_size, config.emb_dim))
    targets = jax.random.randint(jax.random.key(3), (rows, length), 1, config.vocab_size)
    weights = jnp.ones((rows, length))

    def total(hidden: jax.Array, table: jax.Array) -> jax.Array:
        return loss.cross_entropy(hidden, table, targets, weights)[0]

    work = 3 * rows * flops.logits_flops(config, length)
    return Part(1, work, _forward_and_backward(total, hidden, table))


def make_parts(config: T5Config, rows: int, inputs: int, targets: int) -> dict[str, Part]:
    """All parts by name, the whole gradient last."""
    keys, queries = _segments(rows, inputs), _segments(rows, targets)
    encoded = jax.random.normal(jax.random.key(4), (rows, inputs, config.emb_dim))
    encoder, decoder = config.num_encoder_layers, config.num_decoder_layers
    batch = {
        "encoder_input_tokens": 2 + keys,
        "decoder_input_tokens": 2 + queries,
        "decoder_target_tokens": 2 + queries,
        "decoder_loss_weights": jnp.ones((rows, targets)),
        "encoder_segment_ids": keys,
        "decoder_segment_ids": queries,
    }
    params = nn.unbox(network.init_params(config, jax.random.key(0)))
    gradients = jax.jit(
        lambda params, batch: train_step.gradients(
            params, batch, jax.random.key(0), config, train_step.LossConfig()
        )
    )
    return {
        "vocabulary: logits and loss": _vocabulary(config, rows, targets),
        "feed-forward, decoder": _feed_forward(config, decoder, rows, targets),
        "feed-forward, encoder": _feed_forward(config, encoder, rows, inputs),
        "self-attention, decoder": _attention(config, decoder, None, queries, queries, True),
        "attention to the encoder": _attention(config, decoder, encoded, queries, keys, False),
        "self-attention, encoder": _attention(config, encoder, None, keys, keys, False),
        WHOLE: Part(
            1,
            flops.train_flops(config, rows, inputs, targets),
            lambda: jax.block_until_ready(gradients(params, batch)),
        ),
    }


def measure(parts: Mapping[str, Part], rounds: int) -> dict[str, dict[str, float]]:
    """Medians over rounds of seconds and of the reached share of the peak, by part."""
    for part in parts.values():
        part.run()
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    reached: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, part in parts.items():
            peak = flops.matmul_peak()
            start = time.perf_counter()
            part.run()
            taken = part.count * (time.perf_counter() - start)
            seconds[name].append(taken)
            reached[name].append(part.flops / taken / peak)
    return {
        name: {
            "seconds": statistics.median(seconds[name]),
            "flops": part.flops,
            "of_peak": statistics.median(reached[name]),
        }
        for name, part in parts.items()
    }


def main() -> None:
    """Measures T5-small."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--inputs", type=int, default=256)
    parser.add_argument("--targets", type=int, default=800)
    parser.add_argument("--layers", type=int, default=6)
    options = parser.parse_args()
    host_memory.keep_freed_memory()  # as `t5x train` does
    config = T5Config(32128, 512, 8, 64, 2048, options.layers, options.layers)
    parts = make_parts(config, options.rows, options.inputs, options.targets)
    measured = measure(parts, options.rounds)
    whole = measured.pop(WHOLE)
    shape = {name: getattr(options, name) for name in ("rows", "inputs", "targets")}
    print(json.dumps({**shape, "whole": whole, "parts": measured}, indent=2))


if __name__ == "__main__":
    main()

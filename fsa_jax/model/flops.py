"""Arithmetic of a T5, counted from its config: what a training step has to compute.

*Model FLOPs* are those of the matrix products that the mathematics asks for, twice a multiply-add
each: no one-hot lookups, no recomputation, padding counted as what it occupies. As is usual, causal
attention counts with all its keys, also those that are never computed. A backward pass costs twice
its forward pass.
"""

import time
from typing import Any

import jax
import jax.numpy as jnp

from fsa_jax.model.network import T5Config


def attention_flops(config: T5Config, queries: int, keys: int) -> float:
    """FLOPs of one attention over ``queries`` × ``keys`` positions, forward."""
    joined = config.num_heads * config.head_dim
    projections = 2 * 2 * config.emb_dim * joined * (queries + keys)  # query, output; key, value
    return float(projections + 4 * joined * queries * keys)  # scores and weighted sums


def mlp_flops(config: T5Config, positions: int) -> float:
    """FLOPs of one feed-forward block, forward."""
    products = len(config.mlp_activations) + 1
    return 2.0 * config.emb_dim * config.mlp_dim * products * positions


def logits_flops(config: T5Config, positions: int) -> float:
    """FLOPs of the logits, forward."""
    return 2.0 * config.emb_dim * config.vocab_size * positions


def forward_flops(config: T5Config, rows: int, inputs: int, targets: int) -> float:
    """FLOPs of one forward pass over ``rows`` rows of ``inputs`` and ``targets`` positions."""
    encoder = attention_flops(config, inputs, inputs) + mlp_flops(config, inputs)
    decoder = attention_flops(config, targets, targets) + mlp_flops(config, targets)
    decoder += attention_flops(config, targets, inputs)
    layers = config.num_encoder_layers * encoder + config.num_decoder_layers * decoder
    return rows * (layers + logits_flops(config, targets))


def train_flops(config: T5Config, rows: int, inputs: int, targets: int) -> float:
    """FLOPs of one training step, forward and backward."""
    return 3 * forward_flops(config, rows, inputs, targets)


def count_params(params: Any) -> int:
    """Number of parameters in a tree of arrays or of their shapes."""
    return sum(x.size for x in jax.tree.leaves(params))


def matmul_peak(dtype: str = "float32", size: int = 2048, repeats: int = 5) -> float:
    """Measures FLOP/s of a square matrix product on one device, the best of ``repeats``."""
    x = jnp.ones((size, size), dtype)
    product = jax.jit(lambda a: a @ a)
    product(x).block_until_ready()
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        product(x).block_until_ready()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best

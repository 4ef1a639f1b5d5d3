"""Arithmetic of a T5, counted from its config: what a training step has to compute.

*Model FLOPs* are those of the matrix products that the mathematics asks for, twice a multiply-add
each: no one-hot lookups, no recomputation, padding counted as what it occupies. A backward pass
costs twice its forward pass.
"""

import time

import jax
import jax.numpy as jnp

from fsa_jax.network import T5Config


def forward_flops(config: T5Config, rows: int, inputs: int, targets: int) -> float:
    """FLOPs of one forward pass over ``rows`` rows of ``inputs`` and ``targets`` positions."""
    joined = config.num_heads * config.head_dim
    projection = 2 * config.emb_dim * joined
    mlp = 2 * config.emb_dim * config.mlp_dim * (len(config.mlp_activations) + 1)

    def attention(queries: int, keys: int) -> float:
        # Query and output projections, key and value projections, scores and weighted sums.
        return 2 * projection * (queries + keys) + 4 * joined * queries * keys

    encoder = attention(inputs, inputs) + mlp * inputs
    decoder = attention(targets, targets) + attention(targets, inputs) + mlp * targets
    logits = 2 * config.emb_dim * config.vocab_size * targets
    layers = config.num_encoder_layers * encoder + config.num_decoder_layers * decoder
    return float(rows * (layers + logits))


def train_flops(config: T5Config, rows: int, inputs: int, targets: int) -> float:
    """FLOPs of one training step, forward and backward."""
    return 3 * forward_flops(config, rows, inputs, targets)


def count_params(params) -> int:
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

"""Model FLOPs against what XLA counts in the compiled program."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from fsa_jax.model import flops, network

RELU = network.T5Config(
    vocab_size=512,
    emb_dim=64,
    num_heads=4,
    head_dim=16,
    mlp_dim=128,
    num_encoder_layers=2,
    num_decoder_layers=3,
)
GATED = dataclasses.replace(RELU, mlp_activations=["gelu", "linear"], logits_via_embedding=False)


@pytest.mark.parametrize("config", [RELU, GATED], ids=["T5 1.0", "T5 1.1"])
def test_forward_flops_are_those_that_xla_counts(config):
    rows, inputs, targets = 2, 48, 64  # short: causal attention is then computed whole

    def forward(params, source, target):
        hidden = network.T5(config).apply({"params": params}, source, target)
        return network.logits(params, hidden, config)

    params = jax.eval_shape(lambda: nn.unbox(network.init_params(config, jax.random.key(0))))
    tokens = [jax.ShapeDtypeStruct((rows, length), jnp.int32) for length in (inputs, targets)]
    counted = jax.jit(forward).lower(params, *tokens).cost_analysis()["flops"]
    ours = flops.forward_flops(config, rows, inputs, targets)
    # XLA counts norms, softmax and additions too.
    print("XLA counts", counted / ours, "of ours")
    assert ours <= counted <= 1.05 * ours
    assert flops.train_flops(config, rows, inputs, targets) == 3 * ours

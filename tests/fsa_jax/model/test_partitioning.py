"""Meshes and rules that do not fit the devices or the network are refused."""

import jax
import pytest

from fsa_jax.model import network, partitioning

CONFIG = network.T5Config(
    vocab_size=64,
    emb_dim=32,
    num_heads=4,
    head_dim=8,
    mlp_dim=64,
    num_encoder_layers=2,
    num_decoder_layers=2,
    mlp_activations=("gelu", "linear"),
    logits_via_embedding=False,
)


def test_mesh_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="MODEL_PARALLEL 3"):
        partitioning.make_mesh(3)


def test_rules_that_match_nothing_and_axes_without_rule_are_refused():
    mesh = partitioning.make_mesh()
    boxed = jax.eval_shape(lambda: network.init_params(CONFIG, jax.random.key(0)))
    rules = partitioning.axis_rules()
    with pytest.raises(ValueError, match="'experts' matches no parameter"):
        partitioning.state_shardings(boxed, mesh, (*rules, ("experts", "data")))
    with pytest.raises(ValueError, match="no axis rule for 'mlp'"):
        partitioning.state_shardings(boxed, mesh, tuple(r for r in rules if r[0] != "mlp"))

"""What a plan says of costs: counted as the network itself is, and refused where it is a guess."""

import jax
import jax.numpy as jnp
import pytest

from fsa_jax.experiments import costs
from fsa_jax.experiments.costs import Work
from fsa_jax.model import flops
from fsa_jax.model.network import T5, T5Config

OLD = T5Config(96, 16, 2, 8, 32, 2, 3)
NEW = T5Config(96, 16, 2, 8, 32, 3, 2, ("gelu", "linear"), logits_via_embedding=False)


@pytest.mark.parametrize("model", [OLD, NEW], ids=["t5", "t5_1_1"])
def test_parameters_are_those_of_the_network(model):
    tokens = jnp.ones((1, 4), jnp.int32)
    made = jax.eval_shape(lambda: T5(model).init(jax.random.key(0), tokens, tokens))
    assert costs.parameters(model) == flops.count_params(made["params"])


def test_work_counts_training_and_answering_of_all_runs():
    one = Work(OLD, steps=10, rows=4, inputs=8, targets=6, answers=20)
    training = 10 * flops.train_flops(OLD, 4, 8, 6)
    assert one.flops == training + flops.forward_flops(OLD, 20, 8, 6)
    assert Work(OLD, 10, 4, 8, 6, 3, 20).flops == 3 * one.flops
    assert one.memory > 16 * costs.parameters(OLD)
    assert Work().flops == Work().memory == Work().disk == 0


def test_each_checkpoint_holds_the_weights_and_two_moments():
    bytes_of_one = 3 * 4 * costs.parameters(OLD)
    assert Work(OLD, runs=5, checkpoints=2).disk == 10 * bytes_of_one


def test_hours_say_where_they_come_from():
    work = Work(OLD, 1000, 4, 8, 6)
    chip = costs.published("v5e")
    assert "published 197 TFLOP/s" in chip.source
    assert chip.hours(work) == pytest.approx(work.flops / (0.3 * 197e12) / 3600)
    measured = costs.here([(work.flops, 1800.0), (work.flops, 5400.0)])
    assert measured.hours(work) == pytest.approx(1.0)
    assert "measured here: 2 finished stages" in measured.source
    assert "matrix product" in costs.here([]).source
    with pytest.raises(ValueError, match="--hardware tpu: it is here or one of a100"):
        costs.published("tpu")

"""The peer's update: parts of a batch make the same step as the whole."""

import argparse
import pathlib

import jax.numpy as jnp
import optax
import pytest


@pytest.fixture
def peer(monkeypatch):
    """The module, with a loss of one weight in place of T5X's network, which may be missing."""
    monkeypatch.syspath_prepend(pathlib.Path(__file__).parents[3])
    from scripts.benchmarks import t5x_peer

    def loss_fn(params, rows, rng):
        errors = (params["w"] - rows["decoder_target_tokens"]) ** 2
        return (errors * rows["decoder_loss_weights"]).sum(), {}

    monkeypatch.setattr(t5x_peer.optimizers, "rms_scaled_adamw", lambda **_: optax.sgd(0.5))
    monkeypatch.setattr(t5x_peer, "model", lambda config: argparse.Namespace(loss_fn=loss_fn))
    return t5x_peer


BATCH = {
    "decoder_target_tokens": jnp.array([[1.0, 2.0], [3.0, 9.0], [5.0, 6.0], [7.0, 9.0]]),
    # The parts have unlike numbers of tokens.
    "decoder_loss_weights": jnp.array([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]),
}


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_parts_of_a_batch_make_the_step_of_the_whole(peer, parts):
    trainer = peer.Trainer(None, {"w": jnp.zeros(())}, parts)
    assert trainer.update(BATCH) == pytest.approx((1 + 4 + 9 + 25 + 36) / 5)
    # Half the gradient of the mean loss leads to the mean of the five targets, 3.4.
    assert trainer.update(BATCH) == pytest.approx(17.2 / 5)

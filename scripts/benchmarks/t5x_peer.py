"""The peer where it can be imported: T5X's minimal T5 and loss, on the very rows that we pack."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from fsa_jax.model.network import T5Config
from fsa_jax.training import optimizers


def model(config: T5Config) -> Any:
    """T5X's encoder-decoder with the loss that ``gin/t5x`` binds."""
    from t5x import models
    from t5x.examples.t5 import network

    theirs = network.T5Config(
        vocab_size=config.vocab_size,
        emb_dim=config.emb_dim,
        num_heads=config.num_heads,
        head_dim=config.head_dim,
        mlp_dim=config.mlp_dim,
        num_encoder_layers=config.num_encoder_layers,
        num_decoder_layers=config.num_decoder_layers,
        mlp_activations=config.mlp_activations,
        logits_via_embedding=config.logits_via_embedding,
        dropout_rate=0.0,
        dtype=config.dtype,
    )
    return models.EncoderDecoderModel(
        module=network.Transformer(config=theirs),
        input_vocabulary=None,
        output_vocabulary=None,
        optimizer_def=None,
        z_loss=0.0,
        loss_normalizing_factor=1.0,
    )


class Trainer:
    """One update at a time: sums of gradients over micro-batches, then one division.

    Args:
        config: Of the network, which starts at random.
        params: Initial parameters.
        micro_batches: Parts of a batch.
    """

    def __init__(self, config: T5Config, params: Any, micro_batches: int):
        self._parts = micro_batches
        optimizer = optimizers.rms_scaled_adamw(learning_rate=3e-3)
        self._state = (params, optimizer.init(params))
        loss = model(config).loss_fn
        self._gradients = jax.jit(jax.value_and_grad(lambda p, rows: loss(p, rows, None)[0]))

        @functools.partial(jax.jit, donate_argnums=0)
        def apply(state: Any, grads: Any, tokens: Any) -> Any:
            grads = jax.tree.map(lambda g: g / tokens, grads)
            updates, opt_state = optimizer.update(grads, state[1], state[0])
            return optax.apply_updates(state[0], updates), opt_state

        self._apply = apply
        self._add = jax.jit(functools.partial(jax.tree.map, jnp.add), donate_argnums=0)

    def update(self, batch: dict[str, jax.Array]) -> float:
        """Makes one update; returns the mean loss."""
        tokens = batch["decoder_loss_weights"].sum()
        total, grads = 0.0, None
        for part in range(self._parts):
            rows = {key: x[part :: self._parts] for key, x in batch.items()}
            loss, found = self._gradients(self._state[0], rows)
            total += float(loss)
            grads = found if grads is None else self._add(grads, found)
        self._state = jax.block_until_ready(self._apply(self._state, grads, tokens))
        return total / float(tokens)

"""Log-probabilities of given label words, for zero-shot classification.

The input is encoded once. All its label words share one decoder row, each as a segment of its
own: they do not see one another, and all see the whole input. Relative positions are differences,
so a label's score does not depend on its place in the row.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fsa_jax import network

_WIDTH_STEP = 16  # source widths and label rows are multiples: few shapes to compile
_LABEL_STEP = 4


def score_labels(
    params: Any,
    config: network.T5Config,
    inputs: Sequence[np.ndarray],
    labels: Sequence[Sequence[Sequence[int]]],
    batch_size: int = 64,
) -> list[np.ndarray]:
    """Scores label words as outputs.

    Args:
      params: The network's parameters, unboxed.
      config: The network's config; its dropout is ignored.
      inputs: Token ids of each example, EOS included, without padding.
      labels: For each example the token ids of its label words, EOS included where it counts.
      batch_size: Examples per batch.

    Returns:
      For each example the log-probability of each of its labels, float32, summed over its tokens.

    Raises:
      ValueError: an example without labels, or an empty label.
    """
    for i, words in enumerate(labels):
        if not words or not all(len(word) for word in words):
            raise ValueError(f"example {i} needs label words of at least one token, not {words}")
    config = config.without_dropout()
    batch_size = min(batch_size, max(1, len(inputs)))
    order = sorted(range(len(inputs)), key=lambda i: len(inputs[i]))
    scores: list[Any] = [None] * len(inputs)
    count = max(map(len, labels), default=0)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        sources, rows = _rows(chosen, inputs, labels, batch_size)
        found = _score(params, sources, *rows, config=config, count=count)
        for i, row in zip(chosen, np.asarray(found), strict=False):
            scores[i] = row[: len(labels[i])]
    return scores


def _rows(chosen, inputs, labels, batch_size: int):
    """Pads to (B, S) sources and (B, U) decoder inputs, targets and segments."""
    width = _round_up(max(len(inputs[i]) for i in chosen), _WIDTH_STEP)
    length = _round_up(max(sum(map(len, labels[i])) for i in chosen), _LABEL_STEP)
    sources = np.zeros((batch_size, width), np.int32)
    shifted, targets, segments = np.zeros((3, batch_size, length), np.int32)
    for row, i in enumerate(chosen):
        sources[row, : len(inputs[i])] = inputs[i]
        start = 0
        for segment, word in enumerate(labels[i], start=1):
            end = start + len(word)
            targets[row, start:end] = word
            shifted[row, start + 1 : end] = word[:-1]
            segments[row, start:end] = segment
            start = end
    return sources, (shifted, targets, segments)


def _round_up(count: int, step: int) -> int:
    return -(-max(count, 1) // step) * step


@functools.partial(jax.jit, static_argnames=("config", "count"))
def _score(params, sources, shifted, targets, segments, config, count):
    """Log-probabilities (B, count) of the segments."""
    hidden: Any = network.T5(config).apply(
        {"params": params}, sources, shifted, segments, method=_label_states
    )
    logits = network.logits(params, hidden, config)
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    likelihood = chosen - jax.nn.logsumexp(logits, axis=-1)
    of_label = segments[:, :, None] == jnp.arange(1, count + 1)
    return jnp.einsum("bu,bul->bl", likelihood, of_label.astype(jnp.float32))


def _label_states(module: network.T5, sources, shifted, segments):
    """Hidden states (B, U, D) of label words that see the whole input but not one another."""
    encoded = module.encode(sources)
    length = shifted.shape[1]
    causal = np.tril(np.ones((length, length), bool))
    own = (segments[:, :, None] == segments[:, None, :]) & causal
    whole = jnp.broadcast_to((sources > 0)[:, None, :], (*shifted.shape, sources.shape[1]))
    hidden, _ = module.decoder(module.token_embedder(shifted), encoded, own, whole)
    return hidden

"""Log-probabilities of given label words, for zero-shot classification.

An input is encoded once, also where it comes again with other labels (as SeqIO's rank
classification lists them). All its label words share one decoder row, each as a segment of its
own: they do not see one another, and all see the whole input. Relative positions are differences,
so a label's score does not depend on its place in the row.

An output that was decoded is scored in the same way, as the only label of its input, and token by
token: how sure a student was of each part of what it wrote.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from fsa_jax.decoding import shapes
from fsa_jax.model import network, partitioning, seeds_axis

_WIDTH_STEP = 16  # source widths and label rows are multiples: few shapes to compile
_LABEL_STEP = 4
_SHORTEST_OUTPUT = 8  # outputs grow by powers of two from here
_POSITIONS = 2048  # whose logits are held at once when outputs are scored
_ATTENTION = 1 << 22  # attention weights of the encoder, of a head, that are held at once then

Words = Sequence[Sequence[int]]  # the label words of an example, as token ids


def score_labels(
    params: Any,
    config: network.T5Config,
    inputs: Sequence[np.ndarray],
    labels: Sequence[Words],
    batch_size: int = 64,
) -> list[np.ndarray]:
    """Scores label words as outputs.

    Args:
        params: The network's parameters, unboxed; on a mesh, its ``data`` axis splits the examples.
        config: The network's config; its dropout is ignored.
        inputs: Token ids of each example, EOS included, without padding.
        labels: For each example the token ids of its label words, EOS included where it counts.
        batch_size: Examples per batch, on each data-parallel device.

    Returns:
        For each example the log-probability of each of its labels, float32, summed over its tokens.

    Raises:
        ValueError: An example without labels, or an empty label.
    """
    return score_labels_each([params], config, inputs, labels, batch_size)[0]


def score_labels_each(
    students: Sequence[Any],
    config: network.T5Config,
    inputs: Sequence[np.ndarray],
    labels: Sequence[Words],
    batch_size: int = 64,
) -> list[list[np.ndarray]]:
    """Scores label words as outputs of several students.

    Args:
        students: The parameters of each, as in ``score_labels``; of several, on one device.
        config: The network's config, that of all students.
        inputs: See ``score_labels``.
        labels: See ``score_labels``.
        batch_size: See ``score_labels``; of each student.

    Returns:
        For each student what ``score_labels`` returns.

    Raises:
        ValueError: See ``score_labels``.
    """
    for i, words in enumerate(labels):
        if not words or not all(len(word) for word in words):
            raise ValueError(f"example {i} needs label words of at least one token, not {words}")
    groups: dict[bytes, list[int]] = {}
    for i, tokens in enumerate(inputs):
        groups.setdefault(np.asarray(tokens, np.int32).tobytes(), []).append(i)
    members = sorted(groups.values(), key=lambda group: len(inputs[group[0]]))
    words_of = [[word for i in group for word in labels[i]] for group in members]
    scores: list[list[Any]] = []
    for params, seeds in seeds_axis.stacks(students):
        of_students = _score_distinct(
            jax.tree.map(jnp.asarray, params),  # once, not at every batch
            config.without_dropout(),
            [inputs[group[0]] for group in members],
            words_of,
            min(batch_size, max(1, len(members))),
            seeds,
        )
        for found in of_students:
            scores.append([None] * len(inputs))
            for group, row in zip(members, found, strict=True):
                borders = np.cumsum([len(labels[i]) for i in group])
                for i, part in zip(group, np.split(row, borders[:-1]), strict=True):
                    scores[-1][i] = part
    return scores


def _score_distinct(
    params: network.Params,
    config: network.T5Config,
    inputs: Sequence[np.ndarray],
    labels: Sequence[Words],
    batch_size: int,
    seeds: Mesh | None,
) -> list[list[np.ndarray]]:
    """Scores inputs that come sorted by length, batch by batch, with each student."""
    students = 1 if seeds is None else len(jax.tree.leaves(params)[0])
    found: list[list[np.ndarray]] = [[] for _ in range(students)]
    mesh = partitioning.mesh_of(params) if seeds is None else None
    batch_size *= 1 if mesh is None else mesh.shape["data"]
    count = max(map(len, labels), default=0)
    for start in range(0, len(inputs), batch_size):
        chosen = slice(start, start + batch_size)
        rows = _rows(inputs[chosen], labels[chosen], batch_size)
        if seeds is not None:
            rows = tuple(np.broadcast_to(x, (students, *x.shape)) for x in rows)
        scores = np.asarray(_score(params, rows, config, count, mesh, seeds))
        for own, of_student in zip(found, scores if seeds else [scores], strict=True):
            pairs = zip(of_student, labels[chosen], strict=False)
            own += [row[: len(words)] for row, words in pairs]
    return found


def score_tokens(
    params: Any,
    config: network.T5Config,
    inputs: Sequence[np.ndarray],
    outputs: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """Scores the tokens of outputs.

    Args:
        params: See ``score_labels``.
        config: See ``score_labels``.
        inputs: See ``score_labels``.
        outputs: For each example the token ids of an output, maybe none.

    Returns:
        For each example the log-probability of each token of its output, given the input and the
        tokens before, float32.
    """
    params, config = jax.tree.map(jnp.asarray, params), config.without_dropout()
    mesh = partitioning.mesh_of(params)
    scores: list[np.ndarray] = [np.zeros(0, np.float32)] * len(inputs)
    by_length: dict[int, list[int]] = {}
    for i, output in enumerate(outputs):
        if len(output):
            length = _SHORTEST_OUTPUT
            while length < len(output):
                length *= 2
            by_length.setdefault(length, []).append(i)
    for length, members in sorted(by_length.items()):
        members.sort(key=lambda i: len(inputs[i]))
        while members:
            count = max(1, _POSITIONS // length)
            while count > 1 and count * len(inputs[members[:count][-1]]) ** 2 > _ATTENTION:
                count //= 2
            shards = 1 if mesh is None else mesh.shape["data"]
            chosen, members = members[: count * shards], members[count * shards :]
            # A few are not filled up to many: the sizes are powers of two, each is compiled once.
            count = min(count, shapes.power_of_two(-(-len(chosen) // shards))) * shards
            width = shapes.encoder_width(len(inputs[chosen[-1]]))
            words = [[outputs[i].tolist()] for i in chosen]
            rows = _rows([inputs[i] for i in chosen], words, count, length, width)
            found = np.asarray(_score_rows(params, rows, config, mesh))
            for i, row in zip(chosen, found, strict=False):
                scores[i] = row[: len(outputs[i])]
    return scores


def _rows(
    inputs: Sequence[np.ndarray],
    labels: Sequence[Words],
    batch_size: int,
    length: int = 0,
    width: int = 0,
) -> tuple[np.ndarray, ...]:
    """Pads to sources (B, S) and decoder inputs, targets and segments (B, U)."""
    width = width or _round_up(max(map(len, inputs)), _WIDTH_STEP)
    length = length or _round_up(max(sum(map(len, words)) for words in labels), _LABEL_STEP)
    sources = np.zeros((batch_size, width), np.int32)
    shifted, targets, segments = np.zeros((3, batch_size, length), np.int32)
    for row, (tokens, words) in enumerate(zip(inputs, labels, strict=True)):
        sources[row, : len(tokens)] = tokens
        start = 0
        for segment, word in enumerate(words, start=1):
            end = start + len(word)
            targets[row, start:end] = word
            shifted[row, start + 1 : end] = word[:-1]
            segments[row, start:end] = segment
            start = end
    return sources, shifted, targets, segments


def _round_up(count: int, step: int) -> int:
    return -(-max(count, 1) // step) * step


@functools.partial(jax.jit, static_argnums=(2, 3, 4, 5))
def _score(
    params: network.Params,
    rows: tuple[np.ndarray, ...],
    config: network.T5Config,
    count: int,
    mesh: Mesh | None,
    seeds: Mesh | None,
) -> jax.Array:
    """Log-probabilities (B, count) of the segments, of stacked students if there are several."""
    one = functools.partial(_score_one, config=config, count=count, mesh=mesh)
    scores: jax.Array = seeds_axis.over(one, seeds)(params, rows)
    return scores


def _score_one(
    params: network.Params,
    rows: tuple[jax.Array, ...],
    config: network.T5Config,
    count: int,
    mesh: Mesh | None,
) -> jax.Array:
    likelihood, segments = _likelihood(params, rows, config, mesh)
    of_label = segments[:, :, None] == jnp.arange(1, count + 1)
    scores = jnp.einsum("bu,bul->bl", likelihood, of_label.astype(jnp.float32))
    everywhere: jax.Array = partitioning.whole(scores, mesh)
    return everywhere


@functools.partial(jax.jit, static_argnums=(2, 3))
def _score_rows(
    params: network.Params,
    rows: tuple[np.ndarray, ...],
    config: network.T5Config,
    mesh: Mesh | None,
) -> jax.Array:
    """Log-probabilities (B, U) of the positions."""
    everywhere: jax.Array = partitioning.whole(_likelihood(params, rows, config, mesh)[0], mesh)
    return everywhere


def _likelihood(
    params: network.Params,
    rows: tuple[Any, ...],
    config: network.T5Config,
    mesh: Mesh | None,
) -> tuple[jax.Array, jax.Array]:
    """Log-probabilities (B, U) of the targets, and the segments (B, U) that they stand in."""
    sources, shifted, targets, segments = partitioning.spread_rows(rows, mesh)
    hidden: Any = network.T5(config).apply(
        {"params": params}, sources, shifted, segments, method=_label_states
    )
    logits = network.logits(params, hidden, config)
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return chosen - jax.nn.logsumexp(logits, axis=-1), segments


def _label_states(
    module: network.T5, sources: jax.Array, shifted: jax.Array, segments: jax.Array
) -> jax.Array:
    """Hidden states (B, U, D) of label words that see the whole input but not one another."""
    encoded = module.encode(sources)
    length = shifted.shape[1]
    causal = np.tril(np.ones((length, length), bool))
    own = (segments[:, :, None] == segments[:, None, :]) & causal
    whole = jnp.broadcast_to((sources > 0)[:, None, :], (*shifted.shape, sources.shape[1]))
    hidden: jax.Array
    hidden, _ = module.decoder(module.token_embedder(shifted), encoded, own, whole)
    return hidden

"""The tokenised split of a SeqIO task or mixture, in host memory, with random access.

A pair of a review and its understanding takes about 650 bytes, so a million fit in 0.7 GB.
TensorFlow works here once, to tokenise, and is idle afterwards.

Preprocessors with randomness (span corruption) are drawn once per run, with the run's seed.
"""

import functools
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import seqio
import tensorflow as tf
from absl import logging

FEATURES = ("inputs", "targets")
_READ_CHUNK = 1024


@dataclass(frozen=True)
class TokenTable:
    """Token ids of N examples.

    Attributes:
        tokens: Per feature all token ids, example after example (uint16 where they fit, or int32).
        offsets: Per feature (N + 1,) int64, where each example begins.
        components: Per task (name, number of examples, mixing rate), in the order of the examples.
    """

    tokens: dict[str, np.ndarray]
    offsets: dict[str, np.ndarray]
    components: tuple[tuple[str, int, float], ...]

    def __len__(self) -> int:
        return len(self.offsets["inputs"]) - 1

    @functools.cached_property
    def lengths(self) -> dict[str, np.ndarray]:
        """(N,) tokens per example, for each feature."""
        return {f: np.diff(self.offsets[f]) for f in FEATURES}

    @functools.cached_property
    def fingerprint(self) -> int:
        """A 31-bit checksum of all tokens and lengths: equal data, equal number."""
        crc = 0
        for f in FEATURES:
            crc = zlib.crc32(np.ascontiguousarray(self.tokens[f]).data, crc)
            crc = zlib.crc32(self.offsets[f].data, crc)
        return crc & 0x7FFFFFFF

    def example(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the (inputs, targets) token ids of one example."""
        inputs, targets = (
            self.tokens[f][self.offsets[f][index] : self.offsets[f][index + 1]] for f in FEATURES
        )
        return inputs, targets

    def row_lengths(self, wanted: Mapping[str, int | None], pack: bool) -> dict[str, int]:
        """Returns the positions of a row for each feature.

        Args:
            wanted: Positions by feature; None for the longest example, rounded up to a multiple of
                8.
            pack: Whether rows hold several examples, so that None has no meaning.

        Raises:
            ValueError: A feature is missing, or an example does not fit.
        """
        resolved = {}
        for f in FEATURES:
            if f not in wanted:
                raise ValueError(f"TASK_FEATURE_LENGTHS lacks {f!r}: give it a number of tokens")
            limit, longest = wanted[f], int(self.lengths[f].max())
            if limit is None and pack:
                raise ValueError(f"TASK_FEATURE_LENGTHS[{f!r}] is None: packed rows need a length")
            resolved[f] = -(-max(longest, 1) // 8) * 8 if limit is None else limit
            if longest > resolved[f]:
                where = self.describe(int(self.lengths[f].argmax()))
                raise ValueError(
                    f"{where} has {longest} {f} tokens, but TASK_FEATURE_LENGTHS[{f!r}] is "
                    f"{limit}: raise it to {longest} or more"
                )
        return resolved

    def describe(self, index: int) -> str:
        """Returns ``task[i]``: the example is the i-th that the task yields unshuffled."""
        for name, count, _ in self.components:
            if index < count:
                return f"{name}[{index}]"
            index -= count
        raise IndexError(f"there are only {len(self)} examples")


def read_tokens(
    provider: seqio.Task | seqio.Mixture,
    split: str,
    task_feature_lengths: Mapping[str, int | None],
    *,
    use_cached: bool = False,
    seed: int = 0,
) -> TokenTable:
    """Runs the tokenisation of a split once and keeps the result.

    Args:
        provider: A task or mixture; of a mixture, the tasks that have the split.
        split: A split, or a slice of one such as ``train[:10%]``.
        task_feature_lengths: Handed to preprocessors that ask for ``sequence_length``; nothing else
            is trimmed by it.
        use_cached: Read the task's SeqIO cache instead of its source.
        seed: For preprocessors with randomness.

    Raises:
        ValueError: Unknown split, a split without examples, or a task that lacks inputs or targets.
    """
    _keep_tensorflow_off_accelerators()
    name = provider.name
    tasks = [t for t in seqio.get_subtasks(provider) if split.split("[")[0] in t.splits]
    if not tasks:
        available = ", ".join(sorted(map(str, provider.splits)))
        raise ValueError(f"{name} has no split {split!r}; it has {available}")
    for f in FEATURES:
        if f not in provider.output_features:
            raise ValueError(f"{name} has no feature {f!r}; training needs inputs and targets")

    tokens: dict[str, list[np.ndarray]] = {f: [] for f in FEATURES}
    lengths: dict[str, list[np.ndarray]] = {f: [np.zeros(1, np.int64)] for f in FEATURES}
    components = []
    for task in tasks:
        count = 0
        for chunk in _chunks(task, split, task_feature_lengths, use_cached, seed):
            for f, (ids, sizes) in chunk.items():
                tokens[f].append(ids)
                lengths[f].append(sizes)
            count += len(sizes)
        logging.info("%s: %d examples in split %s", task.name, count, split)
        rate = provider.get_rate(task) if isinstance(provider, seqio.Mixture) else 1.0
        components.append((task.name, count, float(rate)))
    if not any(count for _, count, _ in components):
        raise ValueError(f"split {split!r} of {name} holds no examples")
    return TokenTable(
        tokens={f: np.concatenate(tokens[f]) for f in FEATURES},
        offsets={f: np.cumsum(np.concatenate(lengths[f])) for f in FEATURES},
        components=tuple(components),
    )


def _chunks(
    task: seqio.Task,
    split: str,
    lengths: Mapping[str, int | None],
    use_cached: bool,
    seed: int,
) -> Iterator[dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Yields per feature (token ids, tokens per example) of some examples at a time."""
    dataset = task.get_dataset(
        sequence_length=dict(lengths),
        split=split,
        use_cached=use_cached,
        shuffle=False,
        seed=seed,
        num_epochs=1,
        # A silent cut would lose the EOS. What is too long for a row is an error, raised later.
        trim_output_features=False,
        try_in_mem_cache=False,
    )
    dataset = dataset.map(lambda example: {f: example[f] for f in FEATURES})
    for chunk in dataset.ragged_batch(_READ_CHUNK):
        yield {f: _flatten(chunk[f]) for f in FEATURES}


def _flatten(batch: tf.Tensor | tf.RaggedTensor) -> tuple[np.ndarray, np.ndarray]:
    """Returns (token ids, tokens per example) of a batch of token sequences."""
    if isinstance(batch, tf.RaggedTensor):
        ids, sizes = batch.flat_values.numpy(), batch.row_lengths().numpy()
    else:  # all of one static length
        ids, sizes = batch.numpy().reshape(-1), np.full(*batch.shape)
    narrow = not ids.size or (ids.min() >= 0 and ids.max() < 2**16)
    return ids.astype(np.uint16 if narrow else np.int32), sizes.astype(np.int64)


def _keep_tensorflow_off_accelerators() -> None:
    """JAX owns the accelerator; TensorFlow would take all of its memory."""
    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError:  # initialised already, by someone who has decided
        logging.info("TensorFlow is initialised already; its devices stay as they are")

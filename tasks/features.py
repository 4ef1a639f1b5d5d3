"""What all tasks share: output features, and the preprocessors that make them."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import seqio
import tensorflow as tf

from fsa_jax.opinions.corpus import INPUT_LENGTH, TARGET_LENGTH
from tasks.vocabulary import get_vocabulary

# One object for all tasks: SeqIO compares vocabularies when it mixes.
VOCABULARY = get_vocabulary()
OUTPUT_FEATURES = {
    "inputs": seqio.Feature(vocabulary=VOCABULARY, add_eos=True, dtype=tf.int32),
    "targets": seqio.Feature(vocabulary=VOCABULARY, add_eos=True, dtype=tf.int32),
}
DISTILLATION_LENGTHS = {"inputs": INPUT_LENGTH, "targets": TARGET_LENGTH}
Rows = list[dict[str, str | int]]
Step = TypeVar("Step", bound=Callable[..., Any])
_SLICE = re.compile(r"([^\[\]]+)\[(\d*%?):(\d*%?)\]")


def deterministic(step: Step) -> Step:
    """Marks a step whose result is decided by its input and by the code of its package.

    Of tasks with such steps alone, and with a source that has a ``fingerprint``, the tokens are
    kept on disk.
    """
    step.deterministic = True  # type: ignore[attr-defined]
    return step


class OneShardSource(seqio.DataSource):
    """A source of one shard, whose examples SeqIO shards."""

    @property
    def supports_arbitrary_sharding(self) -> bool:
        """Sharding is SeqIO's, by examples."""
        return False

    def list_shards(self, split: str) -> Sequence[str]:
        """Returns one shard."""
        return [split]


class RowsSource(OneShardSource):
    """Examples from a function of the split, called at first use.

    A split may be sliced as TFDS slices: ``validation[:10]``, ``test[10%:20%]``.

    Args:
        read: Returns the examples of a split: dicts of strings and integers, all of the same keys.
        splits: The splits, or a function that says them at first use.
    """

    def __init__(
        self, read: Callable[[str], Rows], splits: Sequence[str] | Callable[[], Sequence[str]]
    ):
        self._read = read
        self._find_splits = splits if callable(splits) else lambda: splits
        super().__init__(splits=())

    @property
    def splits(self) -> Sequence[str]:
        """The names of the splits."""
        return tuple(self._find_splits())

    def num_input_examples(self, split: str) -> int:
        """Returns the number of examples of a split."""
        return len(self._rows(split))

    def fingerprint(self, split: str) -> str:
        """Returns a hash of the examples of a split."""
        return hashlib.sha256(json.dumps(self._rows(split)).encode()).hexdigest()

    def _rows(self, split: str) -> Rows:
        """The examples of a split or of a slice of one."""
        if "[" not in split:
            return self._read(split)
        match = _SLICE.fullmatch(split)
        if match is None:
            raise ValueError(f"split {split}: slices are such as {split.split('[')[0]}[:10%]")
        rows = self._read(match[1])
        ends = (_position(match[2] or "0", len(rows)), _position(match[3] or "100%", len(rows)))
        return rows[slice(*ends)]

    def get_dataset(
        self,
        split: str = "train",
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: seqio.ShardInfo | None = None,
        **unused: Any,
    ) -> tf.data.Dataset:
        """Returns the examples of a split, shuffled as a whole if asked."""
        if shard_info and shard_info.num_shards > 1:
            raise ValueError("this source is one shard: let SeqIO shard its examples")
        rows = self._rows(split)
        if not rows:
            raise ValueError(f"the split {split} is empty")
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        dataset = tf.data.Dataset.from_tensor_slices(columns)
        if shuffle:
            dataset = dataset.shuffle(len(rows), seed=seed)
        return dataset


def _position(said: str, count: int) -> int:
    """Where a slice of so many rows begins or ends."""
    number = int(said.removesuffix("%"))
    return round(count * number / 100) if said.endswith("%") else number


class TrimAndAppendEos:
    """The step that cuts token sequences so that the end of sequence still fits, and appends it.

    Args:
        lengths: The task's own maximal lengths by feature, which a longer row does not extend.
    """

    deterministic = True

    def __init__(self, lengths: Mapping[str, int] | None = None):
        self.lengths = dict(lengths or {})

    def limits(self, sequence_length: Mapping[str, int | None] | None) -> dict[str, int]:
        """Returns how many tokens the features may have; a feature that is not there has no limit.

        Args:
            sequence_length: The reader's maximal lengths, by feature; of a packed row, maybe.
        """
        limits = dict(self.lengths)
        for name, limit in (sequence_length or {}).items():
            if limit is not None:
                limits[name] = min(limit, limits.get(name, limit))
        return limits

    def __call__(
        self,
        dataset: tf.data.Dataset,
        output_features: Mapping[str, seqio.Feature],
        sequence_length: Mapping[str, int | None] | None = None,
    ) -> tf.data.Dataset:
        """Returns examples whose features end with the end-of-sequence token."""
        limits = self.limits(sequence_length)

        def finish(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            for name, feature in output_features.items():
                tokens = example[name]
                if name in limits:
                    tokens = tokens[: limits[name] - 1]
                example[name] = tf.concat([tokens, [feature.vocabulary.eos_id]], axis=0)
            return example

        return dataset.map(finish, num_parallel_calls=tf.data.AUTOTUNE)


def preprocessors(lengths: Mapping[str, int] | None = None) -> list[Callable[..., Any]]:
    """Returns the steps from text to tokens: tokenize, (offline cache), trim, end of sequence.

    Args:
        lengths: Maximal lengths in tokens by feature, end of sequence included; ``None`` for none.
    """
    return [
        seqio.preprocessors.tokenize,
        seqio.CacheDatasetPlaceholder(),
        TrimAndAppendEos(lengths),
    ]

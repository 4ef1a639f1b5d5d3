"""What all tasks share: output features, and the preprocessors that make them."""

import functools
from collections.abc import Mapping

import seqio
import tensorflow as tf

from tasks.vocabulary import get_vocabulary

# One object for all tasks: SeqIO compares vocabularies when it mixes.
VOCABULARY = get_vocabulary()
OUTPUT_FEATURES = {
    "inputs": seqio.Feature(vocabulary=VOCABULARY, add_eos=True, dtype=tf.int32),
    "targets": seqio.Feature(vocabulary=VOCABULARY, add_eos=True, dtype=tf.int32),
}
DISTILLATION_LENGTHS = {"inputs": 128, "targets": 400}


def trim_and_append_eos(
    dataset: tf.data.Dataset,
    output_features: Mapping[str, seqio.Feature],
    sequence_length: Mapping[str, int] | None = None,
    *,
    lengths: Mapping[str, int] | None = None,
) -> tf.data.Dataset:
    """Cuts token sequences so that the end-of-sequence token still fits, and appends it.

    Args:
        dataset: Tokenized examples, features of shape (tokens,).
        output_features: The task's features.
        sequence_length: The reader's maximal lengths in tokens, by feature; of a packed row, maybe.
        lengths: The task's own maximal lengths, which a longer row does not extend.

    Returns:
        Examples whose features end with the end-of-sequence token.
    """
    limits = dict(lengths or {})
    for name, limit in (sequence_length or {}).items():
        if name in output_features and limit is not None:
            limits[name] = min(limit, limits.get(name, limit))

    def finish(example):
        for name, feature in output_features.items():
            tokens = example[name]
            if name in limits:
                tokens = tokens[: limits[name] - 1]
            example[name] = tf.concat([tokens, [feature.vocabulary.eos_id]], axis=0)
        return example

    return dataset.map(finish, num_parallel_calls=tf.data.AUTOTUNE)


def preprocessors(lengths: Mapping[str, int] | None = None) -> list:
    """Returns the steps from text to tokens: tokenize, (offline cache), trim, end of sequence.

    Args:
        lengths: Maximal lengths in tokens by feature, end of sequence included; `None` for none.
    """
    return [
        seqio.preprocessors.tokenize,
        seqio.CacheDatasetPlaceholder(),
        functools.partial(trim_and_append_eos, lengths=lengths),
    ]

"""A split of a SeqIO task or mixture as tokens: read from disk, or made and kept there.

TensorFlow works here once, and is idle afterwards. The steps of most tasks of ours are: texts,
``tokenize``, trim and end of sequence. Of these only the texts come through TensorFlow, and the
model tokenises many at a time (``text_tokens``), to the same tokens; all other tasks go the way
that SeqIO goes.

Preprocessors with randomness (span corruption) are drawn once per run, with the run's seed; their
tables are not kept, nor are those of tasks whose input has no name (``table_key``).
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import seqio
import tensorflow as tf
from absl import logging

from fsa_jax.data import table_files, table_key, text_tokens
from fsa_jax.data.token_table import FEATURES, Chunk, TokenTable, collect
from fsa_jax.runtime import locations

_READ_CHUNK = 1024


def read_tokens(
    provider: seqio.Task | seqio.Mixture,
    split: str,
    task_feature_lengths: Mapping[str, int | None],
    *,
    use_cached: bool = False,
    seed: int = 0,
) -> TokenTable:
    """Finds the tokens of a split on disk, or runs its tokenisation and keeps the result.

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

    def chunks() -> Iterator[tuple[int, Chunk]]:
        count = 0
        for i, task in enumerate(tasks):
            for chunk in _chunks(task, split, task_feature_lengths, use_cached, seed):
                count += len(chunk[FEATURES[0]][1])
                yield i, chunk
        if not count:
            raise ValueError(f"split {split!r} of {name} holds no examples")

    names = [task.name for task in tasks]
    started = time.perf_counter()
    try:
        facts = table_key.facts(tasks, split, task_feature_lengths, use_cached)
        folder = _folder(f"{name}-{split}", facts)
        table, is_new = _found_or_built(folder, facts, names, chunks)
        origin = f"kept in {folder}" if is_new else f"tokens: read from {folder}"
    except (table_key.UnknownInputError, table_files.CannotKeepError) as reason:
        started, is_new = time.perf_counter(), True
        table, origin = collect(names, chunks()), f"not kept: {reason}"
    if is_new:
        seconds = time.perf_counter() - started
        speed = f"{seconds:.1f} s ({len(table) / seconds:,.0f} examples/s)"
        origin = f"tokens: built in {speed}, {origin}"
    logging.info("%s", origin)
    # Rates are no tokens: they may change from run to run.
    rated = isinstance(provider, seqio.Mixture)
    components = [
        (task.name, count, float(provider.get_rate(task)) if rated else 1.0)
        for task, (_, count, _) in zip(tasks, table.components, strict=True)
    ]
    return dataclasses.replace(table, components=tuple(components), origin=origin)


def _folder(name: str, facts: Mapping[str, Any]) -> Path:
    try:
        return table_files.folder_of(locations.token_tables(), name, facts)
    except (FileNotFoundError, ValueError) as error:
        raise table_files.CannotKeepError(str(error)) from error


def _found_or_built(
    folder: Path,
    facts: Mapping[str, Any],
    names: list[str],
    chunks: Callable[[], Iterator[tuple[int, Chunk]]],
) -> tuple[TokenTable, bool]:
    """Returns the table, and whether this process has built it."""
    if table := table_files.open_table(folder, facts):
        return table, False

    def say() -> None:
        logging.warning("tokens: another process builds %s; waiting for it", folder)

    with table_files.only_builder(folder, say):
        if table := table_files.open_table(folder, facts):  # built while this one waited
            return table, False
        return table_files.write_table(folder, facts, names, chunks()), True


def _chunks(
    task: seqio.Task,
    split: str,
    lengths: Mapping[str, int | None],
    use_cached: bool,
    seed: int,
) -> Iterator[Chunk]:
    """Yields the tokens of some examples at a time."""
    options = {
        "split": split,
        "shuffle": False,
        "seed": seed,
        "num_epochs": 1,
        # A silent cut would lose the EOS. What is too long for a row is an error, raised later.
        "trim_output_features": False,
        "try_in_mem_cache": False,
    }
    steps = None if use_cached else _steps_to_texts(task)
    if steps is not None:
        texts = task.replace(preprocessors=steps, output_features={}).get_dataset(**options)
        if all(spec.shape == () for spec in texts.element_spec.values()):
            yield from _from_texts(task, texts, task.preprocessors[-1].limits(lengths))
            return
    dataset = task.get_dataset(dict(lengths), use_cached=use_cached, **options)
    dataset = dataset.map(lambda example: {f: example[f] for f in FEATURES})
    for chunk in dataset.ragged_batch(_READ_CHUNK):
        yield {f: _flatten(chunk[f]) for f in FEATURES}


def _steps_to_texts(task: seqio.Task) -> list[Any] | None:
    """The steps before ``tokenize``; None for a task that does not end as most of ours do."""
    first, *others = (task.output_features[f].vocabulary for f in FEATURES)
    if not hasattr(first, "text_for_model") or any(other is not first for other in others):
        return None
    match list(task.preprocessors):
        case [*steps, seqio.preprocessors.tokenize, seqio.CacheDatasetPlaceholder(), last]:
            return steps if hasattr(last, "limits") else None
    return None


def _from_texts(
    task: seqio.Task, texts: tf.data.Dataset, limits: Mapping[str, int]
) -> Iterator[Chunk]:
    """Tokenises texts, cuts them and ends them, as ``tokenize`` and the last step do."""
    vocabulary = task.output_features[FEATURES[0]].vocabulary
    end = np.array([vocabulary.eos_id], np.int32)
    lists = (
        [vocabulary.text_for_model(text) for f in FEATURES for text in batch[f].numpy()]
        for batch in texts.batch(_READ_CHUNK).prefetch(tf.data.AUTOTUNE)
    )
    for found in text_tokens.encode(vocabulary.sp_model, lists):
        chunk, count = {}, len(found) // len(FEATURES)
        for i, f in enumerate(FEATURES):
            stop = limits[f] - 1 if f in limits else None
            cut = [ids[:stop] for ids in found[i * count : (i + 1) * count]]
            ids = np.concatenate([part for tokens in cut for part in (tokens, end)])
            chunk[f] = _narrow(ids), np.array([len(tokens) + 1 for tokens in cut], np.int64)
        yield chunk


def _flatten(batch: tf.Tensor | tf.RaggedTensor) -> tuple[np.ndarray, np.ndarray]:
    """Returns (token ids, tokens per example) of a batch of token sequences."""
    if isinstance(batch, tf.RaggedTensor):
        ids, sizes = batch.flat_values.numpy(), batch.row_lengths().numpy()
    else:  # all of one static length
        ids, sizes = batch.numpy().reshape(-1), np.full(*batch.shape)
    return _narrow(ids), sizes.astype(np.int64)


def _narrow(ids: np.ndarray) -> np.ndarray:
    """The ids in two bytes each where all fit."""
    fit = not ids.size or (ids.min() >= 0 and ids.max() < 2**16)
    return ids.astype(np.uint16 if fit else np.int32)


def _keep_tensorflow_off_accelerators() -> None:
    """JAX owns the accelerator; TensorFlow would take all of its memory."""
    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError:  # initialised already, by someone who has decided
        logging.info("TensorFlow is initialised already; its devices stay as they are")

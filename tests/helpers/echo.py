"""A task made here, which asks for the first word of its input, and runs on it."""

import contextlib
import dataclasses
import functools

import numpy as np
import seqio
import tensorflow as tf

from fsa_jax.data.batches import DataConfig
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.model.network import T5Config
from fsa_jax.training import loop, optimizers, schedules
from fsa_jax.training.config import CheckpointConfig, EvaluationConfig

VOCABULARY = seqio.ByteVocabulary(extra_ids=0)
FEATURES = {name: seqio.Feature(VOCABULARY, add_eos=True) for name in ("inputs", "targets")}
WORDS = ["good", "bad", "fine", "poor"]
SPLITS = {"train": 48, "validation": 8, "test": 8}
MODEL = T5Config(264, 16, 2, 8, 32, 1, 1)


def examples(split, shuffle_files=False, seed=None):
    """48 examples to train on, 8 of any other split."""
    words = [WORDS[i % len(WORDS)] for i in range(48 if split == "train" else 8)]
    return tf.data.Dataset.from_tensor_slices(
        {"inputs": [f"{word} {i}" for i, word in enumerate(words)], "targets": words}
    )


def exact(targets, predictions):
    """Percent of the answers that are the target."""
    hits = [t == p for t, p in zip(targets, predictions, strict=True)]
    return {"f1": 100.0 * float(np.mean(hits))}


@contextlib.contextmanager
def registered(name, splits=SPLITS, metrics=(exact,)):
    """Keeps the task in SeqIO's registry, with the first examples of some splits."""

    def read(split, shuffle_files=False, seed=None):
        return examples(split).take(splits[split])

    seqio.TaskRegistry.add(
        name,
        source=seqio.FunctionDataSource(read, splits=tuple(splits), num_input_examples=splits),
        preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
        output_features=FEATURES,
        metric_fns=list(metrics),
    )
    try:
        yield name
    finally:
        seqio.TaskRegistry.remove(name)


def evaluation(**more):
    """Evaluations that answer, every three steps; ``more`` says otherwise."""
    usual = {"period": 3, "metrics": True, "best_metric": "f1", "final_splits": ("test",)}
    return EvaluationConfig(decoding=DecodingConfig(max_length=8), **(usual | more))


def run_config(task, folder, **more):
    """Six steps of eight examples each, with evaluations that answer; ``more`` says otherwise."""
    config = loop.RunConfig(
        MODEL,
        str(folder),
        DataConfig(task, {"inputs": None, "targets": None}, batch_size=8, pack=False),
        optimizers.rms_scaled_adamw,
        functools.partial(schedules.linear, peak=1e-2),
        total_steps=6,
        evaluation=evaluation(),
        checkpoint=CheckpointConfig(period=3, keep=None),
        log_period=1,
    )
    return dataclasses.replace(config, **more)

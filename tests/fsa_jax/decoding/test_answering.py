"""Evaluation of tasks whose label words are scored: what is written for each answer."""

import json

import flax.linen as nn
import jax
import numpy as np
import pytest
import seqio
import tensorflow as tf

from fsa_jax.decoding import answering, search
from fsa_jax.model import network
from fsa_jax.runtime.run_directory import RunDirectory

VOCABULARY = seqio.ByteVocabulary(extra_ids=0)
FEATURES = {name: seqio.Feature(VOCABULARY, add_eos=True) for name in ("inputs", "targets")}
CONFIG = network.T5Config(
    vocab_size=264,
    emb_dim=16,
    num_heads=2,
    head_dim=8,
    mlp_dim=32,
    num_encoder_layers=1,
    num_decoder_layers=1,
)
WORDS = ("good", "bad")


def examples(split, shuffle_files=False, seed=None):
    return tf.data.Dataset.from_tensor_slices(
        {"inputs": ["a", "a", "b", "b"], "targets": [*WORDS, *WORDS], "group": [0, 0, 1, 1]}
    )


def mean(targets, scores):
    return {"mean": float(np.mean(scores))}


class Choice:
    """A metric that knows which scores belong together."""

    def __call__(self, targets, scores):
        return {"answers": len(scores) / len(WORDS)}

    def prediction_rows(self, targets, scores):
        pairs = np.reshape(scores, (-1, len(WORDS)))
        return [{"raw": WORDS[int(row.argmax())], "scores": row} for row in pairs]


@pytest.fixture
def add_task():
    def add(*metric_fns):
        seqio.TaskRegistry.add(
            "label_words_for_evaluate",
            source=seqio.FunctionDataSource(examples, splits=("test",)),
            preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
            output_features=FEATURES,
            postprocess_fn=lambda output, example, is_target: int(example["group"]),
            metric_fns=metric_fns,
        )
        return seqio.TaskRegistry.get("label_words_for_evaluate")

    yield add
    seqio.TaskRegistry.remove("label_words_for_evaluate")


def evaluated(task):
    params = nn.unbox(network.init_params(CONFIG, jax.random.key(0)))
    return answering.evaluate_task(params, CONFIG, task, "test", search.DecodingConfig())


def test_rows_of_the_metric_are_written(add_task, tmp_path):
    result = evaluated(add_task(mean, Choice()))
    assert result.metrics["answers"] == 2
    path = answering.write_result(result, RunDirectory(tmp_path), "labels", 7)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 2
    for row in rows:
        assert row["raw"] == WORDS[int(np.argmax(row["scores"]))]
    assert np.mean([row["scores"] for row in rows]) == pytest.approx(result.metrics["mean"])


def test_a_metric_without_rows_leaves_the_scores(add_task):
    result = evaluated(add_task(mean))
    assert [row["raw"] for row in result.rows] == [*WORDS, *WORDS]
    assert np.mean([row["score"] for row in result.rows]) == pytest.approx(result.metrics["mean"])

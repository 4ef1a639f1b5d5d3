"""TFDS's own tests of the quad data sets, and what their examples hold."""

import pathlib

import pytest
import tensorflow_datasets as tfds

from tasks.builders import AbsaQuads

DUMMY = pathlib.Path(__file__).parents[1] / "dummy_data"


class AbsaQuadsTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = AbsaQuads
    EXAMPLE_DIR = str(DUMMY)
    SPLITS = {"train": 1, "validation": 1, "test": 1}  # noqa: RUF012


@pytest.mark.parametrize("config", [config.name for config in AbsaQuads.BUILDER_CONFIGS])
def test_quads_have_target_category_opinion_words_and_polarity(prepare, config):
    builder = prepare(AbsaQuads, config, DUMMY)
    (row,) = tfds.as_numpy(builder.as_dataset(split="test"))
    opinions = row["opinions"]
    text = row["text"].decode()
    assert len(opinions["polarity"]) > 0
    assert all(opinions["category"])
    for kind in ("target", "opinion"):
        start = opinions["start" if kind == "target" else "opinion_start"]
        for words, first in zip(opinions[kind], start, strict=True):
            assert text[first : first + len(words)] == words.decode() or (words, first) == (b"", -1)

"""TFDS's own tests of the FSA benchmark, and what its examples hold."""

import pathlib

import tensorflow_datasets as tfds

from tasks.builders import FsaBenchmark

DUMMY = pathlib.Path(__file__).parents[1] / "dummy_data"


class FsaBenchmarkTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = FsaBenchmark
    EXAMPLE_DIR = str(DUMMY)
    SPLITS = {"train": 2, "validation": 1, "test": 2, "test_original": 1, "test_hard": 1}  # noqa: RUF012
    OVERLAPPING_SPLITS = ["test"]  # noqa: RUF012 - it is the other two together


def test_an_example_holds_the_opinions(prepare):
    builder = prepare(FsaBenchmark, "asa_rest16", DUMMY)
    (example,) = tfds.as_numpy(builder.as_dataset(split="test_hard"))
    assert example["targets"] == b"ambience general | positive"
    assert example["implicit"] == 1
    assert example["hard"]
    assert example["opinions"]["target"].tolist() == [b"terrace"]
    assert example["opinions"]["start"].tolist() == [4]
    assert example["opinions"]["opinion"].tolist() == [b""]
    assert example["opinions"]["opinion_start"].tolist() == [-1]


def test_the_test_split_is_the_original_one_and_the_hard_samples(prepare):
    builder = prepare(FsaBenchmark, "tsa_rest14", DUMMY)
    ids = {
        split: [row["id"] for row in tfds.as_numpy(builder.as_dataset(split=split))]
        for split in ("test", "test_original", "test_hard")
    }
    assert sorted(ids["test"]) == sorted(ids["test_original"] + ids["test_hard"])
    (hard,) = tfds.as_numpy(builder.as_dataset(split="test_hard"))
    (original,) = tfds.as_numpy(builder.as_dataset(split="test_original"))
    assert (hard["hard"], original["hard"]) == (True, False)

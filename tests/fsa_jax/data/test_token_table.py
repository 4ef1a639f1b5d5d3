import dataclasses

import numpy as np
import pytest
import seqio
import tensorflow as tf

from fsa_jax.data.token_table import TokenTable, read_tokens


@pytest.fixture
def table():
    """Three examples of two tasks; the second of them has the longest inputs."""
    return TokenTable(
        tokens={
            "inputs": np.array([5, 1, 6, 7, 8, 1, 9, 1], np.uint16),
            "targets": np.array([2, 1, 3, 1, 4, 1], np.uint16),
        },
        offsets={"inputs": np.array([0, 2, 6, 8]), "targets": np.array([0, 2, 4, 6])},
        components=(("one", 1, 1.0), ("two", 2, 1.0)),
    )


def test_an_example_is_found_by_its_number(table):
    assert len(table) == 3
    inputs, targets = table.example(1)
    assert (inputs.tolist(), targets.tolist()) == ([6, 7, 8, 1], [3, 1])


def test_examples_are_named_by_task_and_number(table):
    assert [table.describe(i) for i in range(3)] == ["one[0]", "two[0]", "two[1]"]
    with pytest.raises(IndexError, match="only 3 examples"):
        table.describe(3)


def test_equal_data_have_equal_fingerprints_and_other_tokens_or_lengths_others(table):
    same = dataclasses.replace(table)
    tokens = {**table.tokens, "targets": np.array([2, 1, 3, 1, 5, 1], np.uint16)}
    offsets = {**table.offsets, "targets": np.array([0, 1, 4, 6])}
    assert same.fingerprint == table.fingerprint < 2**31
    assert dataclasses.replace(table, tokens=tokens).fingerprint != table.fingerprint
    assert dataclasses.replace(table, offsets=offsets).fingerprint != table.fingerprint


def test_open_lengths_are_the_longest_rounded_up(table):
    wanted = {"inputs": None, "targets": 2}
    assert table.row_lengths(wanted, pack=False) == {"inputs": 8, "targets": 2}


@pytest.mark.parametrize(
    ("wanted", "pack", "message"),
    [
        ({"inputs": 8}, True, "TASK_FEATURE_LENGTHS lacks 'targets'"),
        ({"inputs": None, "targets": 8}, True, r"\['inputs'\] is None: packed rows"),
        ({"inputs": 3, "targets": 8}, False, r"two\[0\] has 4 inputs tokens, .* raise it to 4"),
    ],
)
def test_lengths_that_do_not_fit_end_in_one_line(table, wanted, pack, message):
    with pytest.raises(ValueError, match=message) as error:
        table.row_lengths(wanted, pack)
    assert "\n" not in str(error.value)


@pytest.fixture
def task_of():
    """``task_of("name", train=[[5, 1]])`` is a task with these inputs, which are its targets."""

    def make(name, features=("inputs", "targets"), **splits):
        def read(split, shuffle_files=False, seed=None):
            rows = tf.ragged.constant(splits[split], tf.int32, ragged_rank=1)
            rows = tf.data.Dataset.from_tensor_slices(rows)
            return rows.map(lambda ids: dict.fromkeys(features, ids))

        vocabulary = seqio.PassThroughVocabulary(100_000)
        return seqio.Task(
            name,
            source=seqio.FunctionDataSource(read, splits=tuple(splits)),
            preprocessors=[],
            output_features={f: seqio.Feature(vocabulary, add_eos=False) for f in features},
        )

    return make


def test_reading_keeps_every_token_of_every_example_untrimmed(task_of):
    task = task_of("wide", train=[[70_000, 2, 3], [4]])
    found = read_tokens(task, "train", {"inputs": 2, "targets": 2})
    assert [found.example(i)[0].tolist() for i in range(2)] == [[70_000, 2, 3], [4]]
    assert found.components == (("wide", 2, 1.0),)


def test_small_ids_take_two_bytes_each(task_of):
    found = read_tokens(task_of("narrow", train=[[65_535], [4]]), "train", {})
    assert found.tokens["inputs"].dtype == np.uint16
    assert found.example(0)[0].tolist() == [65_535]


@pytest.mark.parametrize(
    ("task", "split", "message"),
    [
        ({"train": [[1]]}, "dev", "bad has no split 'dev'; it has train"),
        ({"train": [[1]], "test": []}, "test", "split 'test' of bad holds no examples"),
        ({"features": ("inputs",), "train": [[1]]}, "train", "bad has no feature 'targets'"),
    ],
)
def test_a_split_that_cannot_be_read_is_refused(task_of, task, split, message):
    with pytest.raises(ValueError, match=message):
        read_tokens(task_of("bad", **task), split, {})

import dataclasses

import numpy as np
import pytest

from fsa_jax.data.token_table import TokenTable, collect


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


def test_a_known_fingerprint_is_not_computed_again(table):
    assert dataclasses.replace(table, tokens={}, known_fingerprint=7).fingerprint == 7


def test_chunks_are_put_together_in_their_order():
    narrow = {"inputs": ([5, 1, 6], [2, 1]), "targets": ([2, 3], [1, 1])}
    wide = {"inputs": ([70_000], [1]), "targets": ([4, 1], [2])}
    chunks = [
        {f: (np.array(ids, dtype), np.array(sizes)) for f, (ids, sizes) in chunk.items()}
        for chunk, dtype in ((narrow, np.uint16), (wide, np.int32))
    ]
    found = collect(["one", "two"], [(0, chunks[0]), (1, chunks[1])])
    assert found.components == (("one", 2, 1.0), ("two", 1, 1.0))
    assert found.tokens["inputs"].tolist() == [5, 1, 6, 70_000]
    assert found.offsets["targets"].tolist() == [0, 1, 2, 4]

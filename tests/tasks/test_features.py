"""Sources of rows, and how token sequences are cut and ended."""

import pytest
import seqio
import tensorflow as tf

from tasks import features

ROWS = [{"text": f"row {n}", "number": n} for n in range(20)]


@pytest.fixture
def source():
    return features.RowsSource({"train": ROWS, "empty": []}.__getitem__, ["train", "empty"])


def numbers(source, **more):
    return [int(row["number"]) for row in source.get_dataset("train", **more).as_numpy_iterator()]


def test_nothing_is_read_before_it_is_asked_for():
    asked = []

    def read(split):
        asked.append(split)
        return ROWS

    source = features.RowsSource(read, lambda: asked.append("splits") or ["train"])
    assert asked == []
    assert source.splits == ("train",)
    assert source.num_input_examples("train") == 20
    assert asked == ["splits", "train"]


def test_rows_come_in_order_or_shuffled_as_a_whole_by_the_seed(source):
    assert numbers(source, shuffle=False) == list(range(20))
    first = numbers(source, shuffle=True, seed=1)
    assert sorted(first) == list(range(20))
    assert first != list(range(20))
    assert numbers(source, shuffle=True, seed=1) == first
    assert numbers(source, shuffle=True, seed=2) != first


@pytest.mark.parametrize(
    ("split", "rows"),
    [("train[:3]", [0, 1, 2]), ("train[18:]", [18, 19]), ("train[10%:20%]", [2, 3])],
)
def test_a_slice_holds_the_rows_that_it_says(source, split, rows):
    dataset = source.get_dataset(split, shuffle=False)
    assert [row["number"] for row in dataset.as_numpy_iterator()] == rows
    assert source.num_input_examples(split) == len(rows)
    assert source.fingerprint(split) != source.fingerprint("train")


@pytest.mark.parametrize("split", ["train[:3", "train[a:b]", "train[3]", "train[::2]"])
def test_what_is_no_slice_is_told(source, split):
    with pytest.raises(ValueError, match=r"slices are such as train\[:10%\]"):
        source.get_dataset(split)


def test_an_empty_split_and_a_shard_are_refused(source):
    with pytest.raises(ValueError, match="the split empty is empty"):
        source.get_dataset("empty")
    with pytest.raises(ValueError, match="one shard"):
        source.get_dataset("train", shard_info=seqio.ShardInfo(index=0, num_shards=2))
    assert source.list_shards("train") == ["train"]
    assert not source.supports_arbitrary_sharding


EOS = 1


@pytest.mark.parametrize(
    ("asked", "own", "expected"),
    [
        (None, None, [*range(5, 15), EOS]),
        ({"inputs": 11}, None, [*range(5, 15), EOS]),
        ({"inputs": 4}, None, [5, 6, 7, EOS]),
        (None, {"inputs": 3}, [5, 6, EOS]),
        # A packed row is longer than what the task asks for, and does not extend it.
        ({"inputs": 1024}, {"inputs": 3}, [5, 6, EOS]),
        ({"inputs": 2}, {"inputs": 3}, [5, EOS]),
        ({"inputs": None}, {"inputs": 3}, [5, 6, EOS]),
        ({"label": 1}, None, [*range(5, 15), EOS]),
    ],
)
def test_sequences_are_cut_so_that_their_end_fits(data_dir, asked, own, expected):
    tokens = {"inputs": tf.range(5, 15), "targets": tf.constant([7]), "label": tf.constant([1, 2])}
    dataset = tf.data.Dataset.from_tensors(tokens)
    cut = features.TrimAndAppendEos(own)(dataset, features.OUTPUT_FEATURES, asked)
    (found,) = cut.as_numpy_iterator()
    assert found["inputs"].tolist() == expected
    assert found["targets"].tolist() == [7, EOS]
    assert found["label"].tolist() == [1, 2]


def test_the_cache_holds_whole_sequences():
    """What stands before the placeholder is cached: other lengths need no other cache."""
    tokenize, cache, trim = features.preprocessors({"inputs": 9})
    assert tokenize is seqio.preprocessors.tokenize
    assert isinstance(cache, seqio.CacheDatasetPlaceholder)
    assert isinstance(trim, features.TrimAndAppendEos)
    assert trim.lengths == {"inputs": 9}


def test_other_rows_have_another_fingerprint():
    rows = {"train": [{"inputs": "a", "label": 1}], "test": [{"inputs": "a", "label": 2}]}
    source = features.RowsSource(lambda split: rows[split], ("train", "test"))
    before = source.fingerprint("train")
    assert source.fingerprint("test") != before == source.fingerprint("train")
    rows["train"][0]["inputs"] = "b"
    assert source.fingerprint("train") != before

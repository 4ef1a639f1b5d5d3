import collections
import itertools

import numpy as np
import pytest
import seqio
import tensorflow as tf

from fsa_jax.data.batches import DataConfig, TrainBatches, open_batches
from fsa_jax.data.prefetch import prefetch_to_device

LENGTHS = {"inputs": 32, "targets": 48}


def token_source(count, base):
    """Examples whose first input token tells them apart: base + index."""

    def dataset_fn(split, shuffle_files, seed=None):
        del shuffle_files, seed
        rng = np.random.default_rng(base)
        examples = [
            {
                "inputs": np.array([base + i, *rng.integers(2, 500, rng.integers(14)), 1]),
                "targets": np.array([*rng.integers(2, 500, rng.integers(1, 24)), 1]),
                "id": f"x{i}",
            }
            for i in range(count if split == "train" else 13)
        ]
        spec = tf.TensorSpec([None], tf.int32)
        signature = {"inputs": spec, "targets": spec, "id": tf.TensorSpec([], tf.string)}
        return tf.data.Dataset.from_generator(lambda: examples, output_signature=signature)

    return seqio.FunctionDataSource(dataset_fn, splits=("train", "validation"))


@pytest.fixture(scope="module", autouse=True)
def registered():
    features = {
        f: seqio.Feature(seqio.PassThroughVocabulary(100_000), add_eos=True)
        for f in ("inputs", "targets")
    }
    parts = {"feed_a": (300, 10_000), "feed_b": (100, 20_000), "feed_wide": (20, 70_000)}
    for name, (count, base) in parts.items():
        seqio.TaskRegistry.add(
            name, token_source(count, base), preprocessors=[], output_features=features
        )
    seqio.MixtureRegistry.add("feed_sum", [("feed_a", 300), ("feed_b", 100)])
    seqio.MixtureRegistry.add("feed_half", [("feed_a", 1.0), ("feed_b", 1.0)])
    yield
    for name in parts:
        seqio.TaskRegistry.remove(name)
    for name in ("feed_sum", "feed_half"):
        seqio.MixtureRegistry.remove(name)


def batches(name="feed_sum", batch_size=4, lengths=None, **kwargs):
    options = {"pack": True, "shuffle": True, "seed": 7, "window": 64, **kwargs}
    split = options.pop("split", "train")
    return TrainBatches(name, split, lengths or LENGTHS, batch_size, **options)


def take(source, count):
    return list(itertools.islice(source, count))


def assert_same(one, two):
    assert len(one) == len(two) > 0
    for (batch_1, info_1), (batch_2, info_2) in zip(one, two, strict=True):
        assert batch_1.keys() == batch_2.keys()
        for key in batch_1:
            np.testing.assert_array_equal(batch_1[key], batch_2[key])
        np.testing.assert_array_equal(info_1.example_ids, info_2.example_ids)
        assert info_1.state == info_2.state


@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("name", ["feed_a", "feed_sum", "feed_half"])
def test_resume_from_any_state_goes_on_with_the_next_example(name, pack):
    whole = take(batches(name, pack=pack), 60)
    for stop in (1, 2, 7, 30):
        again = batches(name, pack=pack)
        again.restore(whole[stop - 1][1].state)
        assert_same(take(again, 60 - stop), whole[stop:])


def test_same_seed_same_batches_and_other_seed_others():
    one, two = take(batches(), 10), take(batches(), 10)
    assert_same(one, two)
    (_, first), (_, other) = one[0], take(batches(seed=8), 1)[0]
    assert first.example_ids.tolist() != other.example_ids.tolist()


def test_iterating_twice_starts_at_the_same_place():
    source = batches()
    assert_same(take(source, 5), take(source, 5))


@pytest.mark.parametrize("hosts", [2, 4])
def test_hosts_share_the_rows_in_order_and_may_change_on_resume(hosts):
    whole = take(batches(batch_size=8), 20)
    shares = [take(batches(batch_size=8, host_index=h, host_count=hosts), 10) for h in range(hosts)]
    for step in range(10):
        for key, array in whole[step][0].items():
            together = np.concatenate([share[step][0][key] for share in shares])
            np.testing.assert_array_equal(together, array)
        for share in shares:
            assert share[step][1].state == whole[step][1].state
            assert share[step][1].target_tokens == whole[step][1].target_tokens
    alone = batches(batch_size=8)
    alone.restore(shares[-1][9][1].state)
    assert_same(take(alone, 10), whole[10:])


def test_batch_size_may_change_on_resume():
    source = batches(batch_size=4)
    before = take(source, 5)
    wider = batches(batch_size=8)
    wider.restore(before[-1][1].state)
    expected = [info.example_ids for _, info in take(source, 9)[5:]]
    got = [info.example_ids for _, info in take(wider, 2)]
    np.testing.assert_array_equal(np.concatenate(got), np.concatenate(expected))


@pytest.mark.parametrize("pack", [True, False])
def test_each_epoch_holds_each_example_once_in_a_new_order(pack):
    runs = [
        np.concatenate([info.example_ids for _, info in batches(pack=pack, num_epochs=n)])
        for n in (1, 2)
    ]
    first, second = runs[1][:400], runs[1][400:]
    np.testing.assert_array_equal(first, runs[0])
    assert sorted(first) == sorted(second) == list(range(400))
    assert (first != second).any()


def test_an_epoch_is_shuffled_as_a_whole():
    ids = np.concatenate([info.example_ids for _, info in batches(num_epochs=1)])
    # In the first of seven windows, examples of the whole range come up, of both tasks.
    assert ids[:57].max() > 300
    assert abs(np.corrcoef(ids, np.arange(400))[0, 1]) < 0.2


def test_packed_rows_hold_the_examples_of_the_task():
    source = batches("feed_a")
    found = {}
    for batch, info in take(source, 200):
        order = iter(info.example_ids)
        for r in range(4):
            for segment in range(1, batch["encoder_segment_ids"][r].max() + 1):
                enc = batch["encoder_segment_ids"][r] == segment
                dec = batch["decoder_segment_ids"][r] == segment
                example = (
                    batch["encoder_input_tokens"][r][enc],
                    batch["decoder_target_tokens"][r][dec],
                )
                found[int(next(order))] = example
    dataset = seqio.get_mixture_or_task("feed_a").get_dataset(None, "train", shuffle=False)
    for i, example in enumerate(dataset.as_numpy_iterator()):
        np.testing.assert_array_equal(found[i][0], example["inputs"])
        np.testing.assert_array_equal(found[i][1], example["targets"])
    assert i == 299


def test_free_rates_give_exact_shares_without_repeats():
    ids = np.concatenate([info.example_ids for _, info in take(batches("feed_half"), 200)])
    from_b = ids[ids >= 300] - 300
    assert abs(len(from_b) / len(ids) - 0.5) < 0.1
    # 100 examples: however the draws fall, windows mix at most neighbouring rounds.
    counts = collections.Counter(from_b.tolist())
    assert len(counts) == 100
    assert max(counts.values()) - min(counts.values()) <= 2


def test_info_counts_what_the_batch_holds():
    for batch, info in take(batches(), 20):
        assert info.examples == len(info.example_ids)
        assert info.target_tokens == batch["decoder_loss_weights"].sum()
        assert info.input_tokens == (batch["encoder_segment_ids"] > 0).sum()
    assert info.state["examples"] == sum(i.examples for _, i in take(batches(), 20))
    assert all(0 <= v < 2**53 and isinstance(v, int) for v in info.state.values())


@pytest.mark.parametrize("name", ["feed_a", "feed_sum", "feed_half"])
@pytest.mark.parametrize(("wanted", "multiple"), [(20, 1), (40, 4), (100, 1), (7, 1)])
def test_rows_are_chosen_for_the_examples_of_a_step(name, wanted, multiple):
    source = batches(name, batch_size=None, examples_per_batch=wanted, multiple_of=multiple)
    assert source.batch_size % multiple == 0
    seen = [info.examples for _, info in take(source, 4 * source.steps(1))]
    # As near as whole rows allow: half a multiple of rows, and the packing's own spread.
    slack = multiple * source.examples_per_row / 2 + 0.05 * wanted
    assert abs(np.mean(seen) - wanted) <= slack
    assert np.mean(seen) == pytest.approx(source.examples_per_step, rel=0.05)


def test_unpacked_rows_are_examples():
    assert batches(batch_size=None, pack=False, examples_per_batch=100).batch_size == 100
    source = batches(batch_size=None, pack=False, examples_per_batch=3, multiple_of=8)
    assert (source.rows, source.batch_size) == (3, 8)


@pytest.mark.parametrize("epochs", [1, 10, 0.5])
def test_steps_are_epochs_of_the_mixture(epochs):
    source = batches(batch_size=None, examples_per_batch=20)
    seen = sum(info.examples for _, info in take(source, source.steps(epochs)))
    assert seen == pytest.approx(epochs * 400, rel=0.05)
    line = source.describe_steps(source.steps(epochs))
    assert f"{source.steps(epochs)} steps of {source.examples_per_step:.1f} examples" in line
    assert "filled up" not in line


@pytest.mark.parametrize("pack", [True, False])
def test_devices_change_nothing_of_what_a_batch_holds(pack):
    """Empty rows, spread among the devices, fill it up; a run goes on with other devices."""
    alone = batches(batch_size=None, pack=pack, examples_per_batch=20)
    first = take(alone, 20)
    for devices in (2, 8, 64):
        shared = batches(batch_size=None, pack=pack, examples_per_batch=20, multiple_of=devices)
        assert shared.rows == alone.rows
        assert shared.batch_size % devices == 0
        assert shared.batch_size - shared.rows < devices
        assert shared.steps(10) == alone.steps(10)
        filled = f"in {shared.rows} rows (filled up to {shared.batch_size} for the devices)"
        assert (filled in shared.describe_steps(5)) == (shared.batch_size > shared.rows)
        shared.restore(first[9][1].state)
        for (one, one_info), (other, other_info) in zip(first[10:], shared, strict=False):
            np.testing.assert_array_equal(one_info.example_ids, other_info.example_ids)
            assert one_info.state == other_info.state
            full = other["decoder_loss_weights"].any(axis=1)
            np.testing.assert_array_equal(
                other["encoder_input_tokens"][full], one["encoder_input_tokens"]
            )
            on_device = full.reshape(devices, -1).sum(axis=1)
            assert on_device.max() - on_device.min() <= 1


@pytest.mark.parametrize("wanted", [10, 50, 100])
def test_steps_hold_the_examples_that_are_asked_for(wanted):
    for devices in (1, 8, 32):
        source = batches(batch_size=None, examples_per_batch=wanted, multiple_of=devices)
        seen = np.mean([info.examples for _, info in take(source, 60)])
        assert seen == pytest.approx(wanted, rel=0.1)


def test_chosen_rows_lie_in_the_batches_of_every_host():
    data = DataConfig("feed_sum", LENGTHS, examples_per_batch=20)
    source = open_batches(data, "train", 7, shuffle=True, multiple_of=2)
    ((batch, _),) = take(source, 1)
    assert batch["decoder_target_tokens"].shape == (source.batch_size, 48)
    decided = data.with_rows(source.batch_size)
    assert (decided.batch_size, decided.examples_per_batch) == (source.batch_size, None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "neither is given"),
        ({"batch_size": 8, "examples_per_batch": 100}, "8 and 100 are given"),
        ({"batch_size": 0}, "BATCH_SIZE is 0"),
        ({"examples_per_batch": -1}, "EXAMPLES_PER_BATCH is -1"),
    ],
)
def test_rows_or_examples_are_said_once(settings, message):
    with pytest.raises(ValueError, match=message):
        DataConfig("feed_sum", LENGTHS, **settings)


def test_without_data_rows_are_taken_for_the_longest_examples():
    assert DataConfig("x", LENGTHS, examples_per_batch=100).assumed_rows(8) == 56
    assert DataConfig("x", LENGTHS, pack=False, examples_per_batch=100).assumed_rows(1) == 100
    assert DataConfig("x", LENGTHS, batch_size=4).assumed_rows(4) == 4


def test_fill_and_examples_per_row_describe_the_first_epoch():
    finite = batches("feed_a", window=300, num_epochs=1, batch_size=1)
    rows = list(finite)
    positions = len(rows) * LENGTHS["targets"]
    assert finite.fill["targets"] == pytest.approx(
        sum(info.target_tokens for _, info in rows) / positions
    )
    assert finite.examples_per_row == pytest.approx(300 / len(rows))
    assert max(finite.fill.values()) > 0.85


def test_unshuffled_evaluation_sees_each_example_once_and_pads_the_last_batch():
    source = batches(
        split="validation",
        pack=False,
        shuffle=False,
        num_epochs=1,
        batch_size=8,
        lengths={"inputs": None, "targets": None},
    )
    seen = list(source)
    assert source.num_examples == 26
    assert [info.examples for _, info in seen] == [8, 8, 8, 2]
    ids = np.concatenate([info.example_ids for _, info in seen])
    np.testing.assert_array_equal(ids, np.arange(26))
    last = seen[-1][0]
    assert last["encoder_input_tokens"].shape == (8, source.lengths["inputs"])
    assert not last["decoder_loss_weights"][2:].any()
    assert not last["encoder_input_tokens"][2:].any()
    firsts = [b["encoder_input_tokens"][0, 0] for b, _ in seen]
    assert firsts[0] == 10_000
    # Hosts whose share of the last batch is empty still take part.
    second = list(
        batches(
            split="validation",
            pack=False,
            shuffle=False,
            num_epochs=1,
            batch_size=8,
            host_index=1,
            host_count=2,
        )
    )
    assert len(second) == 4
    assert second[-1][0]["decoder_loss_weights"].shape == (4, 48)
    assert not second[-1][0]["decoder_loss_weights"].any()


def test_open_lengths_are_the_longest_rounded_up():
    source = batches(pack=False, lengths={"inputs": None, "targets": 48})
    longest = source.table.lengths["inputs"].max()
    assert source.lengths["inputs"] % 8 == 0
    assert 0 <= source.lengths["inputs"] - longest < 8
    assert source.lengths["targets"] == 48


def test_wide_token_ids_survive():
    source = batches("feed_wide", pack=False, shuffle=False, num_epochs=1, batch_size=20)
    ((batch, _),) = list(source)
    np.testing.assert_array_equal(batch["encoder_input_tokens"][:, 0], 70_000 + np.arange(20))


@pytest.mark.parametrize("pack", [True, False])
def test_too_long_names_task_length_and_macro(pack):
    with pytest.raises(ValueError, match=r"feed_\w\[\d+\] has \d+ inputs tokens, but TASK_FEAT"):
        batches(pack=pack, lengths={"inputs": 8, "targets": 48})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "feed_c"}, "no task or mixture is named 'feed_c'; did you mean feed_"),
        ({"name": "zzz"}, "no task or mixture is named 'zzz'"),
        ({"split": "dev"}, "feed_sum has no split 'dev'; it has train, validation"),
        ({"host_count": 3}, "BATCH_SIZE 4 cannot be shared by 3 hosts"),
        ({"lengths": {"inputs": None, "targets": 48}}, r"\['inputs'\] is None: packed rows"),
        ({"lengths": {"inputs": 32}}, "TASK_FEATURE_LENGTHS lacks 'targets'"),
        ({"name": "feed_half", "num_epochs": 1}, "so it has no epochs"),
    ],
)
def test_bad_input_is_one_clear_line(change, message):
    with pytest.raises(ValueError, match=message) as error:
        batches(**change)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "feed_a"}, "feed_a split 'train' no longer holds the data"),
        ({"seed": 8}, "TASK_FEATURE_LENGTHS or packing differ"),
        ({"lengths": {"inputs": 32, "targets": 64}}, "TASK_FEATURE_LENGTHS or packing differ"),
        ({"pack": False}, "TASK_FEATURE_LENGTHS or packing differ"),
    ],
)
def test_a_state_of_other_data_or_settings_is_refused(change, message):
    ((_, info),) = take(batches(), 1)
    with pytest.raises(ValueError, match=message):
        batches(**change).restore(info.state)
    with pytest.raises(ValueError, match="lacks 'row'"):
        batches().restore({"window": 0})


def test_prefetch_keeps_order_and_states_follow_what_was_taken():
    expected = take(batches(num_epochs=1), 100)
    feed = prefetch_to_device(batches(num_epochs=1), lambda b: b, depth=3)
    assert_same(list(feed), expected)
    with pytest.raises(StopIteration):
        next(feed)

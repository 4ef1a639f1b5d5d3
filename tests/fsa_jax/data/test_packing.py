import numpy as np
import pytest
import seqio
import tensorflow as tf

from fsa_jax.data import packing


def review_lengths(count, seed=0):
    """Lengths shaped like reviews and their understanding: correlated, long-tailed, trimmed."""
    rng = np.random.default_rng(seed)
    inputs = np.clip(rng.lognormal(4.2, 0.6, count), 8, 128).astype(int)
    targets = np.clip(90 + 1.9 * inputs + rng.normal(0, 55, count), 20, 400).astype(int)
    return inputs, targets


@pytest.mark.parametrize("count", [0, 1, 7, 1024])
def test_plan_holds_every_example_once_and_no_row_overflows(count):
    inputs, targets = review_lengths(count)
    plan = packing.plan_rows(inputs, targets, 256, 800)
    assert sorted(plan.examples) == list(range(count))
    for r in range(len(plan)):
        row = plan.row(r)
        assert len(row) > 0
        assert inputs[row].sum() <= 256
        assert targets[row].sum() <= 800


@pytest.mark.parametrize(
    ("inputs", "targets", "least"), [(128, 400, 0.82), (256, 800, 0.95), (512, 1600, 0.96)]
)
def test_fill_on_review_lengths(inputs, targets, least):
    lengths = review_lengths(2048)
    plan = packing.plan_rows(*lengths, inputs, targets)
    need = max(lengths[0].sum() / inputs, lengths[1].sum() / targets)
    assert need / len(plan) > least


@pytest.mark.parametrize("tiny", [0, 1])
def test_fill_where_only_one_length_binds(tiny):
    lengths = list(review_lengths(1024))
    lengths[tiny] = np.random.default_rng(1).integers(2, 10, 1024)
    plan = packing.plan_rows(*lengths, 256, 800)
    need = max(lengths[0].sum() / 256, lengths[1].sum() / 800)
    assert need / len(plan) > 0.96


def test_fewer_rows_than_seqio_packs():
    inputs, targets = review_lengths(400)
    dataset = tf.data.Dataset.from_generator(
        lambda: (
            {"inputs": np.ones(i), "targets": np.ones(t)}
            for i, t in zip(inputs, targets, strict=True)
        ),
        output_signature={f: tf.TensorSpec([None], tf.int32) for f in ("inputs", "targets")},
    )
    packed = seqio.trim_and_pack_dataset(dataset, {"inputs": 256, "targets": 800})
    theirs = sum(1 for _ in packed)
    assert len(packing.plan_rows(inputs, targets, 256, 800)) < 0.85 * theirs


def test_same_lengths_same_plan():
    lengths = review_lengths(500)
    one, two = (packing.plan_rows(*lengths, 256, 800) for _ in range(2))
    np.testing.assert_array_equal(one.examples, two.examples)
    np.testing.assert_array_equal(one.starts, two.starts)


def test_exact_fit_shares_a_row():
    lengths = np.array([100, 156]), np.array([300, 500])
    assert len(packing.plan_rows(*lengths, 256, 800)) == 1
    assert len(packing.plan_rows(*lengths, 255, 800)) == 2
    assert len(packing.plan_rows(*lengths, 256, 799)) == 2


def test_too_long_names_the_example():
    with pytest.raises(ValueError, match="example 1 has 801 targets tokens; a row holds 800"):
        packing.plan_rows(np.array([5, 5]), np.array([5, 801]), 256, 800)


def test_reorder_keeps_rows_whole():
    plan = packing.RowPlan(np.array([4, 2, 0, 1, 3]), np.array([0, 2, 3, 5]))
    other = packing.reorder(plan, np.array([2, 0, 1]))
    assert [other.row(r).tolist() for r in range(3)] == [[1, 3], [4, 2], [0]]


def test_rows_unpack_to_their_examples():
    rng = np.random.default_rng(3)
    rows = [
        [(rng.integers(2, 90, i), rng.integers(2, 90, t)) for i, t in shape]
        for shape in ([(3, 7), (5, 2), (8, 7)], [(16, 16)], [], [(1, 1)])
    ]
    batch = packing.build_rows(rows, 16, 16, packed=True)
    assert {k: (v.shape, v.dtype.name) for k, v in batch.items()} == {
        "encoder_input_tokens": ((4, 16), "int32"),
        "decoder_target_tokens": ((4, 16), "int32"),
        "decoder_input_tokens": ((4, 16), "int32"),
        "decoder_loss_weights": ((4, 16), "float32"),
        "encoder_segment_ids": ((4, 16), "int32"),
        "decoder_segment_ids": ((4, 16), "int32"),
        "encoder_positions": ((4, 16), "int32"),
        "decoder_positions": ((4, 16), "int32"),
    }
    for r, row in enumerate(rows):
        assert batch["encoder_segment_ids"][r].max() == len(row)
        for segment, (inputs, targets) in enumerate(row, start=1):
            enc = batch["encoder_segment_ids"][r] == segment
            dec = batch["decoder_segment_ids"][r] == segment
            np.testing.assert_array_equal(batch["encoder_input_tokens"][r][enc], inputs)
            np.testing.assert_array_equal(batch["decoder_target_tokens"][r][dec], targets)
            np.testing.assert_array_equal(batch["decoder_input_tokens"][r][dec], [0, *targets[:-1]])
            np.testing.assert_array_equal(
                batch["encoder_positions"][r][enc], np.arange(len(inputs))
            )
            np.testing.assert_array_equal(
                batch["decoder_positions"][r][dec], np.arange(len(targets))
            )
        padding = batch["decoder_segment_ids"][r] == 0
        np.testing.assert_array_equal(batch["decoder_loss_weights"][r], ~padding)
        for key in ("decoder_target_tokens", "decoder_input_tokens", "decoder_positions"):
            assert not batch[key][r][padding].any()


def test_segment_layout_by_hand():
    pair = (np.array([7, 8, 1]), np.array([5, 6, 1]))
    batch = packing.build_rows([[pair, pair]], 7, 8, packed=True)
    assert batch["encoder_segment_ids"].tolist() == [[1, 1, 1, 2, 2, 2, 0]]
    assert batch["encoder_positions"].tolist() == [[0, 1, 2, 0, 1, 2, 0]]
    assert batch["decoder_input_tokens"].tolist() == [[0, 5, 6, 0, 5, 6, 0, 0]]
    assert batch["decoder_loss_weights"].tolist() == [[1, 1, 1, 1, 1, 1, 0, 0]]


def test_unpacked_rows_have_no_segments():
    batch = packing.build_rows([[(np.array([1]), np.array([1]))]], 4, 4, packed=False)
    assert sorted(batch) == [
        "decoder_input_tokens",
        "decoder_loss_weights",
        "decoder_target_tokens",
        "encoder_input_tokens",
    ]

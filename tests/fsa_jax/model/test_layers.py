"""The parts of a layer, each by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fsa_jax.model import layers

pytestmark = pytest.mark.numeric


def test_dropout_drops_a_feature_for_the_whole_row():
    drop = layers.dropout(0.5)
    x = drop.apply({}, jnp.ones((2, 5, 8)), rngs={"dropout": jax.random.key(1)})
    assert set(np.unique(x)) == {0.0, 2.0}
    np.testing.assert_array_equal(x, np.broadcast_to(x[:, :1], x.shape))


def bucket_by_formula(offset, bidirectional):
    """Raffel et al.'s bucket of one offset, written out with floats."""
    buckets, bucket = layers.NUM_BUCKETS, 0
    if bidirectional:
        buckets //= 2
        bucket = buckets * (offset > 0)
        distance = abs(offset)
    else:
        distance = max(-offset, 0)
    exact = buckets // 2
    if distance < exact:
        return bucket + distance
    steps = np.log(distance / exact) / np.log(layers.MAX_DISTANCE / exact) * (buckets - exact)
    return bucket + min(exact + int(steps + 1e-6), buckets - 1)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_relative_buckets_follow_the_formula(bidirectional):
    offsets = np.arange(-300, 301)
    want = [bucket_by_formula(int(o), bidirectional) for o in offsets]
    np.testing.assert_array_equal(layers.relative_bucket(offsets, bidirectional), want)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_position_bias_is_the_table_at_the_bucket_of_each_distance(bidirectional):
    length = 40
    module = layers.RelativePositionBias(num_heads=3, bidirectional=bidirectional)
    table = jax.random.normal(jax.random.key(0), (3, layers.NUM_BUCKETS))
    blocks = (layers.QueryBlock(0, 24, 24), layers.QueryBlock(24, length, length))
    found = module.apply({"params": {"rel_embedding": table}}, blocks)
    positions = np.arange(length)
    offsets = positions[None, :] - positions[:, None]
    want = np.asarray(table)[:, layers.relative_bucket(offsets, bidirectional)][None]
    for bias, block in zip(found, blocks, strict=True):
        cut = want[:, :, block.begin : block.end, : block.keys]
        np.testing.assert_allclose(bias, cut, atol=1e-6)


def test_norm_takes_no_mean_and_divides_by_the_root_mean_square():
    x = np.array([[3.0, -4.0, 0.0, 0.0]], np.float32)
    norm = layers.RMSNorm("float32")
    got = norm.apply({"params": {"scale": jnp.full(4, 2.0)}}, x)
    np.testing.assert_allclose(got, 2 * x / 2.5, rtol=1e-6)

"""Which seeds are computed together, and on which devices."""

import jax
import numpy as np
import pytest

from fsa_jax.model import seeds_axis


def test_as_many_devices_as_share_the_seeds_evenly():
    assert jax.device_count() == 8
    assert seeds_axis.make_mesh(8).size == 8
    assert seeds_axis.make_mesh(10).size == 5
    assert seeds_axis.make_mesh(3).size == 3


@pytest.mark.parametrize(("one_by_one", "sizes"), [(True, [5, 5]), (False, [10])])
def test_each_device_has_its_own_seeds(monkeypatch, one_by_one, sizes):
    monkeypatch.setattr(seeds_axis, "is_one_by_one", lambda: one_by_one)
    found = [*seeds_axis.stacks([{"x": np.full(2, seed)} for seed in range(10)])]
    assert [len(stack["x"]) for stack, _ in found] == sizes
    assert np.concatenate([stack["x"] for stack, _ in found])[:, 0].tolist() == [*range(10)]
    for stack, mesh in found:
        assert mesh.size == len({shard.device for shard in stack["x"].addressable_shards}) == 5


def test_a_seed_alone_stays_as_it_is():
    tree = {"x": np.zeros(2)}
    assert [*seeds_axis.stacks([tree])] == [(tree, None)]


@pytest.mark.parametrize("one_by_one", [True, False])
@pytest.mark.parametrize("count", [8, 16])
def test_a_function_of_one_seed_is_one_of_all(monkeypatch, one_by_one, count):
    monkeypatch.setattr(seeds_axis, "is_one_by_one", lambda: one_by_one)
    mesh = seeds_axis.make_mesh(count)
    x, y = np.random.default_rng(0).normal(size=(2, count, 3, 3)).astype(np.float32)
    found = jax.jit(seeds_axis.over(lambda x, y: {"product": x @ y}, mesh))(x, y)
    np.testing.assert_allclose(found["product"], x @ y, rtol=1e-5, atol=1e-6)

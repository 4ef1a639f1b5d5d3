"""Known teachers: what they cost, and a seed for each request."""

import pytest

from generation.teachers import presets


def test_cost_counts_both_sides():
    price = presets.PRESETS["gpt35"].price
    assert price.cost(1_000_000, 0) == pytest.approx(0.5)
    assert price.cost(2_000_000, 1_000_000) == pytest.approx(2.5)


def test_every_request_has_a_seed_of_its_own():
    keys = [f"{number:08x}{'0' * 56}" for number in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF)]
    assert [presets.seed_of(key) for key in keys] == [0, 1, 0x7FFFFFFF, 0x7FFFFFFF]
    wire = presets.wire_sampling(presets.SAMPLING, keys[1])
    assert wire["seed"] == 1
    assert "version" not in wire
    assert presets.SAMPLING["seed"] == "by key"


def test_a_users_own_seed_stays():
    assert presets.wire_sampling({"seed": 7, "version": 1}, "f" * 64) == {"seed": 7}


def test_only_services_have_a_price():
    for preset in presets.PRESETS.values():
        assert (preset.price is not None) == (preset.backend == "openai")

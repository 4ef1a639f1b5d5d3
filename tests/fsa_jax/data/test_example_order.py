import numpy as np
import pytest

from fsa_jax.data.example_order import ExampleOrder, permutation, whole_shares

SUM = [("a", 30, 30.0), ("b", 10, 10.0)]
HALF = [("a", 30, 1.0), ("b", 10, 1.0)]


def test_a_permutation_depends_on_its_key_alone():
    first = permutation(50, 7, 0, 1)
    assert sorted(first) == list(range(50))
    np.testing.assert_array_equal(first, permutation(50, 7, 0, 1))
    assert (first != permutation(50, 7, 0, 2)).any()


@pytest.mark.parametrize("parts", [SUM, HALF])
def test_any_place_in_the_order_is_found_at_once(parts):
    whole = ExampleOrder(parts, 7, shuffle=True).examples(0, 65_600)
    for start, stop in [(39, 41), (65_530, 65_600)]:  # across an epoch, across a block
        found = ExampleOrder(parts, 7, shuffle=True).examples(start, stop)
        np.testing.assert_array_equal(found, whole[start:stop])


def test_rates_of_the_numbers_of_examples_give_epochs_in_new_orders():
    order = ExampleOrder(SUM, 7, shuffle=True)
    assert order.has_epochs
    first, second = order.examples(0, 40), order.examples(40, 80)
    assert sorted(first) == sorted(second) == list(range(40))
    assert (first != second).any()


def test_other_rates_give_exact_shares_and_no_example_again_before_all_others():
    order = ExampleOrder(HALF, 7, shuffle=True)
    assert not order.has_epochs
    block = order.examples(0, 65_536)
    of_b = block[block >= 30]
    assert len(of_b) == 32_768
    rounds = of_b[:32_760].reshape(-1, 10)
    assert (np.sort(rounds) == np.arange(30, 40)).all()


def test_unshuffled_order_is_that_of_the_split_whatever_the_rates():
    order = ExampleOrder(HALF, 7, shuffle=False)
    assert order.has_epochs
    np.testing.assert_array_equal(order.examples(38, 42), [38, 39, 0, 1])


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_task_with_examples_needs_a_rate_above_0(rate):
    with pytest.raises(ValueError, match="the mixing rate of b is"):
        ExampleOrder([("a", 3, 1.0), ("b", 1, rate)], 7, shuffle=True)
    assert ExampleOrder([("a", 3, 1.0), ("b", 0, rate)], 7, shuffle=True).size == 3


@pytest.mark.parametrize(
    ("rates", "total", "shares"),
    [
        ([1, 1], 10, [5, 5]),
        ([1, 2], 10, [3, 7]),
        ([1e-9, 1], 10, [1, 9]),
        ([1e-9, 1e-9, 1], 3, [1, 1, 1]),
    ],
)
def test_shares_are_whole_numbers_of_the_total_none_below_1(rates, total, shares):
    assert whole_shares(rates, total) == shares

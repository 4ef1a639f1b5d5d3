"""Pairing and counting, short lists and long ones."""

import random

import numpy as np
import pytest

from fsa_jax.opinions.scoring.counts import COLUMNS, Keys, Polarities, count, metrics, pair
from fsa_jax.opinions.units import TSA, TSC


def slow_pairs(parsed, gold):
    pairs, taken = [], set()
    for i, mine in enumerate(parsed):
        for j, other in enumerate(gold):
            if mine == other and j not in taken:
                pairs.append((i, j))
                taken.add(j)
                break
    return pairs


@pytest.mark.parametrize("longest", [5, 15, 17, 60])
def test_pairs_are_those_of_plain_loops(longest):
    draw = random.Random(longest)
    for _ in range(300):
        parsed, gold = (
            [(draw.choice("abcdef"), draw.choice("+-")) for _ in range(draw.randrange(longest))]
            for _ in range(2)
        )
        assert pair(parsed, gold) == slow_pairs(parsed, gold)


def counted(keys, kind=TSA):
    return dict(zip(COLUMNS, count(keys, kind), strict=True))


def test_every_column_of_a_row():
    gold = [("soup", "+"), ("wine list", "-"), ("bar", "+"), ("bar", "+")]
    parsed = [("bar", "+"), ("soup", "-"), ("wine", "-"), ("bar", "+"), ("bar", "+")]
    assert counted(Keys(gold, parsed, parsed[:2], 2)) == {
        "predicted": 2,
        "predicted_hits": 1,
        "gold": 4,
        "gold_hits": 2,
        "answers": 7,
        "matches": 2,
        "rows": 1,
        "failures": 1,
        "extracted": 3,
        "soft": pytest.approx(2 + 2 / 3),
    }


def test_a_perfect_row_is_counted_as_any_other():
    gold = [("soup", "+"), ("bar", "-")]
    perfect, turned = (Keys(gold, order, order, 0) for order in (gold, gold[::-1]))
    assert perfect.perfect
    assert not turned.perfect
    assert counted(perfect) == counted(turned)
    sums = []
    for keys in (perfect, turned):
        polarities = Polarities()
        count(keys, TSA, polarities)
        sums.append(polarities.columns())
    assert sums[0].keys() == sums[1].keys() == {"+", "-"}
    assert all(np.array_equal(sums[0][name], sums[1][name]) for name in sums[0])


def test_a_classification_without_an_answer_is_a_wrong_one():
    keys = Keys([("soup", "+")], [], [], 1)
    assert counted(keys, TSC)["predicted"] == counted(keys, TSC)["answers"] == 1
    assert counted(keys, TSA)["predicted"] == 0


def test_of_nothing_all_is_right():
    found = metrics(np.zeros(len(COLUMNS)))
    assert (
        found["f1"] == found["strict_f1"] == found["soft_f1"] == found["polarity_accuracy"] == 100
    )
    assert found["parse_failure_rate"] == found["rows"] == 0

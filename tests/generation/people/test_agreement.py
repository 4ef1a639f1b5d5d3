"""Krippendorff's alpha, against the published example, the kept library, and at its ends."""

import math
import random

import krippendorff
import numpy as np
import pytest

from generation.people.agreement import agreement, agreement_with

NAN = float("nan")


def test_alpha_of_the_published_example():
    """Krippendorff 2011, section C: four observers, twelve units; alpha for ordinal data 0.815."""
    ratings = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
    units = [[int(r) - 1 for r in unit if not math.isnan(r)] for unit in zip(*ratings, strict=True)]
    assert agreement(units, 5)["alpha"] == pytest.approx(0.815, abs=5e-4)
    assert agreement(units, 5, ordered=False)["alpha"] == pytest.approx(0.743, abs=5e-4)


@pytest.mark.parametrize("level", ["ordinal", "nominal"])
def test_alpha_is_that_of_the_kept_library(level):
    rng = random.Random(1)
    for _ in range(50):
        units = [
            [rng.choice([0, 0, 1, 2]) for _ in range(rng.choice([0, 1, 2, 2, 3]))]
            for _ in range(rng.randrange(5, 30))
        ] + [[0, 2], [1, 1]]
        table = np.array([unit + [NAN] * (3 - len(unit)) for unit in units]).T
        alpha = krippendorff.alpha(table, value_domain=[0, 1, 2], level_of_measurement=level)
        mine = agreement(units, 3, ordered=level == "ordinal")
        assert mine["alpha"] == pytest.approx(alpha, abs=1e-12)


def test_alpha_at_its_ends():
    rng = random.Random(0)
    perfect = agreement([[0, 0], [1, 1], [2, 2, 2]] * 10, 3)
    assert perfect == {"alpha": 1.0, "low": 1.0, "high": 1.0}
    noise = agreement([[rng.randrange(3), rng.randrange(3)] for _ in range(2000)], 3)
    assert noise["low"] < 0 < noise["high"]
    assert noise["high"] - noise["low"] == pytest.approx(4 / math.sqrt(2000), rel=0.1)
    assert agreement([[0, 2], [2, 0]] * 50, 3)["alpha"] < -0.9
    for units in ([[1, 1], [1, 1]], [[0], [2]], []):
        assert agreement(units, 3) == {"alpha": None, "low": None, "high": None}


def test_agreement_with_nobody_is_none():
    found = agreement_with([], [], 3)
    assert found == {name: {name: None, "low": None, "high": None} for name in ("alpha", "kappa")}


def test_kappa_is_lowered_by_a_judge_who_is_milder_and_alpha_is_too():
    """Who gives all one more ranks them alike, but does not agree."""
    people = [[0], [1], [0], [1]] * 10
    equal = agreement_with([0, 1, 0, 1] * 10, people, 3)
    milder = agreement_with([1, 2, 1, 2] * 10, people, 3)
    assert equal["kappa"]["kappa"] == equal["alpha"]["alpha"] == 1.0
    # Each pair is one apart; by chance half of them are, and a quarter two.
    assert milder["kappa"]["kappa"] == pytest.approx(1 - 1 / (0.5 * 1 + 0.25 * 4))
    assert milder["alpha"]["alpha"] < 0.5

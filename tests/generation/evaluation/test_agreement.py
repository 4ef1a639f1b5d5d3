"""Krippendorff's alpha, against the published example and at its ends."""

import math
import random

import pytest

from generation.evaluation.agreement import krippendorff_alpha

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
    assert krippendorff_alpha(units, 5) == pytest.approx(0.815, abs=5e-4)


def test_alpha_at_its_ends():
    rng = random.Random(0)
    assert krippendorff_alpha([[0, 0], [1, 1], [2, 2, 2]], 3) == 1.0
    noise = [[rng.randrange(3), rng.randrange(3)] for _ in range(20_000)]
    assert krippendorff_alpha(noise, 3) == pytest.approx(0.0, abs=0.02)
    assert krippendorff_alpha([[0, 2], [2, 0]] * 50, 3) < -0.9
    assert math.isnan(krippendorff_alpha([[1, 1], [1, 1]], 3))
    assert math.isnan(krippendorff_alpha([[0], [2]], 3))

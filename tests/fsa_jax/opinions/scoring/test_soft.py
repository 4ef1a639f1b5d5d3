"""The soft score: how similar units are, and their best pairing."""

import itertools
import random

import pytest

from fsa_jax.opinions.scoring.soft import similarity, soft_matches
from fsa_jax.opinions.units import ASA, QUAD, TSA

WORDS = ["wine", "wine list", "house wine", "food", "staff", "bar"]


POLARITIES = ["positive", "negative", "neutral"]


def best_soft(parsed, gold, kind):
    """The best one-to-one pairing by trying all."""
    if len(parsed) > len(gold):
        parsed, gold = gold, parsed
    best = 0.0
    for order in itertools.permutations(range(len(gold)), len(parsed)):
        total = sum(
            similarity(a, gold[j], kind)
            for a, j in zip(parsed, order, strict=True)
            if a[-1] == gold[j][-1]
        )
        best = max(best, total)
    return best


def test_soft_matches_are_close_to_the_best_pairing():
    draw = random.Random(7)
    gap = 0.0
    for _ in range(300):
        parsed, gold = (
            [(draw.choice(WORDS), draw.choice(POLARITIES)) for _ in range(draw.randrange(5))]
            for _ in range(2)
        )
        found, best = soft_matches(parsed, gold, TSA), best_soft(parsed, gold, TSA)
        assert 0 <= found <= best + 1e-9
        assert best <= min(len(parsed), len(gold)) + 1e-9
        gap = max(gap, best - found)
    assert gap < 0.5


@pytest.mark.parametrize(
    ("kind", "a", "b", "value"),
    [
        (TSA, ("wine list", "x"), ("wine list", "x"), 1),
        (TSA, ("wine list", "x"), ("the wine list", "x"), 0.8),
        (TSA, ("Wine", "x"), ("wine", "x"), 1),
        (TSA, ("wine", "x"), ("food", "x"), 0),
        (ASA, ("food quality", "x"), ("food prices", "x"), 0.5),
        (ASA, ("food quality", "x"), ("drinks quality", "x"), 0),
        (
            QUAD,
            ("food quality", "wine list", "NULL", "x"),
            ("food prices", "wine", "NULL", "x"),
            1 / 3,
        ),
        (QUAD, ("food quality", "wine", "NULL", "x"), ("food quality", "wine", "good", "x"), 0),
    ],
)
def test_how_similar_units_are(kind, a, b, value):
    assert similarity(a, b, kind) == pytest.approx(value)
    assert similarity(b, a, kind) == pytest.approx(value)

"""Intervals and paired tests, against drawing sentence by sentence."""

import random

import numpy as np
import pytest
from scipy import stats
from scored_rows import TEXT, make_rows, write

from fsa_jax.opinions.scoring.counts import metrics
from fsa_jax.opinions.scoring.files import (
    compare,
    f1_columns,
    f1_of_sums,
    score_file,
)
from fsa_jax.opinions.scoring.rows import prediction_row
from fsa_jax.opinions.scoring.significance import (
    _distinct,
    bootstrap_interval,
    half_width,
    paired_test,
)
from fsa_jax.opinions.units import TSA


def test_intervals_are_those_of_drawing_sentences_one_by_one(tmp_path):
    counts = f1_columns(score_file(write(tmp_path / "a", make_rows(0, 300))).counts)
    found = bootstrap_interval(counts, f1_of_sums, draws=2000)
    generator = np.random.default_rng(1)
    drawn = [
        f1_of_sums(counts[generator.integers(0, 300, 300)].sum(axis=0)[None])[0]
        for _ in range(2000)
    ]
    assert found == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.4)
    assert bootstrap_interval(counts, f1_of_sums) == bootstrap_interval(counts, f1_of_sums)


def test_distinct_rows_are_found_by_either_way():
    generator = np.random.default_rng(0)
    for counts in (
        generator.integers(-3, 4, (500, 4)).astype(float),
        generator.integers(0, 2**40, (50, 4)).repeat(3, axis=0).astype(float),
        generator.integers(0, 3, (500, 2)) / 2,
    ):
        rows, weights = _distinct(counts)
        expected, times = np.unique(counts, axis=0, return_counts=True)
        np.testing.assert_array_equal(rows, expected)
        np.testing.assert_array_equal(weights, times)


def test_the_paired_test_tells_systems_apart(tmp_path):
    def scored(name, seed):
        return score_file(write(tmp_path / name, make_rows(seed, 150)))

    draw = random.Random(0)
    good = make_rows(0, 400, 1.0)
    bad = [
        prediction_row(
            "tsa_probe", TSA, "" if draw.random() < 0.3 else r["raw"], r["gold"], TEXT, id=r["id"]
        )
        for r in good
    ]
    first = score_file(write(tmp_path / "good", good))
    second = score_file(write(tmp_path / "bad", bad[::-1]))
    difference, probability = compare([first], [second])
    expected = metrics(first.sums())["f1"] - metrics(second.sums())["f1"]
    assert difference == pytest.approx(expected)
    assert probability < 0.001
    assert compare([second], [first])[0] == pytest.approx(-expected)
    same, probability = compare([first], [first])
    assert (same, probability) == (0, 1)
    # Under the null, p is spread evenly: two systems of one skill differ significantly only rarely.
    small = 0
    for seed in range(20):
        a, b = (f1_columns(scored("a", s).counts) for s in (seed, seed + 100))
        small += paired_test(a, b, f1_of_sums, draws=400)[1] < 0.05
    assert small <= 4


def test_draws_without_a_score_are_passed_over():
    counts = np.array([[1.0, 1.0]] * 2 + [[0.0, 0.0]] * 2)

    def share(sums):
        with np.errstate(invalid="ignore"):
            return sums[:, 0] / sums[:, 1]

    assert bootstrap_interval(counts, share) == (1.0, 1.0)
    assert np.isnan(bootstrap_interval(counts[2:], share)).all()


def test_the_interval_over_seeds_is_students():
    values = [51.0, 53.5, 52.25]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert half_width(values) == pytest.approx((high - low) / 2)
    assert half_width([1.0]) is None

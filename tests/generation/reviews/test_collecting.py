"""Duplicates, and draws by stars."""

import collections
import json

import numpy as np
import pytest

from generation.reviews import collecting


def dump(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_duplicates_near_and_exact(tmp_path, collect):
    base = " ".join(f"word{n}" for n in range(60))
    texts = [base, base.upper(), base + " more", "the food was good and we liked it here", base]
    rows = [{"text": text, "rating": 3} for text in texts]
    path = tmp_path / "x.jsonl"
    path.write_bytes(dump(rows))
    found, report = collect(path, sampling=collecting.Sampling(near_duplicates=0.7))
    assert [review.text for review in found] == [texts[0], texts[3]]
    assert report.dropped == {"exact duplicate": 2, "near duplicate": 1}


def test_weights_are_on_natural_proportions(tmp_path, collect):
    """A weighted draw without replacement has the shares of a slow one of the same weights."""
    rng = np.random.default_rng(0)
    stars = rng.choice([1, 2, 3, 4, 5], 4000, p=[0.15, 0.1, 0.1, 0.25, 0.4])
    rows = [
        {"text": f"the food of number {n} was very good", "rating": int(s)}
        for n, s in enumerate(stars)
    ]
    path = tmp_path / "x.jsonl"
    path.write_bytes(dump(rows))
    weights = collecting.scheme_weights("R12421")
    sampling = collecting.Sampling(1000, weights, seed=1)
    found, report = collect(path, sampling=sampling)
    assert len(found) == 1000
    probabilities = np.array(weights)[stars - 1]
    slow = rng.choice(4000, 1000, replace=False, p=probabilities / probabilities.sum())
    expected = collections.Counter(int(star) for star in stars[slow])
    for star in range(1, 6):
        assert abs(report.after[star] - expected[star]) < 60
    assert report.before == collections.Counter(int(star) for star in stars)
    again, _ = collect(path, sampling=sampling)
    assert again == found
    other, _ = collect(path, sampling=collecting.Sampling(1000, weights, seed=2))
    assert other != found
    weights = collecting.scheme_weights("R00100")
    only, report = collect(path, sampling=collecting.Sampling(None, weights))
    assert {review.rating for review in only} == {3.0}
    assert len(only) == report.before[3]


def test_scheme_must_be_known():
    assert collecting.scheme_weights("1,0.5,4,2,1") == (1, 0.5, 4, 2, 1)
    assert collecting.scheme_weights("R11311") == (1, 1, 3, 1, 1)
    for text in ("R123", "1,2", "a,b,c,d,e", "0,0,0,0,0", "1,1,1,1,-1", "1,1,1,1,inf"):
        with pytest.raises(ValueError, match="--scheme"):
            collecting.scheme_weights(text)

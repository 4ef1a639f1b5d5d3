"""The made-up predictions are such as models make, and the scorer reads them."""

import json
import pathlib

import pytest

from fsa_jax.opinions.scoring.counts import metrics
from fsa_jax.opinions.scoring.files import score_file


@pytest.fixture
def scorer(monkeypatch):
    monkeypatch.syspath_prepend(pathlib.Path(__file__).parents[3])
    from scripts.benchmarks import scorer

    return scorer


def test_a_file_has_rows_of_each_kind_with_ids_of_their_own(scorer, tmp_path, monkeypatch):
    monkeypatch.setattr(scorer, "DISTINCT", 300)
    path = tmp_path / "rows.jsonl"
    assert scorer.write_file(path, 450) > 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["id"] for row in rows] == [str(number) for number in range(450)]
    assert rows[0]["raw"] == rows[300]["raw"]  # the distinct ones come again
    right = sum(not row["reason"] for row in rows) / len(rows)
    assert 0.3 < right < 0.8
    assert "" in {row["raw"] for row in rows}
    found = metrics(score_file(path).sums())
    assert 50 < found["f1"] < 95


def test_the_same_size_is_the_same_file(scorer, tmp_path):
    for name in "ab":
        scorer.write_file(tmp_path / name, 20)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

"""Scores on a card: means over seeds with intervals, and the weights' own."""

import pytest
from scipy import stats
from scored_rows import make_rows

from fsa_jax.runtime.run_directory import RunDirectory
from fsa_jax.student.scores import RunScores

SEEDS = {42: 50.0, 52: 54.0, 62: 52.5}


@pytest.fixture
def make_run(tmp_path):
    """``make_run(folder, seed, f1)`` is a run with scores on a test split, and their rows."""

    def make(folder, seed, f1, first="first"):
        run = RunDirectory(tmp_path / folder)
        run.write_manifest({"seed": seed, "best_metric": None})
        rows = make_rows(seed, 40)
        rows[0]["id"] = first
        scores = {"f1": f1, "strict_f1": f1 - 10, "parse_failure_rate": 1.0}
        run.write_evaluation("tsa_rest14-test", 7, scores, rows)
        run.write_evaluation("tsa_rest14", 7, {"f1": f1 + 1}, rows)
        return run

    return make


def test_seeds_have_a_mean_and_students_interval(make_run):
    runs = [make_run(f"runs/seed_{seed}", seed, f1) for seed, f1 in SEEDS.items()]
    table, what, *_ = RunScores(runs[1]).parts(7)
    values = list(SEEDS.values())
    low, high = stats.t.interval(0.95, 2, 52.1666667, stats.sem(values))
    shown = f"| tsa_rest14-test | 52.17 ± {(high - low) / 2:.2f} | 42.17 ± "
    assert shown in table
    assert table.splitlines()[-1].endswith("| 1.00 ± 0.00 | 54.00 |")
    assert "tsa_rest14 (development)" in table
    assert "mean of 3 seeds" in what


def test_one_seed_has_an_interval_over_sentences(make_run):
    table, what, *_ = RunScores(make_run("runs/x", 42, 50.0)).parts(7)
    row = next(line for line in table.splitlines() if "tsa_rest14-test" in line)
    assert row.startswith("| tsa_rest14-test | 50.00 (")
    assert " to " in row
    assert "One seed was trained" in what


def test_other_weights_than_those_that_were_scored_are_told(make_run):
    run = make_run("runs/x", 42, 50.0)
    assert "step 7, the weights of 3" in list(RunScores(run).parts(3))[-1]
    assert "the weights of" not in list(RunScores(run).parts(7))[-1]


def test_the_hub_gets_the_weights_own_scores_on_test_splits(make_run):
    runs = [make_run(f"runs/seed_{seed}", seed, f1) for seed, f1 in SEEDS.items()]
    (result,) = RunScores(runs[0]).for_the_hub()
    assert result["dataset"] == {"type": "tsa_rest14", "name": "tsa_rest14-test"}
    assert result["metrics"][0]["value"] == 50.0


def test_invented_sentences_are_told_from_others(make_run):
    assert not RunScores(make_run("runs/x", 42, 50.0, first="813")).is_invented()
    assert RunScores(make_run("runs/y", 42, 50.0, first="sample-rest14-test:0")).is_invented()


def test_a_run_without_scores_says_so(tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.write_manifest({"seed": 1})
    scores = RunScores(run)
    assert list(scores.parts(1)) == ["It was not scored."]
    assert scores.for_the_hub() == []
    assert not scores.is_invented()

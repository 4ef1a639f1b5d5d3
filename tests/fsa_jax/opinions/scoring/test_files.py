"""Scoring of prediction files: every number against slow and independent counting."""

import collections
import json
import random

import numpy as np
import pytest
from scored_rows import POLARITIES, TEXT, WORDS, make_rows, write

from fsa_jax.opinions.scoring.counts import COLUMNS, metrics
from fsa_jax.opinions.scoring.files import (
    compare,
    score_file,
    score_paths,
    summarize,
)
from fsa_jax.opinions.scoring.rows import prediction_row, score
from fsa_jax.opinions.units import TSA, linearize


def slow(rows, wanted=lambda polarity: True):
    """Counts with plain loops over lists, for the reference and the strict rule."""
    counts = collections.Counter()
    for row in rows:
        gold = [(u["target"], u["polarity"]) for u in row["gold"] if wanted(u["polarity"])]
        parsed = [(u["target"], u["polarity"]) for u in row["parsed"] if wanted(u["polarity"])]
        predicted = [tuple(u) for u in row["reference"] if wanted(u[1])]
        counts["predicted"] += len(predicted)
        counts["predicted_hits"] += len([u for u in predicted if u in gold])
        counts["gold"] += len(gold)
        counts["gold_hits"] += len([u for u in gold if u in predicted])
        counts["answers"] += len(parsed)
        for name, cut in (("matches", 2), ("extracted", 1)):
            left = [u[:cut] for u in gold]
            for unit in parsed:
                if unit[:cut] in left:
                    left.remove(unit[:cut])
                    counts[name] += 1
    return counts


def f1(right, answers, recalled, gold):
    precision = right / answers if answers else 1
    recall = recalled / gold if gold else 1
    return 200 * precision * recall / (precision + recall) if precision + recall else 0


@pytest.mark.parametrize("seed", range(3))
def test_all_scores_of_a_file(tmp_path, seed):
    rows = make_rows(seed, 700)
    (first, *others) = summarize(
        [score_file(write(tmp_path / "a.jsonl", rows))],
        ("polarity", "implicit", "multiple", "hard", "original"),
        draws=0,
    )
    count = slow(rows)
    junk = sum(len(row["unparsed"]) for row in rows)
    gold, answers = count["gold"], count["answers"] + junk
    assert first["f1"] == pytest.approx(
        f1(count["predicted_hits"], count["predicted"], count["gold_hits"], gold)
    )
    assert first["strict_f1"] == pytest.approx(
        f1(count["matches"], answers, count["matches"], gold)
    )
    assert first["extraction_f1"] == pytest.approx(
        f1(count["extracted"], answers, count["extracted"], gold)
    )
    assert first["polarity_accuracy"] == pytest.approx(100 * count["matches"] / count["extracted"])
    assert first["parse_failure_rate"] == pytest.approx(
        100 * sum(bool(row["unparsed"]) for row in rows) / len(rows)
    )
    assert first["soft_f1"] >= first["strict_f1"]
    # The scorer that trains report with says the same.
    for name, value in score(rows, TSA).items():
        assert first[name] == pytest.approx(value)
    found = {row["group"]: row for row in others}
    for polarity in POLARITIES:
        part = slow(rows, lambda p, polarity=polarity: p == polarity)
        assert found[polarity]["f1"] == pytest.approx(
            f1(part["predicted_hits"], part["predicted"], part["gold_hits"], part["gold"])
        )
        assert found[polarity]["strict_recall"] == pytest.approx(
            100 * part["matches"] / part["gold"]
        )
        assert found[polarity]["gold_units"] == part["gold"]
    for group, keep in (
        ("implicit", lambda row: row["implicit"] is True),
        ("multiple", lambda row: row["multiple"]),
        ("hard", lambda row: row["hard"]),
        ("original", lambda row: not row["hard"]),
    ):
        part = [row for row in rows if keep(row)]
        assert 0 < len(part) < len(rows)
        assert found[group]["rows"] == len(part)
        assert found[group]["strict_f1"] == pytest.approx(score(part, TSA)["strict_f1"])
        assert found[group]["f1"] == pytest.approx(score(part, TSA)["f1"])


def test_long_rows_count_as_short_ones(tmp_path):
    draw = random.Random(4)
    gold = [
        {"target": draw.choice(WORDS), "polarity": draw.choice(POLARITIES), "start": 0, "end": 1}
        for _ in range(60)
    ]
    row = prediction_row("tsa_x", TSA, linearize(gold[::-1] + gold[:30], TSA), gold, TEXT)
    sums = score_file(write(tmp_path / "a", [row])).sums()
    assert metrics(sums)["strict_f1"] == pytest.approx(score([row], TSA)["strict_f1"])
    assert metrics(sums)["f1"] == pytest.approx(score([row], TSA)["f1"])
    assert sums[COLUMNS.index("matches")] == 60


def test_seeds_are_averaged(tmp_path):
    files = [write(tmp_path / f"{seed}.jsonl", make_rows(seed, 200)) for seed in range(4)]
    (seeds,) = score_paths([tmp_path]).values()
    assert [seed.path for seed in seeds] == files
    single = [metrics(seed.sums())["f1"] for seed in seeds]
    (row,) = summarize(seeds, draws=200)
    assert row["seeds"] == 4
    assert row["f1"] == pytest.approx(np.mean(single))
    assert row["f1_std"] == pytest.approx(np.std(single, ddof=1))
    low, high = row["f1_interval"]
    assert low < row["f1"] < high


def test_splits_are_no_seeds_and_only_the_last_step_counts(tmp_path):
    first, second = make_rows(0, 60), make_rows(1, 60)
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
        write(tmp_path / run / "tsa_probe-test-000100.jsonl", first)
        write(tmp_path / run / "tsa_probe-test-000200.jsonl", second)
        write(tmp_path / run / "tsa_probe-test_hard-000200.jsonl", second[:20])
        (tmp_path / run / "tsa_probe-test-metrics.jsonl").write_text('{"step": 1}\n')
    found = score_paths([tmp_path / "a", tmp_path / "b"])
    assert {name: len(seeds) for name, seeds in found.items()} == {
        "tsa_probe-test": 2,
        "tsa_probe-test_hard": 2,
    }
    assert found["tsa_probe-test"][0].path.name == "tsa_probe-test-000200.jsonl"
    with pytest.raises(ValueError, match=r"are steps of one run, not seeds: name one of them$"):
        score_paths((tmp_path / "a").glob("tsa_probe-test-*"))
    with pytest.raises(FileNotFoundError, match="metrics are none"):
        score_paths([tmp_path / "a" / "tsa_probe-test-metrics.jsonl"])


def test_an_empty_sub_set_has_no_scores(tmp_path):
    rows = [row | {"hard": False, "implicit": None} for row in make_rows(0, 20)]
    scored = score_file(write(tmp_path / "a", rows))
    _, hard, implicit = summarize([scored], ("hard", "implicit"), draws=0)
    assert hard == {"group": "hard", "seeds": 1, "rows": 0, "gold_units": 0}
    assert implicit["rows"] == 0
    assert "f1" not in implicit


def test_systems_that_cannot_be_paired_are_named(tmp_path):
    rows = make_rows(0, 5)
    first = score_file(write(tmp_path / "a", rows))
    with pytest.raises(ValueError, match="sentence '4' is in one only"):
        compare([first], [score_file(write(tmp_path / "b", rows[:4]))])
    with pytest.raises(
        ValueError, match=r"1 of tsa_probe \(a\) cannot be paired with 2 of tsa_probe \(a, a\)"
    ):
        compare([first], [first, first])


def test_misses_are_written_with_their_reasons(tmp_path):
    rows = make_rows(0, 100)
    with (tmp_path / "misses").open("w") as file:
        score_file(write(tmp_path / "a", rows), misses=file)
    misses = [json.loads(line) for line in (tmp_path / "misses").read_text().splitlines()]
    wrong = [row for row in rows if score([row], TSA)["strict_f1"] < 100 or row["reason"]]
    assert {row["id"] for row in wrong} <= {row["id"] for row in misses}
    assert {row["id"]: row["reason"] for row in wrong}.items() <= {
        row["id"]: row["reason"] for row in misses
    }.items()


@pytest.mark.parametrize("task", ["tsc_rest14", "asc_rest16"])
def test_questions_without_an_answer_stay_in_the_denominator(tmp_path, task):
    """Accuracy: one right, one wrong and two silent ones are 25, by every rule."""
    field = "target" if task.startswith("tsc") else "category"
    gold = [{field: "food", "polarity": "positive"}]
    said = [
        {"parsed": gold},
        {"parsed": [{field: "food", "polarity": "negative"}]},
        {"parsed": []},
        {"parsed": [], "unparsed": ["I cannot say"]},
    ]
    rows = [
        {"id": str(number), "task": task, "text": "Tea .", "gold": gold} | parsed
        for number, parsed in enumerate(said)
    ]
    scored = score_file(write(tmp_path / "a", rows))
    found = metrics(scored.sums())
    for name in ("f1", "precision", "recall", "strict_f1", "strict_precision", "strict_recall"):
        assert found[name] == 25, name
    assert found["parse_failure_rate"] == 50
    rows = [row | {"matches": [[0, 0]] if row["parsed"] == gold else []} for row in rows]
    assert score(rows, scored.kind)["f1"] == score(rows, scored.kind)["strict_f1"] == 25


def test_the_substring_rule_is_applied_to_llms(tmp_path):
    """A target that the sentence lacks is dropped by the paper's rule, and wrong by the strict."""
    base = {"id": "1", "task": "tsa_rest14", "gold": [["food", "positive"]]}
    said = [["food", "positive"], ["soup", "negative"]]
    for answer in ({"parsed": None, "raw": str([tuple(unit) for unit in said])}, {"parsed": said}):
        known = score_file(write(tmp_path / "a", [base | answer | {"text": TEXT}]))
        found = metrics(known.sums())
        assert (found["precision"], found["f1"]) == (100, 100)
        assert found["strict_precision"] == 50
        unknown = score_file(write(tmp_path / "a", [base | answer]))
        assert metrics(unknown.sums())["precision"] == 50

"""Scoring of prediction files: every number against slow and independent counting."""

import collections
import itertools
import json
import random
import re

import numpy as np
import pytest

from fsa_jax.opinions.scoring.counts import COLUMNS, metrics
from fsa_jax.opinions.scoring.files import (
    compare,
    f1_columns,
    f1_of_sums,
    score_file,
    score_paths,
    summarize,
)
from fsa_jax.opinions.scoring.predictions import kind_of, read_predictions
from fsa_jax.opinions.scoring.rows import prediction_row, score
from fsa_jax.opinions.scoring.significance import _distinct, bootstrap_interval, paired_test
from fsa_jax.opinions.scoring.soft import similarity, soft_matches
from fsa_jax.opinions.units import ASA, QUAD, TSA, linearize

WORDS = ["wine", "wine list", "house wine", "food", "staff", "bar"]
POLARITIES = ["positive", "negative", "neutral"]
TEXT = "the wine list , house wine , food , staff and bar"


def make_rows(seed, count, skill=0.6):
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        units = lambda n: [  # noqa: E731
            {
                "target": draw.choice(WORDS),
                "polarity": draw.choice(POLARITIES),
                "start": 0,
                "end": 1,
            }
            for _ in range(draw.randrange(n))
        ]
        gold = units(5)
        predicted = [unit for unit in gold if draw.random() < skill] + units(3)
        if predicted and draw.random() < 0.2:
            predicted += [predicted[0]] * 2
        output = linearize(predicted, TSA) + draw.choice(["", "", "", " ; what ?"])
        flags = {name: draw.choice([True, False]) for name in ("multiple", "hard")}
        flags["implicit"] = draw.choice([True, False, None])
        rows.append(prediction_row("tsa_probe", TSA, output, gold, TEXT, id=str(number), **flags))
    return rows


def write(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


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


def test_rows_of_llms_and_of_t5x_are_read(tmp_path):
    base = {"id": "1", "task": "tsa_rest14", "gold": [["wine list", "positive"]], "text": TEXT}
    forms = [
        base | {"parsed": [["wine list", "positive"]]},
        base | {"parsed": None, "raw": "Here: [('wine list', 'positive')]"},
        base | {"raw": "[['wine list', 'Positive']] as asked"},
        base | {"raw": "wine list | positive"},
        {
            "input": "x",
            "prediction": base | {"parsed": [{"target": "wine list", "polarity": "positive"}]},
        },
    ]
    for form in forms:
        scored = score_file(write(tmp_path / "a", [form]))
        assert metrics(scored.sums())["f1"] == metrics(scored.sums())["strict_f1"] == 100
    failed = score_file(write(tmp_path / "a", [base | {"raw": "[('wine list',"}]))
    assert metrics(failed.sums())["parse_failure_rate"] == 100


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


def test_what_is_no_prediction_is_named(tmp_path):
    good = json.dumps(make_rows(0, 1)[0])
    for line, complaint in (
        ("{", "Expecting property name"),
        ('{"task": "tsa_probe", "parsed": []}', "'gold' is missing"),
        ('{"task": "unknown", "gold": []}', "say --kind"),
        ('{"task": "tsa_probe", "gold": [["a"]], "parsed": []}', "is no target, polarity"),
        ('{"task": "tsa_probe", "gold": [{"target": "a"}], "parsed": []}', "polarity"),
        ("[]", "an object is expected, not list"),
        ('{"task": "tsa_probe", "gold": null}', "gold is null, a list is expected"),
        ('{"task": "tsa_probe", "gold": [], "parsed": "a | b"}', 'parsed is "a | b", a list'),
        ('{"task": "tsa_probe", "gold": [], "parsed": [], "unparsed": 3}', "unparsed is 3, a list"),
        (
            '{"task": "tsa_probe", "gold": [], "parsed": [], "reference": [["a"]]}',
            "is no target, pol",
        ),
        ('{"task": "tsa_probe", "gold": [], "parsed": [], "hard": "yes"}', "true, false or null"),
        (
            '{"task": "tsa_probe", "gold": [{"target": null, "polarity": "a"}], "parsed": []}',
            "without",
        ),
        ('{"task": "tsa_other", "gold": []}', "rows of tsa_probe and tsa_other"),
    ):
        path = tmp_path / "a"
        path.write_text(f"{line}\n" if "unknown" in line else f"{good}\n{line}\n")
        number = 1 if "unknown" in line else 2
        with pytest.raises(
            ValueError, match=f"a:{number}: no prediction row.*{re.escape(complaint)}"
        ):
            list(read_predictions(path))
    (tmp_path / "a").write_text("\n")
    with pytest.raises(ValueError, match="has no prediction rows"):
        score_file(tmp_path / "a")
    (tmp_path / "a").write_text('{"id": "1", "text": "Fine .", "opinions": []}\n')
    with pytest.raises(ValueError, match=r"a:1: .*'task' is missing; it looks like opinions"):
        score_file(tmp_path / "a")
    with pytest.raises(FileNotFoundError, match="no prediction file and no folder"):
        score_paths([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("task", "unit", "kind"),
    [
        ("tsa_rest14_p25", None, TSA),
        ("acos_laptop16", None, QUAD),
        ("instructabsa_asa_rest16", None, ASA),
        ("mine", {"category": "a", "polarity": "b"}, ASA),
        ("mine", {"target": "a", "polarity": "b", "start": 1}, TSA),
        ("mine", ["a", "b", "c", "d"], QUAD),
        ("mine", ["a", "b"], None),
    ],
)
def test_tasks_say_what_they_ask_for(task, unit, kind):
    assert kind_of(task, unit) == kind

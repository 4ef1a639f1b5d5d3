"""Prediction rows of students, LLMs and T5X are read, and what is none is named."""

import json
import re

import pytest
from scored_rows import TEXT, make_rows, write

from fsa_jax.opinions.scoring.counts import metrics
from fsa_jax.opinions.scoring.files import (
    score_file,
    score_paths,
)
from fsa_jax.opinions.scoring.predictions import kind_of, read_predictions
from fsa_jax.opinions.units import ASA, QUAD, TSA


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


@pytest.mark.parametrize(
    ("kind", "raw", "f1"),
    [
        ("tsc", "positive", 100),
        ("tsc", "The label is Positive, I think.", 100),
        ("tsc", "[('wine list', 'positive')]", 100),
        ("tsc", "negative", 0),
        ("tsc", "I cannot say.", 0),
        ("asc", "**positive**", 100),
        ("asc", "Not positive.", 0),
    ],
)
@pytest.mark.parametrize("as_list", [True, False])
def test_the_label_of_one_classified_unit_is_read_from_words(tmp_path, kind, raw, f1, as_list):
    name = "target" if kind == "tsc" else "category"
    gold = ["wine list", "positive"] if as_list else {name: "wine list", "polarity": "positive"}
    row = {"id": "1", "task": "mine", "kind": kind, "gold": [gold], "raw": raw, "text": TEXT}
    scored = metrics(score_file(write(tmp_path / "a", [row])).sums())
    assert scored["f1"] == scored["strict_f1"] == f1


def test_no_text_at_all_is_no_empty_answer(tmp_path):
    row = {"id": "1", "task": "tsa_rest14", "gold": [], "text": TEXT}
    failures = {
        name: metrics(score_file(write(tmp_path / "a", [row | answer])).sums())
        for name, answer in (("none", {"raw": None}), ("empty", {"raw": ""}))
    }
    assert failures["none"]["parse_failure_rate"] == 100
    assert failures["empty"]["parse_failure_rate"] == 0


@pytest.mark.parametrize("mine", ["Positive", " positive ", "POSITIVE"])
def test_polarities_are_one_however_they_are_written(tmp_path, mine):
    base = {"id": "1", "task": "tsa_rest14", "text": TEXT}
    other = {"target": "wine list", "polarity": "positive"}
    for gold, parsed in (([["wine list", mine]], [other]), ([other], [["wine list", mine]])):
        row = base | {"gold": gold, "parsed": parsed, "reference": [["wine list", mine]]}
        scored = metrics(score_file(write(tmp_path / "a", [row])).sums())
        assert scored["f1"] == scored["strict_f1"] == 100
    # A label set of one's own stays as it is.
    row = base | {"gold": [["wine list", "very good"]], "parsed": [["wine list", "very good"]]}
    assert score_file(write(tmp_path / "a", [row])).polarities.keys() == {"very good"}


def test_a_file_holds_one_answer_to_each_sentence(tmp_path):
    rows = make_rows(0, 3)
    for twice in ([*rows, rows[1]], [rows[0], rows[1] | {"id": 0}]):
        with pytest.raises(ValueError, match=r"a: id .* is there twice"):
            score_file(write(tmp_path / "a", twice))
    for name in ({}, {"id": None}, {"id": ""}):
        nameless = [{k: v for k, v in row.items() if k != "id"} | name for row in rows]
        assert len(score_file(write(tmp_path / "a", nameless)).ids) == 3


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
    with pytest.raises(FileNotFoundError, match="nowhere does not exist: name a run directory"):
        score_paths([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no prediction file and no folder"):
        score_paths([tmp_path / "empty"])


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

"""Six scores from what a model writes: read where they are, refused where they are none."""

import json

import pytest

from generation import quality
from generation.judge import criteria
from generation.judge.criteria import NAMES

GOOD = dict.fromkeys(NAMES, 1)


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps(GOOD),
        json.dumps(GOOD, indent=2),
        f"Here you are:\n```json\n{json.dumps(GOOD)}\n```\nHope this helps.",
        json.dumps({"scores": GOOD}),
        json.dumps({"precision": 2}) + json.dumps(GOOD | {"why": {"a": [1]}}),
        json.dumps(dict.fromkeys(NAMES, "1")),
        json.dumps(dict.fromkeys(NAMES, 1.0)),
        "{" * 20 + json.dumps(GOOD),
    ],
)
def test_scores_are_found_in_what_stands_around_them(answer):
    assert criteria.read_scores(answer) == GOOD
    assert quality.rejects("scores", "review", answer, "stop") == ""


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "unparseable: no JSON object with the six scores in the answer"),
        ("I give it a 2.", "unparseable: no JSON object with the six scores in the answer"),
        (json.dumps([1] * 6), "unparseable: no JSON object with the six scores in the answer"),
        ("{'precision': 1}", "unparseable: no JSON object with the six scores in the answer"),
        ("[" * 10_000, "unparseable: no JSON object with the six scores in the answer"),
        ('{"a":' * 10_000, "unparseable: no JSON object with the six scores in the answer"),
        ('{"a": [' + "[" * 10_000, "unparseable: no JSON object with the six scores in the answer"),
        (json.dumps(dict.fromkeys(NAMES[:-1], 1)), "unparseable: no hallucination in the answer"),
        (json.dumps(GOOD | {"recall": 3}), "out_of_range: recall is 3; a score is 0, 1 or 2"),
        (json.dumps(GOOD | {"recall": -1}), "out_of_range: recall is -1; a score is 0, 1 or 2"),
        (json.dumps(GOOD | {"recall": 1.5}), "out_of_range: recall is 1.5; a score is 0, 1 or 2"),
        (json.dumps(GOOD | {"recall": True}), "out_of_range: recall is True; a score is 0, 1 or 2"),
        (json.dumps(GOOD | {"recall": None}), "out_of_range: recall is None; a score is 0, 1 or 2"),
        (json.dumps(GOOD | {"recall": "9" * 90}), "out_of_range: recall is '99"),
        (json.dumps(GOOD | {"recall": [[1]]}), "out_of_range: recall is [[1]]; a score is"),
    ],
)
def test_what_is_no_six_scores_is_named_in_a_line(answer, reason):
    found = quality.rejects("scores", "review", answer, "stop")
    assert found.startswith(reason)
    assert len(found) < 200
    assert found.split(":")[0] in quality.RULES


def test_an_answer_that_was_cut_off_is_none():
    assert quality.rejects("scores", "review", json.dumps(GOOD), "length") == "length"


@pytest.mark.parametrize(("precision", "sentiment", "capped"), [(1, 2, 1), (2, 1, 1), (0, 2, 0)])
def test_the_score_of_sentiments_is_at_most_that_of_precision(precision, sentiment, capped):
    scores = GOOD | {"precision": precision, "sentiment": sentiment}
    assert criteria.cap(scores) == (sentiment > precision)
    assert scores["sentiment"] == capped


def test_the_form_of_the_answer_allows_the_six_scores_alone():
    schema = criteria.RESPONSE_FORMAT["json_schema"]["schema"]
    assert tuple(schema["properties"]) == tuple(schema["required"]) == NAMES
    assert {tuple(each["enum"]) for each in schema["properties"].values()} == {(0, 1, 2)}
    assert schema["additionalProperties"] is False

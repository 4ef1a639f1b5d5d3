"""Reviews and ledger rows: what a line must hold, and that it comes back as it was."""

import dataclasses
import gzip
import json
import math

import pytest

from generation import records
from generation.records import LedgerRow, Review

FIELDS = {"review_id": "r1", "domain": "laptop", "rating": 4, "text": "It is fast.", "source": "x"}
ROW = LedgerRow(
    key="ab" * 32,
    review_id="r1",
    domain="laptop",
    rating=4.0,
    review="It is fast.",
    prompt="rw",
    teacher="t",
    model="m",
    revision="",
    status="ok",
    reason="",
    attempts=2,
    response="I love how fast it is, “café” \U0001f600.",
    finish_reason="stop",
    usage={"prompt_tokens": 3, "cost": 0.5},
    created="2024-05-01T10:00:00+00:00",
)


def test_only_what_no_file_can_hold_is_replaced():
    assert records.clean_unicode("half \ud83d of \U0001f600, \x00 and é") == (
        "half \ufffd of \U0001f600, \x00 and é"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"review_id": ""}, "field 'review_id' is empty"),
        ({"review_id": None}, "field 'review_id' is null"),
        ({"rating": None}, "field 'rating' is null; a review needs"),
        ({"review_id": True}, "field 'review_id' is a JSON bool"),
        ({"review_id": 1.5}, "field 'review_id' is a JSON float"),
        ({"domain": "hotel"}, "field 'domain' is 'hotel'; use restaurant or laptop"),
        ({"domain": 3}, "field 'domain' is a JSON int"),
        ({"text": "\n \t"}, "field 'text' is empty"),
        ({"text": ["a"]}, "field 'text' is a JSON list"),
        ({"rating": 0.9}, "field 'rating' is 0.9; use a number from 1.0 to 5.0"),
        ({"rating": 5.1}, "field 'rating' is 5.1"),
        ({"rating": math.nan}, "field 'rating' is nan"),
        ({"rating": 10**400}, "use a number from 1.0 to 5.0"),
        ({"rating": "good"}, "field 'rating' is 'good'"),
        ({"rating": [4]}, r"field 'rating' is \[4\]"),
    ],
)
def test_a_review_that_breaks_the_contract_is_refused_by_field(change, words):
    with pytest.raises(ValueError, match=words):
        Review.from_json(FIELDS | change)


def test_a_review_takes_numbers_as_ids_and_does_without_a_source():
    row = FIELDS | {"review_id": 17, "rating": "3.5", "source": None, "extra": 1}
    assert Review.from_json(row) == Review("17", "laptop", 3.5, "It is fast.", "unknown")


def test_a_review_comes_back_from_its_line():
    review = Review("é1", "restaurant", 1.0, 'two\nlines\u2028"quoted" \0 \U0001f600', "x")
    line = review.to_json()
    assert "\n" not in line
    assert "é1" in line  # readable, not escaped
    assert Review.from_json(json.loads(line)) == review


@pytest.mark.parametrize("name", ["reviews.jsonl", "reviews.jsonl.gz"])
def test_reviews_are_read_in_order(tmp_path, name):
    reviews = [Review(str(n), "laptop", 5.0, f"text {n}", "x") for n in range(3)]
    content = "".join(review.to_json() + "\n" for review in reviews).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert list(records.read_reviews(path)) == reviews


def test_a_line_that_is_no_review_is_named_after_those_before_it(tmp_path):
    path = tmp_path / "reviews.jsonl"
    path.write_text(f"{json.dumps(FIELDS)}\n{json.dumps(FIELDS | {'rating': 9})}\n")
    found = records.read_reviews(path)
    assert next(found).review_id == "r1"
    with pytest.raises(ValueError, match=r"reviews\.jsonl, line 2: field 'rating' is 9\.0"):
        next(found)
    path.write_text("The food was good.\n")
    with pytest.raises(ValueError, match=r"line 1: not JSON .*; `fsa reviews collect` makes"):
        next(records.read_reviews(path))
    with pytest.raises(FileNotFoundError, match=r"gone\.jsonl does not exist"):
        next(records.read_reviews(tmp_path / "gone.jsonl"))


def test_a_ledger_row_comes_back_from_its_line():
    for row in (ROW, dataclasses.replace(ROW, response=None, finish_reason=None, usage={})):
        assert LedgerRow.from_json(json.loads(row.to_json()) | {"later": 1}) == row


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": "done"}, "field 'status' is 'done'; it must be one of ok, failed, filtered"),
        ({"status": None}, "field 'status' is a JSON NoneType"),
        ({"rating": "4"}, "field 'rating' is a JSON str"),
        ({"response": 3}, "field 'response' is a JSON int"),
        ({"usage": None}, "field 'usage' is a JSON NoneType"),
        ({"key": 3}, "field 'key' is a JSON int"),
    ],
)
def test_a_ledger_row_of_other_types_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        LedgerRow.from_json(dataclasses.asdict(ROW) | change)


def test_a_review_is_no_ledger_row():
    with pytest.raises(ValueError, match="field 'key' is missing; this is not a ledger row"):
        LedgerRow.from_json(FIELDS)


def test_row_fields_are_the_contract():
    names = [field.name for field in dataclasses.fields(LedgerRow)]
    assert names == [
        "key",
        "review_id",
        "domain",
        "rating",
        "review",
        "prompt",
        "teacher",
        "model",
        "revision",
        "status",
        "reason",
        "attempts",
        "response",
        "finish_reason",
        "usage",
        "created",
    ]

"""Chat completions as services write them: blocks, thinking, counts, errors, and nonsense."""

import json
import random

import pytest

from generation import prompting, quality, run
from generation.records import Review
from generation.teachers import base
from generation.teachers.presets import Price
from generation.teachers.services import faults
from generation.teachers.services.completions import read_completion, read_usage, text_of

REVIEW = Review("r1", "restaurant", 4.0, "Good food.", "x")
REQUEST = base.Request("00" * 32, REVIEW, prompting.load("rw"), [])
SPEC = base.Spec("t", "openai:a", "m", "", {})
TEXT = "I really liked the food, and the staff was kind to us."


def body(content=TEXT, finish="stop", usage=None, **message):
    choice = {"finish_reason": finish, "message": {"role": "assistant", "content": content}}
    choice["message"] |= message
    return {"choices": [choice], "usage": usage}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (TEXT, TEXT),
        ([TEXT], TEXT),
        ({"type": "text", "text": TEXT}, TEXT),
        ([{"type": "output_text", "text": TEXT[:9]}, {"text": TEXT[9:]}], TEXT),
        ([{"type": "text", "text": {"value": TEXT, "annotations": []}}], TEXT),
        ([{"type": "reasoning", "text": "hm"}, {"type": "text", "text": TEXT}], TEXT),
        ([{"type": "redacted_thinking", "data": "x"}, TEXT], TEXT),
        ([{"thinking": "hm"}], ""),
        ([{"type": "tool_use", "name": "x"}, {"type": "text", "text": TEXT}], TEXT),
        ([], ""),
        ([3], None),
        ([{"type": "text", "text": 3}], None),
        ([{"type": "text"}], None),
        (True, None),
    ],
)
def test_content_of_many_forms(content, text):
    assert text_of(content) == text


def test_paid_content_of_a_form_that_nobody_knows_is_kept():
    answer = read_completion(REQUEST, body([{"type": "text", "text": [TEXT]}]), 1, None)
    row = run.to_row(answer, SPEC)
    assert (row.status, row.reason) == ("failed", "odd_content")
    assert TEXT in row.response


@pytest.mark.parametrize(
    ("whole", "text", "finish"),
    [
        (json.dumps(body()), TEXT, "stop"),
        (json.dumps(body()).encode(), TEXT, "stop"),
        ({"choices": [{"text": TEXT}]}, TEXT, None),
        (body(None, "length", reasoning_content="hm, let me"), "", "length"),
        (body(None, refusal="I'm sorry, no."), "I'm sorry, no.", "stop"),
        (body(None, refusal={"x": 1}), "", "stop"),
        (body(finish=7), TEXT, "7"),
        (body(finish={"type": "stop"}), TEXT, '{"type": "stop"}'),
        (body() | {"error": None, "detail": "x"}, TEXT, "stop"),
    ],
)
def test_bodies_of_many_forms(whole, text, finish):
    answer = read_completion(REQUEST, whole, 1, Price(1, 1))
    assert (answer.response, answer.finish_reason, answer.error) == (text, finish, "")


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 20}, {"prompt_tokens": 10, "cost": 50e-6}),
        ({"input_tokens": 10, "output_tokens": 20}, {"completion_tokens": 20, "cost": 50e-6}),
        ({"prompt_tokens": "10", "completion_tokens": 20.0}, {"prompt_tokens": 10, "cost": 50e-6}),
        ({"prompt_tokens": 10, "completion_tokens": None}, {"prompt_tokens": 10}),
        ({"prompt_tokens": -1, "completion_tokens": True}, {}),
        ({"prompt_tokens": float("nan"), "completion_tokens": "many"}, {}),
        ({"prompt_tokens": [3], "completion_tokens": {"total": 3}}, {}),
        ([], {}),
        ("12", {}),
        (None, {}),
    ],
)
def test_counts_that_are_unknown_are_left_out(usage, expected):
    found = read_usage(usage, Price(1, 2))
    assert found.items() >= expected.items()
    assert ("cost" in found) == ("cost" in expected)
    if not expected:
        assert found == {}


@pytest.mark.parametrize(
    ("whole", "name", "action"),
    [
        ({"error": {"message": "Provider overloaded", "code": 502}}, "server_error", "retry"),
        ({"error": {"message": "Too many requests"}}, "rate_limit", "retry"),
        ({"error": "insufficient_quota"}, "quota", "stop"),
        ({"error": {"code": "402", "message": "no money"}}, "quota", "stop"),
        ({"object": "error", "message": "x", "code": 400}, "bad_request", "give up"),
        ({"detail": "Internal error"}, "server_error", "retry"),
        ({"error": {"message": "invalid api key"}}, "wrong_key", "stop"),
        ({"choices": [{"error": {"code": 502, "message": "x"}}]}, "server_error", "retry"),
        (body(finish="error") | {"error": {"code": 503, "message": "x"}}, "server_error", "retry"),
        ({"choices": []}, "broken_answer", "retry"),
        ({"choices": None}, "broken_answer", "retry"),
        ({}, "broken_answer", "retry"),
        ([body()], "broken_answer", "retry"),
        ("<html>gateway</html>", "broken_answer", "retry"),
        (None, "broken_answer", "retry"),
    ],
)
def test_errors_inside_a_good_status(whole, name, action):
    with pytest.raises((faults.BrokenAnswerError, faults.ErrorInAnswerError)) as caught:
        read_completion(REQUEST, whole, 1, None)
    fault = faults.from_error(caught.value, "")
    assert (fault.name, fault.action) == (name, action)


def test_no_body_is_a_traceback(nonsense):
    """Any JSON is a row or a fault; here 3,000 drawn ones, many of the shape of a completion."""
    rng, rows, found = random.Random(4), 0, set()
    for _ in range(3000):
        whole = nonsense(rng)
        if rng.random() < 0.7:
            choice = {"message": {"content": nonsense(rng)}, "finish_reason": nonsense(rng)}
            whole = {"choices": [choice], "usage": nonsense(rng)}
            whole |= {"error": nonsense(rng)} if rng.random() < 0.1 else {}
        try:
            row = run.to_row(read_completion(REQUEST, whole, 1, Price(1, 1)), SPEC)
        except (faults.BrokenAnswerError, faults.ErrorInAnswerError) as error:
            found.add(faults.from_error(error, "").name)
            continue
        rows += 1
        assert json.loads(row.to_json())["response"] == row.response
        assert row.reason.split(":")[0] in {"", "odd_content", *quality.RULES}
    assert rows > 500
    assert "broken_answer" in found

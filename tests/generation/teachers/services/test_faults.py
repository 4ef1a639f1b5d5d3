"""Faults of services, in the words of several: what is asked again, given up, or stops the run."""

import pytest

from generation.teachers.services import faults

MODEL = "The model `m` does not exist or you do not have access to it."
DAILY = "Rate limit reached for m on requests per day (RPD): Limit 200. Try again in 7m12s."
GEMINI = "You exceeded your current quota. Quota: requests per minute. Please retry in 23.5s."
ENTRA = "The account is not active, please check your billing details on our website."
SCOPE = "Missing scopes: model.read"
LONG = "This model's maximum context length is 512 tokens; max_tokens is 768."
AZURE = "The response was filtered due to Azure's content management policy."
BALANCE = "Your credit balance is too low to access the API."


@pytest.mark.parametrize(
    ("status", "error", "name", "action"),
    [
        (404, {"message": MODEL, "code": "model_not_found"}, "no_such_model", "stop"),
        (404, {"message": 'model "m" not found, try pulling it first'}, "no_such_model", "stop"),
        (400, {"message": "m is not a valid model ID"}, "no_such_model", "stop"),
        (404, {"message": "Not Found"}, "not_found", "stop"),
        (405, None, "not_found", "stop"),
        (403, {"message": "Your input was flagged"}, "refused_input", "give up"),
        (403, {"message": "no access from your country"}, "wrong_key", "stop"),
        (400, {"message": AZURE, "code": "content_filter"}, "refused_input", "give up"),
        (400, {"message": "API key not valid. Please pass one"}, "wrong_key", "stop"),
        (400, {"message": BALANCE, "type": "invalid_request_error"}, "quota", "stop"),
        (429, {"message": ENTRA, "code": "billing_not_active"}, "quota", "stop"),
        (429, {"message": "Billing hard limit has been reached"}, "quota", "stop"),
        (402, {"message": "?"}, "quota", "stop"),
        (429, {"message": GEMINI}, "rate_limit", "retry"),
        (429, {"message": DAILY}, "day_limit", "stop"),
        (429, None, "rate_limit", "retry"),
        (400, {"message": LONG}, "too_long", "give up"),
        (413, None, "too_long", "give up"),
        (529, {"message": "overloaded"}, "server_error", "retry"),
        (520, "<html>", "server_error", "retry"),
        (408, None, "server_error", "retry"),
        (400, {"message": "this row is bad"}, "bad_request", "give up"),
        (422, [], "bad_request", "give up"),
    ],
)
def test_classes(status, error, name, action):
    body = {"error": error} if isinstance(error, dict) else error
    fault = faults.from_status(status, body, {}, "")
    assert (fault.name, fault.action) == (name, action)
    assert "\n" not in fault.reason


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 1m2.5s. Visit", 62.5),
        ("Please try again in 20 seconds", 20),
        ("please retry in 450ms", 0.45),
        ("try again in 2 minutes", 120),
        ("try again later", None),
        ("try again in a while", None),
    ],
)
def test_waits_in_words(message, seconds):
    fault = faults.from_status(429, {"error": {"message": message}}, {}, "")
    assert fault.retry_after == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "inf"}, None),
        ({"retry-after": "Wed, 21 Oct 99999 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_waits_in_headers(headers, seconds):
    assert faults.retry_after(headers) == seconds


def test_a_long_wait_is_left_to_another_run():
    fault = faults.from_status(429, {}, {"retry-after": "7200"}, "")
    assert (fault.name, fault.action) == ("day_limit", "stop")
    assert "it asks to wait 120 minutes" in fault.detail


def test_bugs_are_raised_and_transports_told():
    with pytest.raises(KeyError):
        faults.from_error(KeyError("x"), "")
    for error, name in {
        ConnectionResetError("x"): "connection",
        TimeoutError(): "timeout",
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"): "broken_answer",
        RecursionError(): "broken_answer",
    }.items():
        assert faults.from_error(error, "").name == name


def test_the_key_is_in_no_words():
    body = {"error": {"message": "wrong key sk-secret\nin line 2"}}
    assert faults.from_status(401, body, {}, "sk-secret").reason == (
        "wrong_key: HTTP 401 wrong key *** in line 2"
    )

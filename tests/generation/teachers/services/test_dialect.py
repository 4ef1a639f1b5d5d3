"""Requests in a service's own words: learnt from refusals where that changes no answer."""

import dataclasses

import pytest

from generation import foreground, ledger, prompting
from generation.records import Review
from generation.teachers import base
from generation.teachers.presets import SAMPLING
from generation.teachers.services import faults
from generation.teachers.services.dialect import Dialect

REQUEST = base.Request(
    "00" * 32, Review("r", "laptop", 3.0, "Good.", "x"), prompting.load("rw"), []
)
SPEC = base.Spec("t", "openai:a", "m", "", SAMPLING)


def refused(message, status=400, **error):
    return faults.from_status(status, {"error": {"message": message} | error}, {}, "")


def fastapi(name):
    body = {"detail": [{"loc": ["body", name], "msg": "Extra inputs are not permitted"}]}
    return faults.from_status(422, body, {}, "")


@pytest.mark.parametrize(
    "fault",
    [
        refused("Unsupported parameter: 'max_tokens' is not supported with this model."),
        refused("For this model, max_tokens is deprecated; use another."),
        refused("Unrecognized request argument supplied: max_tokens", 422),
        refused("it is not supported", param="max_tokens", code="unsupported_parameter"),
        fastapi("max_tokens"),
    ],
)
def test_the_other_name_is_learnt(fault):
    dialect = Dialect()
    assert dialect.body(SPEC, REQUEST)["max_tokens"] == 768
    assert dialect.learns(fault)
    assert dialect.learns(fault)  # of a request that was on its way
    body = dialect.body(SPEC, REQUEST)
    assert (body["max_completion_tokens"], "max_tokens" in body) == (768, False)
    other = refused("Unknown parameter: 'max_completion_tokens'", param="max_completion_tokens")
    assert not dialect.learns(other)


def test_the_name_may_be_learnt_back():
    dialect = Dialect("max_completion_tokens")
    assert dialect.learns(fastapi("max_completion_tokens"))
    assert "max_tokens" in dialect.body(SPEC, REQUEST)


@pytest.mark.parametrize("fault", [fastapi("seed"), refused("seed is not supported by m")])
def test_a_seed_is_left_out(fault):
    dialect = Dialect()
    assert dialect.learns(fault)
    assert "seed" not in dialect.body(SPEC, REQUEST)


@pytest.mark.parametrize(
    "fault",
    [
        refused("Unsupported value: 'temperature' does not support 0.7 with this model."),
        refused("`temperature` is deprecated for this model."),
        refused("top_p is not supported", param="top_p"),
        refused("Invalid 'max_tokens': integer above maximum value."),
        refused("max_tokens is too large: 768. This model supports at most 512"),
    ],
)
def test_what_would_change_answers_is_left_to_the_user(fault):
    dialect = Dialect()
    before = dialect.body(SPEC, REQUEST)
    assert (fault.name, fault.action) == ("unsupported", "stop")
    assert not dialect.learns(fault)
    assert dialect.body(SPEC, REQUEST) == before


@pytest.mark.parametrize("backend", ["openai", "openai_batch"])
@pytest.mark.parametrize("refuses", [["max_tokens"], ["seed", "max_tokens"]])
def test_a_run_learns_and_loses_no_row(serve, write_reviews, options, choice, backend, refuses):
    server = serve(refuses=refuses)
    task = options(write_reviews(10))
    chosen = choice(server, backend, batch={"poll": 0.02} if backend != "openai" else {})
    progress = foreground.generate(dataclasses.replace(chosen, attempts=1), task, quiet=True)
    assert progress.statuses == {"ok": 20}
    assert len(list(ledger.rows(task.files.ledger))) == 20
    assert set(server.counts()["answered"].values()) == {1}


def test_a_refused_temperature_stops_at_once_with_the_flag(serve, write_reviews, options, choice):
    server = serve(refuses=["temperature"])
    task = options(write_reviews(40))
    with pytest.raises(ValueError, match=r"temperature.*pass --omit temperature"):
        foreground.generate(choice(server, concurrency=4), task, quiet=True)
    assert list(ledger.rows(task.files.ledger)) == []
    omitted = choice(server, sampling={"temperature": None})
    assert foreground.generate(omitted, task, quiet=True).statuses == {"ok": 80}


def test_a_name_given_by_flag_is_used_from_the_start(serve, write_reviews, options, choice):
    server = serve(refuses=["max_tokens"])
    task = options(write_reviews(5))
    chosen = choice(server, max_tokens_name="max_completion_tokens")
    foreground.generate(chosen, task, quiet=True)
    assert set(server.counts()["asked"].values()) == {1}
    with pytest.raises(ValueError, match="--max-tokens-name is 'tokens'; use max_tokens or max_c"):
        foreground.generate(choice(server, max_tokens_name="tokens"), task, quiet=True)

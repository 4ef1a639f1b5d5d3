"""The openai teacher against a scripted local server: faults, limits, and costs."""

import collections
import dataclasses
import json
import time

import pytest

from generation import foreground, ledger, run
from generation.teachers.base import ServiceError


def rows_of(options):
    path = options.files.ledger
    return list(ledger.rows(path))


def test_every_fault_passes_and_every_row_ends_ok(serve, write_reviews, options, choice):
    shares = {"429": 0.05, "429_retry_after": 0.01, "500": 0.05, "hang": 0.01}
    server = serve(faults=shares | {"broken_json": 0.04, "reset": 0.04}, seed=3)
    task = options(write_reviews(150))
    progress = foreground.generate(choice(server, timeout=1.5), task, quiet=True)
    assert progress.statuses == {"ok": 300}
    rows = rows_of(task)
    assert len({row.key for row in rows}) == len(rows) == 300
    assert max(row.attempts for row in rows) > 1
    # Answers are paid once: what was asked again had not been answered.
    counts = server.counts()
    assert set(counts["answered"].values()) == {1}


def test_a_row_that_is_always_refused_fails_alone(serve, write_reviews, options, choice):
    bad = {
        "review_id": "bad",
        "domain": "laptop",
        "rating": 3,
        "text": "poison pill",
        "source": "x",
    }
    server = serve(poison="poison pill", faults={"500": 0.1}, seed=5)
    task = options(write_reviews(40, bad), prompt="anl")
    progress = foreground.generate(choice(server), task, quiet=True)
    assert progress.statuses == {"ok": 40, "failed": 1}
    (failed,) = [row for row in rows_of(task) if row.status == "failed"]
    assert failed.review_id == "bad"
    assert failed.reason == "bad_request: HTTP 400 this row is bad"
    assert failed.attempts <= 8
    again = foreground.generate(choice(server), task, quiet=True)
    assert (again.kept, again.written, again.left) == (41, 0, 0)
    server.rescript({})
    mended = foreground.generate(
        choice(server), dataclasses.replace(task, retry_failed=True), quiet=True
    )
    assert (mended.kept, mended.written) == (40, 1)
    assert ledger.statuses(task.files.ledger).values()
    assert collections.Counter(ledger.statuses(task.files.ledger).values()) == {"ok": 41}


def test_retry_after_is_honoured(serve, write_reviews, options, choice):
    server = serve(faults={"429_retry_after": 1.0})
    task = options(write_reviews(2), prompt="anl")
    started = time.monotonic()
    progress = foreground.generate(choice(server, attempts=3), task, quiet=True)
    assert time.monotonic() - started >= 2.0
    assert progress.reasons == {"rate_limit": 2}
    assert sum(server.counts()["asked"].values()) == 6


@pytest.mark.parametrize(
    ("script", "more", "words"),
    [
        ({"key": "right"}, {}, "check the key in the environment variable"),
        ({}, {"model": "scriptd"}, "no model 'scriptd'; it has scripted; set --model"),
    ],
)
def test_wrong_key_or_model_fails_before_the_first_row(
    serve, write_reviews, options, choice, monkeypatch, script, more, words
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    server = serve(**script)
    task = options(write_reviews(3))
    with pytest.raises(ValueError, match=words) as caught:
        foreground.generate(dataclasses.replace(choice(server), **more), task, quiet=True)
    assert "sk-very-secret" not in str(caught.value)
    assert rows_of(task) == []
    assert server.counts()["asked"] == {}
    # The folder is free for the command that is right.
    monkeypatch.setenv("OPENAI_API_KEY", "right")
    assert foreground.generate(choice(server), task, quiet=True).statuses == {"ok": 6}


def test_addresses_that_are_none(serve, write_reviews, options, choice):
    class Odd:
        url = "localhost/v1"

    task = options(write_reviews(1))
    with pytest.raises(ValueError, match=r"--base-url localhost/v1 is no URL; it looks like"):
        foreground.generate(choice(Odd), task, quiet=True)
    Odd.url = serve(moved="http://127.0.0.1:9/v1").url
    with pytest.raises(ValueError, match=r"HTTP 308 to http://127\.0\.0\.1:9/v1; set --base-url"):
        foreground.generate(choice(Odd), task, quiet=True)


def test_service_that_is_not_there(write_reviews, options, choice):
    class Nowhere:
        url = "http://127.0.0.1:9/v1"

    with pytest.raises(ServiceError, match=r"is http://127\.0\.0\.1:9/v1 running"):
        foreground.generate(choice(Nowhere), options(write_reviews(1)), quiet=True)


def test_key_reaches_no_file(serve, write_reviews, options, choice, monkeypatch, make_teacher):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    server = serve(key="sk-very-secret", poison="The")
    task = options(write_reviews(20))
    foreground.generate(choice(server), task, quiet=True)
    written = [path.read_bytes() for path in task.folder.rglob("*") if path.is_file()]
    assert len(written) >= 3
    assert not any(b"sk-very-secret" in content for content in written)
    assert "sk-very-secret" not in repr(make_teacher(choice(server), task.folder).service)


def test_used_up_quota_stops_and_loses_nothing(serve, write_reviews, options, choice):
    server = serve(quota_after=25, latency=0.01)
    task = options(write_reviews(40), prompt="rw")
    with pytest.raises(ServiceError, match="quota is used up; add credit"):
        foreground.generate(choice(server, concurrency=8), task, quiet=True)
    assert collections.Counter(row.status for row in rows_of(task)) == {"ok": 25}
    server.rescript({})
    progress = foreground.generate(choice(server), task, quiet=True)
    assert (progress.kept, progress.written) == (25, 15)
    assert set(server.counts()["answered"].values()) == {1}


def test_max_cost_is_not_passed(serve, write_reviews, options, choice):
    server = serve(latency=0.01)
    dear = choice(server, price_prompt=1000.0, price_completion=1000.0, concurrency=8)
    dear = dataclasses.replace(dear, sampling={"max_tokens": 40})
    task = options(write_reviews(60), prompt="rw", max_cost=5.0)
    progress = foreground.generate(dear, task, quiet=True)
    assert 3.0 < progress.cost <= 5.0
    assert "max-cost" in progress.stopped
    assert progress.left == 60 - progress.written > 0
    spent = sum(row.usage["cost"] for row in rows_of(task))
    assert spent == pytest.approx(progress.cost)


def test_overload_lowers_the_number_in_flight(serve, write_reviews, options, choice, make_teacher):
    server = serve(faults={"429": 0.3}, seed=2, latency=0.01)
    task = options(write_reviews(100), prompt="rw")
    teacher = make_teacher(choice(server, concurrency=32), task.folder)
    progress = run.generate(task, teacher)
    assert progress.statuses == {"ok": 100}
    assert teacher.gate.limit < 32
    assert teacher.retries["rate_limit"] > 10


def test_a_service_that_refuses_all_is_left_alone(serve, write_reviews, options, choice):
    server = serve(poison="a")
    task = options(write_reviews(400), prompt="rw")
    progress = foreground.generate(choice(server, concurrency=4), task, quiet=True)
    assert "requests all failed (bad_request: HTTP 400" in progress.stopped
    assert progress.written < 60


@pytest.mark.slow
def test_throughput_against_a_slow_service(serve, write_reviews, options, choice):
    """64 in flight at 200 ms each could be 320 rows/s; a fifth of it, and one core, may be lost."""
    import openai  # noqa: F401  (takes more than a second, once)

    server = serve(latency=0.2)
    task = options(write_reviews(2000))
    cpu, started = time.process_time(), time.monotonic()
    progress = foreground.generate(choice(server), task, quiet=True)
    seconds = time.monotonic() - started
    print(
        json.dumps(
            {"rows/s": progress.written / seconds, "cores": (time.process_time() - cpu) / seconds}
        )
    )
    assert progress.written / seconds >= 0.8 * 320
    assert (time.process_time() - cpu) / seconds <= 1.0

"""Batches and files that fail as a whole: full queues, billing, lost files, odd states."""

import dataclasses
import time

import pytest

from generation import foreground, ledger, run
from generation.teachers.base import ServiceError
from generation.teachers.services import batch_faults, faults
from generation.teachers.services.batch_faults import SMALLER, WAIT, State


@pytest.fixture
def batch_choice(choice):
    def make(server, **limits):
        return choice(server, "openai_batch", batch={"poll": 0.02} | limits)

    return make


def rows_of(task):
    return list(ledger.rows(task.files.ledger))


@pytest.mark.parametrize(
    ("code", "message", "name", "action"),
    [
        ("token_limit_exceeded", "Enqueued token limit reached for m.", "queue_full", WAIT),
        ("", "The batch queue is full, try again later", "queue_full", WAIT),
        ("quota", "Too many active batches in this project", "queue_full", WAIT),
        ("too_many_tasks", "The number of tasks exceeds the limit", "batch_too_large", SMALLER),
        ("invalid_file_size", "File is too large", "batch_too_large", SMALLER),
        ("", "a batch takes at most 1000 requests", "batch_too_large", SMALLER),
        ("billing_hard_limit_reached", "Billing hard limit", "quota", faults.STOP),
        ("insufficient_quota", "You exceeded your current quota", "quota", faults.STOP),
        ("billing_not_active", "Your account is not active", "quota", faults.STOP),
        ("model_not_found", "The model m does not exist", "no_such_model", faults.STOP),
        ("invalid_json_line", "Line 3 is no JSON", "batch_failed", faults.RETRY),
        ("", "", "batch_failed", faults.RETRY),
    ],
)
def test_classes(code, message, name, action):
    fault = batch_faults.of_failed(State("b", errors=((code, message),)), "")
    assert (fault.name, fault.action) == (name, action)
    assert "HTTP" not in fault.detail


@pytest.mark.parametrize(
    ("row", "status", "files"),
    [
        ({"status": "completed", "output_file_id": "f"}, "completed", ("f",)),
        (
            {"status": "SUCCESS", "output_file_id": "f", "error_file_id": "g"},
            "completed",
            ("f", "g"),
        ),
        ({"status": "ended", "metadata": ["x"], "errors": "none"}, "completed", ()),
        ({"status": "TIMEOUT_EXCEEDED", "output_file_id": ""}, "expired", ()),
        ({"status": "canceled", "output_file_id": 3}, "cancelled", ()),
        ({"status": "finalizing", "errors": {"data": None}}, "", ()),
        ({"status": "a new word", "errors": [3, {"code": 7}]}, "", ()),
    ],
)
def test_states_in_many_words(row, status, files):
    state = batch_faults.read_state(row)
    assert (state.status, state.files) == (status, files)


@pytest.mark.parametrize("row", [{}, "<html>", None, {"status": 3}, []])
def test_what_is_no_batch(row):
    with pytest.raises(faults.BrokenAnswerError):
        batch_faults.read_state(row)


def test_queue_learns_how_much_it_takes():
    queue = batch_faults.Queue(16, 0.05)
    assert queue.size(held=1000) == 16
    assert queue.full(16, held=20)
    assert [queue.size(held) for held in (0, 15, 20)] == [16, 5, 0]
    for _ in range(batch_faults.DONE_TO_GROW):
        queue.done()
    assert queue.size(held=20) == 5
    assert queue.full(16, held=0)
    assert queue.size(held=0) == 0  # for a while
    queue.done()
    assert queue.size(held=0) == 8
    assert queue.too_large(6)
    assert queue.size(held=0) == 3
    tries = sum(queue.full(1, held=0) for _ in range(20))
    assert tries == batch_faults.PATIENCE - 1
    assert not queue.too_large(1)


@pytest.mark.parametrize(
    ("script", "batches"),
    [
        ({"batch_queue": 5, "batch_polls": 3}, 40),
        ({"batch_queue": 21, "batch_polls": 2}, 30),
        ({"batch_queue": 1, "batch_polls": 1}, 70),
        ({"create_fails": [[429, "Enqueued token limit reached"]] * 2}, 20),
        ({"batch_fails": [["", "queue is full"], ["", "too many batches"]]}, 22),
        ({"batch_limit": 3}, 30),
        ({"batch_fails": [["too_many_tasks", "exceeds the limit"]] * 2}, 30),
        ({"create_fails": [[413, "the file is too large"]] * 3}, 40),
        ({"batch_fails": [["odd", "try that again"]]}, 8),
    ],
)
def test_refused_batches_keep_their_requests(
    serve, write_reviews, options, batch_choice, script, batches
):
    server = serve(**script)
    task = options(write_reviews(20))
    progress = foreground.generate(batch_choice(server, requests=10), task, quiet=True)
    assert progress.statuses == {"ok": 40}
    counts = server.counts()
    assert set(counts["answered"].values()) == {1}
    assert len(counts["batches"]) <= batches, counts["sizes"]
    assert not list(task.files.batches.glob("*.requests.jsonl"))


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ({"batch_fails": [["billing_hard_limit_reached", "x"]] * 9}, ServiceError, "add credit"),
        ({"batch_fails": [["billing_not_active", "x"]] * 9}, ServiceError, "add credit"),
        ({"create_fails": [[429, "exceeded your current quota"]]}, ServiceError, "add credit"),
        ({"batch_fails": [["model_not_found", "x"]] * 9}, ValueError, "check --model"),
        ({"create_fails": [[401, "invalid api key"]]}, ValueError, "--api-key-env"),
    ],
)
def test_what_no_batch_will_mend_stops_after_one(
    serve, write_reviews, options, batch_choice, script, error, words
):
    server = serve(**script)
    task = options(write_reviews(10))
    with pytest.raises(error, match=words):
        foreground.generate(batch_choice(server), task, quiet=True)
    assert server.counts()["files"] == 1
    assert rows_of(task) == []
    # Nothing is lost: the same command goes on when the matter is settled.
    server.rescript({})
    assert foreground.generate(batch_choice(server), task, quiet=True).statuses == {"ok": 20}


def test_batches_that_fail_without_a_known_reason_stop_after_three(
    serve, write_reviews, options, batch_choice
):
    server = serve(batch_fails=[["odd", "no idea"]] * 9)
    with pytest.raises(ServiceError, match="batch_failed: no idea; try again later"):
        foreground.generate(batch_choice(server), options(write_reviews(4)), quiet=True)
    assert len(server.counts()["batches"]) == 3


@pytest.mark.parametrize(
    ("script", "answers"),
    [
        ({"lost_files": 2}, 1),  # only late
        ({"torn_files": 2}, 1),
        ({"short_files": 2}, 1),
        ({"lost_batches": 2}, 1),
        ({"lost_files": 3}, 2),  # gone
        ({"lost_batches": 3}, 2),
    ],
)
def test_files_and_batches_that_are_late_or_gone(
    serve, write_reviews, options, batch_choice, script, answers
):
    server = serve(**script)
    task = options(write_reviews(6), prompt="rw")
    chosen = dataclasses.replace(batch_choice(server), first_wait=0.01)
    assert foreground.generate(chosen, task, quiet=True).statuses == {"ok": 6}
    assert len(server.counts()["batches"]) == answers
    assert not list(task.files.batches.glob("*.requests.jsonl"))


@pytest.mark.parametrize(
    ("script", "reason"), [({"lost_files": 99}, "file_gone"), ({"lost_batches": 99}, "batch_gone")]
)
def test_answers_that_are_always_lost_are_not_paid_for_ever(
    serve, write_reviews, options, batch_choice, script, reason
):
    server = serve(**script)
    task = options(write_reviews(4), prompt="rw")
    chosen = dataclasses.replace(batch_choice(server), first_wait=0.01)
    progress = foreground.generate(chosen, task, quiet=True)
    assert progress.reasons == {reason: 4}
    assert len(server.counts()["batches"]) == 2
    server.rescript({})
    again = dataclasses.replace(task, retry_failed=True)
    assert foreground.generate(chosen, again, quiet=True).statuses == {"ok": 4}


@pytest.mark.parametrize("word", ["SUCCESS", "ended", "Done"])
def test_other_words_for_the_state(serve, write_reviews, options, batch_choice, word):
    server = serve(batch_words={"completed": word, "in_progress": "RUNNING"})
    task = options(write_reviews(3))
    assert foreground.generate(batch_choice(server), task, quiet=True).statuses == {"ok": 6}


def test_a_batch_that_somebody_cancelled_is_not_fought_over(
    serve, write_reviews, options, batch_choice
):
    server = serve(batch_end="cancelled", batch_expire_after=2)
    task = options(write_reviews(5), prompt="rw")
    with pytest.raises(ServiceError, match=r"cancelled at the service; .* 3 unanswered requests"):
        foreground.generate(batch_choice(server), task, quiet=True)
    assert len(rows_of(task)) == 2
    server.rescript({})
    progress = foreground.generate(batch_choice(server), task, quiet=True)
    assert (progress.kept, progress.written) == (2, 3)
    assert set(server.counts()["answered"].values()) == {1}


def test_a_stop_leaves_batches_to_the_next_run(
    serve, write_reviews, options, batch_choice, make_teacher
):
    server = serve(batch_polls=10**6)
    task = options(write_reviews(5))
    chosen = batch_choice(server, poll=30.0)
    teacher, started = make_teacher(chosen, task.folder), time.monotonic()

    def stop():
        return "by SIGTERM" if time.monotonic() - started > 1.5 else ""

    progress = run.generate(task, teacher, stop)
    assert time.monotonic() - started < 15
    assert (progress.stopped, progress.written, progress.left) == ("by SIGTERM", 0, 10)
    server.rescript({})
    progress = foreground.generate(batch_choice(server), task, quiet=True)
    assert progress.statuses == {"ok": 10}
    assert len(server.counts()["batches"]) == 1


def test_a_batch_is_found_by_its_file_where_names_are_forgotten(
    serve, write_reviews, options, batch_choice, monkeypatch
):
    """Killed between making a batch and writing its id down, at a service without metadata."""
    server = serve(no_metadata=True)
    task = options(write_reviews(5))

    def die(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("generation.teachers.services.batch_journal.BatchJournal.created", die)
    with pytest.raises(KeyboardInterrupt):
        foreground.generate(batch_choice(server), task, quiet=True)
    monkeypatch.undo()
    assert foreground.generate(batch_choice(server), task, quiet=True).statuses == {"ok": 10}
    assert set(server.counts()["asked"].values()) == {1}


def test_a_service_without_batches_is_told_before_the_first_row(
    serve, write_reviews, options, batch_choice
):
    server = serve()
    server.url = server.url.replace("/v1", "/v2")
    with pytest.raises(ValueError, match=r"knows no batches .*or use --backend openai"):
        foreground.generate(batch_choice(server), options(write_reviews(1)), quiet=True)

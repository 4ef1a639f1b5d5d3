"""The openai_batch teacher against the scripted server: splitting, expiry, and being killed."""

import collections

import pytest

from generation import foreground, ledger, run
from generation.run_folder import RunFolder


def rows_of(options):
    return list(ledger.rows(RunFolder(options.folder).shard(0, 1).ledger))


def batch_choice(choice, server, **limits):
    return choice(server, "openai_batch", batch={"poll": 0.05} | limits)


def test_batches_are_cut_by_count_and_matched_by_id(serve, write_reviews, options, choice):
    bad = {
        "review_id": "bad",
        "domain": "laptop",
        "rating": 3,
        "text": "poison pill",
        "source": "x",
    }
    server = serve(batch_limit=30, poison="poison pill")
    task = options(write_reviews(49, bad))
    progress = foreground.generate(batch_choice(choice, server, requests=30), task, quiet=True)
    assert len(server.counts()["batches"]) == 4  # 100 requests
    assert progress.written == 100
    assert progress.statuses == {"ok": 98, "failed": 2}
    for row in rows_of(task):
        assert (row.status == "failed") == (row.review_id == "bad")
        if row.status == "ok":
            assert row.response.startswith("Opinion Target") == (row.prompt == "anl")
    assert set(server.counts()["asked"].values()) == {1}


def test_batches_are_cut_by_bytes(serve, write_reviews, options, choice):
    server = serve()
    task = options(write_reviews(20), prompt="anl")
    progress = foreground.generate(batch_choice(choice, server, bytes=20_000), task, quiet=True)
    assert progress.statuses == {"ok": 20}
    assert 3 <= len(server.counts()["batches"]) <= 10


def test_an_expired_batch_is_harvested_and_only_the_rest_sent_again(
    serve, write_reviews, options, choice
):
    server = serve(batch_expire_after=12)
    task = options(write_reviews(40), prompt="rw")
    progress = foreground.generate(batch_choice(choice, server), task, quiet=True)
    assert progress.statuses == {"ok": 40}
    counts = server.counts()
    assert len(counts["batches"]) == 2
    assert set(counts["answered"].values()) == {1}
    assert collections.Counter(row.attempts for row in rows_of(task)) == {1: 12, 2: 28}


@pytest.mark.parametrize("moment", ["created", "create"])
def test_a_killed_run_takes_its_batches_up_again(
    serve, write_reviews, options, choice, monkeypatch, moment, make_teacher
):
    """Dies after the batch is made: once with its id written down, once just before that."""
    server = serve(batch_polls=3)
    task = options(write_reviews(10))
    chosen = batch_choice(choice, server, requests=15, open_batches=2)
    teacher = make_teacher(chosen, task.folder)

    class DeadError(BaseException):
        pass

    def die(*arguments):
        raise DeadError

    if moment == "created":
        monkeypatch.setattr(teacher, "_look", die)
    else:
        monkeypatch.setattr("generation.teachers.services.batch_journal.BatchJournal.created", die)
    with pytest.raises(DeadError):
        run.generate(task, teacher)
    monkeypatch.undo()
    made = len(server.counts()["batches"])
    assert made == (2 if moment == "created" else 1)
    progress = foreground.generate(chosen, task, quiet=True)
    assert progress.statuses == {"ok": 20}
    assert (progress.written, progress.left) == (20, 0)
    assert set(server.counts()["asked"].values()) == {1}
    assert not list((task.folder / "batches").rglob("*.requests.jsonl"))
    assert foreground.generate(chosen, task, quiet=True).written == 0


def test_killed_while_harvesting(serve, write_reviews, options, choice, make_teacher):
    server = serve()
    task = options(write_reviews(20), prompt="rw")
    chosen = batch_choice(choice, server)
    teacher = make_teacher(chosen, task.folder)

    def die_after_seven(progress):
        if progress.written == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.generate(task, teacher, watch=die_after_seven)
    assert len(rows_of(task)) == 7
    progress = foreground.generate(chosen, task, quiet=True)
    assert (progress.kept, progress.written, progress.left) == (7, 13, 0)
    assert len({row.key for row in rows_of(task)}) == len(rows_of(task)) == 20
    assert set(server.counts()["asked"].values()) == {1}

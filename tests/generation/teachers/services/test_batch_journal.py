"""The journal finds what a killed run had sent, as far as it had come."""

import json

import pytest

from generation import prompting
from generation.records import Review
from generation.teachers.base import Request
from generation.teachers.services.batch_journal import BatchJournal


def ask(number, text="It is “fast” \U0001f600."):
    review = Review(f"r{number}", "laptop", 4.0, text, "x")
    prompt = prompting.load("rw")
    return Request(f"{number:064x}", review, prompt, prompt.messages(review))


@pytest.fixture
def journal(tmp_path):
    return BatchJournal(tmp_path / "batches")


@pytest.fixture
def requests():
    return {request.key: request for request in map(ask, range(3))}


def reopened(journal):
    return BatchJournal(journal.folder).open_batches()


def test_nothing_was_sent_at_first(journal):
    assert journal.open_batches() == []
    assert not journal.folder.exists()
    journal.prepare_folder()
    assert journal.open_batches() == []


def test_each_step_is_found_again(journal, requests):
    batch = journal.prepare(requests)
    (found,) = reopened(journal)
    assert (found.name, found.file, found.id) == (batch.name, None, None)
    journal.uploaded(batch, "file-1")
    journal.created(batch, "batch-1")
    (found,) = reopened(journal)
    assert (found.name, found.file, found.id) == (batch.name, "file-1", "batch-1")
    assert (batch.file, batch.id) == ("file-1", "batch-1")
    journal.ended(batch)
    assert reopened(journal) == []
    assert [path.name for path in journal.folder.iterdir()] == ["journal.jsonl"]


def test_requests_come_back_as_they_would_be_asked(journal, requests):
    journal.prepare(requests)
    (found,) = reopened(journal)
    assert list(found.requests) == list(requests)
    for key, request in requests.items():
        again = found.requests[key]
        assert (again.key, again.review, again.messages) == (key, request.review, request.messages)
        prompt = again.prompt
        assert (prompt.name, prompt.version, prompt.kind) == ("rw", request.prompt.version, "rw")


def test_batches_are_told_apart(journal, requests):
    first, second = journal.prepare(requests), journal.prepare({"a": ask(10)})
    assert first.name != second.name
    journal.created(second, "batch-2")
    journal.ended(first)
    (found,) = reopened(journal)
    assert (found.name, found.id, len(found.requests)) == (second.name, "batch-2", 1)


def test_a_line_that_was_cut_off_harms_neither_the_ones_before_nor_after(journal, requests):
    batch = journal.prepare(requests)
    with journal.path.open("ab") as stream:
        stream.write(json.dumps({"name": batch.name, "id": "batch-1"}).encode()[:-4])
    journal.created(batch, "batch-2")
    (found,) = reopened(journal)
    assert found.id == "batch-2"


def test_a_batch_whose_requests_are_gone_asks_for_nothing(journal, requests):
    """Killed between the last line and the end of the file."""
    batch = journal.prepare(requests)
    (journal.folder / f"{batch.name}.requests.jsonl").unlink()
    (found,) = reopened(journal)
    assert found.requests == {}
    journal.ended(found)
    assert reopened(journal) == []


def test_a_folder_that_cannot_be_made_is_known_before_anything_is_sent(journal):
    journal.folder.write_text("in the way")
    with pytest.raises(FileExistsError):
        journal.prepare_folder()

"""A service that misbehaves at each request: every row ends once, and nothing paid is lost."""

import collections
import hashlib
import json

import pytest

from generation import foreground, ledger, prompting
from generation.teachers.base import ServiceError


def names_of(rows):
    """Returns the server's names of the texts behind rows."""
    prompts = {prompt.name: prompt for prompt in prompting.load_all("anl,rw")}
    names = []
    for row in rows:
        (*_, last) = prompts[row.prompt].messages(row_review(row))
        names.append(hashlib.sha256(last["content"].encode("utf-8", "replace")).hexdigest())
    return names


def row_review(row):
    from generation.records import Review

    return Review(row.review_id, row.domain, row.rating, row.review, "x")


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("backend", ["openai", "openai_batch"])
def test_every_row_ends_once_and_nothing_paid_is_lost(
    serve, write_reviews, options, choice, backend, seed
):
    server = serve(misbehave=True, seed=seed)
    task = options(write_reviews(250))
    more = {"timeout": 1.5, "price_prompt": 1.0, "price_completion": 1.0, "first_wait": 0.01}
    if backend == "openai_batch":
        more |= {"batch": {"poll": 0.02, "requests": 60}}
    progress = foreground.generate(choice(server, backend, **more), task, quiet=True)
    rows = list(ledger.rows(task.files.ledger))
    assert len(rows) == len({row.key for row in rows}) == 500
    assert (progress.left, progress.stopped) == (0, "")
    found = dict(zip(names_of(rows), rows, strict=True))
    ends = server.counts()["ends"]
    assert found.keys() == ends.keys()
    # Each was answered once, and ended as its answer says.
    assert {name: [[row.status, True]] for name, row in found.items() if row.response} == {
        name: drawn for name, drawn in ends.items() if drawn[0][1] and found[name].response
    }
    assert [row.status for row in found.values()] == [ends[name][0][0] for name in found]
    assert {len(drawn) for drawn in ends.values()} == {1}
    for name, row in found.items():
        if row.status == "ok":
            assert name[:12] in row.response
            assert "think" not in row.response.lower()
    counts = collections.Counter(row.status for row in rows)
    print(json.dumps({"statuses": counts, "reasons": progress.reasons}))
    assert counts["ok"] > 400
    assert counts["failed"] > 0
    assert counts["filtered"] > 0
    again = foreground.generate(choice(server, backend, **more), task, quiet=True)
    assert (again.kept, again.written) == (500, 0)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("backend", ["openai", "openai_batch"])
def test_no_answer_to_any_address_is_a_traceback(
    serve, write_reviews, options, choice, backend, share
):
    """Runs end with rows or in one line, and what is in the ledger stays there."""
    reviews, ends, lines = write_reviews(4), collections.Counter(), []
    more = {"first_wait": 0.001, "timeout": 1.0, "attempts": 3, "batch": {"poll": 0.001}}
    server = serve(nonsense=share, seed=5)
    for number in range(25):
        task = options(reviews, f"run{number}")
        try:
            foreground.generate(choice(server, backend, **more), task, quiet=True)
            ends["finished"] += 1
        except (ValueError, ServiceError) as error:
            ends[type(error).__name__] += 1
            lines += str(error).splitlines()
        server.rescript({"nonsense": share})
    server.rescript({})
    for number in range(25):
        task = options(reviews, f"run{number}", retry_failed=True)
        rows = {row.key: row for row in ledger.rows(task.files.ledger)}
        foreground.generate(choice(server, backend, **more), task, quiet=True)
        after = {row.key: row for row in ledger.rows(task.files.ledger)}
        assert len(after) == 8
        assert all(after[key] == row for key, row in rows.items() if row.status != "failed")
    print(json.dumps(ends))
    assert len(lines) == ends["ValueError"] + ends["ServiceError"]
    known = ("the service ", "http://127.0.0.1", "batch ")
    assert [line for line in lines if not line.startswith(known)] == []
    assert sum(ends.values()) == 25

"""Runs that are killed (kill -9) again and again, and still end with every row exactly once."""

import collections
import contextlib
import dataclasses
import json
import random
import signal
import subprocess
import sys
import time

import pytest

from generation import foreground, ledger, prompting, run
from generation.records import Review
from generation.run_folder import RunFolder
from generation.teachers import base

# A run in a process of its own, as `fsa generate` would start it.
CHILD = """
import json, pathlib, sys
from generation import prompting, foreground
from generation.run import Options
from generation.teachers.factory import Choice
choice, reviews, folder = json.loads(sys.argv[1])
task = Options(pathlib.Path(reviews), pathlib.Path(folder), tuple(prompting.load_all("anl,rw")))
foreground.generate(Choice(**choice), task, quiet=True)
"""


@contextlib.contextmanager
def spawned(choice, task):
    """A run in a process of its own, which has ended (killed, if need be) with the context."""
    arguments = json.dumps([dataclasses.asdict(choice), str(task.reviews), str(task.folder)])
    command = [sys.executable, "-c", CHILD, arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            child.kill()


def lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def run_with_kills(choice, task, kills, seed):
    """Kills the run at ``kills`` random moments, spread over its length, and lets it end."""
    rng = random.Random(seed)
    path = task.files.ledger
    total = 2 * lines(task.reviews)
    for number in range(kills):
        with spawned(choice, task) as child:
            wanted = total * (number + rng.random()) / (kills + 1)
            while lines(path) < wanted and child.poll() is None:
                time.sleep(0.002)
            time.sleep(rng.random() * 0.02)
    with spawned(choice, task) as child:
        _, errors = child.communicate(timeout=120)
    assert child.returncode == 0, errors.decode()
    return path


def answers(path):
    rows = list(ledger.rows(path))
    keys = collections.Counter(row.key for row in rows)
    assert set(keys.values()) == {1}
    assert {row.status for row in rows} == {"ok"}
    return {row.key: row.response for row in rows}


def test_ten_kills_over_a_service(serve, write_reviews, options, choice):
    in_flight, kills = 16, 10
    server = serve(latency=0.03)
    reviews = write_reviews(1000)
    chosen = choice(server, concurrency=in_flight)
    whole = options(reviews, "whole")
    foreground.generate(chosen, whole, quiet=True)
    before = sum(server.counts()["asked"].values())
    path = run_with_kills(chosen, options(reviews, "killed"), kills, seed=1)
    assert answers(path) == answers(RunFolder(whole.folder).shard(0, 1).ledger)
    assert len(answers(path)) == 2000
    again = sum(server.counts()["asked"].values()) - before - 2000
    assert 0 <= again <= kills * in_flight
    print(json.dumps({"asked twice": again, "could have been": kills * in_flight}))


def test_ten_kills_over_the_lexicon(write_reviews, options):
    from generation.teachers.factory import Choice

    reviews = write_reviews(1000)
    whole = options(reviews, "whole")
    foreground.generate(Choice(), whole, quiet=True)
    path = run_with_kills(Choice(), options(reviews, "killed"), 10, seed=2)
    assert answers(path) == answers(RunFolder(whole.folder).shard(0, 1).ledger)
    assert len(answers(path)) == 2000


def test_ctrl_c_finishes_what_is_in_flight(serve, write_reviews, options, choice):
    server = serve(latency=0.5)
    task = options(write_reviews(200))
    path = task.files.ledger
    with spawned(choice(server, concurrency=8), task) as child:
        while lines(path) < 8:
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=30)
    assert child.returncode == 0
    assert b"finishing what is in flight" in errors
    counts = server.counts()
    assert sum(counts["asked"].values()) == sum(counts["answered"].values()) == lines(path) < 400


def test_second_process_on_a_shard_refuses(serve, write_reviews, options, choice):
    server = serve(latency=0.5)
    task = options(write_reviews(50))
    path = task.files.ledger
    with spawned(choice(server, concurrency=2), task):
        while lines(path) < 1:
            time.sleep(0.01)
        with pytest.raises(ValueError, match="is being written by another process"):
            foreground.generate(choice(server), task, quiet=True)
    # The lock of a dead process holds nobody up.
    server.rescript({})
    assert foreground.generate(choice(server), task, quiet=True).statuses == {"ok": 100}


@pytest.mark.parametrize(
    ("domain", "leaked"), [("restaurant", "dumplings"), ("laptop", "help desk")]
)
def test_an_answer_about_the_demonstration_is_filtered(domain, leaked):
    (prompt,) = prompting.load_all("rw")
    review = Review("r", domain, 5.0, "All good.", "x")
    request = base.Request("0" * 64, review, prompt, prompt.messages(review))
    answer = base.Answer(request, "I loved the dumplings, and I hated the help desk.")
    row = run.to_row(answer, base.Spec("parrot", "parrot", "parrot", "1", {}))
    assert (row.status, row.reason) == ("filtered", f"demonstration: {leaked}")


def test_answers_that_older_rules_rejected_are_not_asked_again(
    serve, write_reviews, options, choice
):
    """They are paid: an older ledger's ``eos`` was no done answer, its thinking was one."""
    server = serve()
    task = options(write_reviews(5))
    foreground.generate(choice(server), task, quiet=True)
    rows = list(ledger.rows(task.files.ledger))
    old = {"status": "filtered", "reason": "finish_reason: eos", "finish_reason": "eos"}
    changes = [old, old | {"response": f"<think>hm</think>{rows[1].response}"}]
    changes += [old | {"finish_reason": "length", "reason": "length"}, old | {"response": None}]
    changed = [
        dataclasses.replace(row, **change) for row, change in zip(rows, changes, strict=False)
    ]
    task.files.ledger.write_text("".join(f"{row.to_json()}\n" for row in [*changed, *rows[4:]]))
    again = foreground.generate(choice(server), task, quiet=True)
    assert again.statuses == {"ok": 8, "filtered": 2}
    assert (again.kept, again.written) == (10, 0)
    assert set(server.counts()["asked"].values()) == {1}
    last = {row.key: row for row in ledger.rows(task.files.ledger)}
    assert [last[row.key].response for row in rows[:2]] == [row.response for row in rows[:2]]
    size = task.files.ledger.stat().st_size
    foreground.generate(choice(server), task, quiet=True)
    assert task.files.ledger.stat().st_size == size

"""A run as a person starts it: Ctrl-C in good order, and a dry run that tells what it would ask."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from generation import foreground, ledger
from generation.teachers.factory import Choice


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_a_reason_to_stop_and_the_second_ends_at_once(number):
    before = signal.getsignal(number)
    with foreground.interruptible() as stop:
        assert stop() == ""
        os.kill(os.getpid(), number)
        assert stop() == f"by {number.name}"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_signals_are_left_alone_off_the_main_thread():
    """As in a Ray worker."""
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work():
        with foreground.interruptible() as stop:
            seen.extend([stop(), signal.getsignal(signal.SIGTERM)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["", before]


def test_a_run_shows_its_progress_unless_it_is_to_be_quiet(write_reviews, options, capsys):
    quiet = foreground.generate(Choice(), options(write_reviews(3), "quiet"), quiet=True)
    assert (quiet.written, capsys.readouterr().err) == (6, "")
    foreground.generate(Choice(), options(write_reviews(3), "shown"))
    assert "6/6 rows" in capsys.readouterr().err


def test_runs_in_turn_share_a_teacher_and_a_limit_of_costs(serve, write_reviews, options, choice):
    """Of three runs the second one reaches the limit, and the third is not begun."""
    server = serve()
    asked = choice(server, concurrency=1, price_prompt=1000.0, price_completion=1000.0)
    alone = foreground.generate(asked, options(write_reviews(20), "alone"), quiet=True)
    limit = 1.5 * alone.spent
    runs = [options(write_reviews(20), name, max_cost=limit) for name in ("a", "b", "c")]
    done = foreground.generate_each(asked, runs, quiet=True)
    assert [progress.left == 0 for progress in done] == [True, False]
    assert "--max-cost" in done[1].stopped
    assert alone.spent < sum(progress.spent for progress in done) <= limit
    assert not runs[2].files.ledger.exists()


def test_a_dry_run_tells_what_it_does_not_know(write_reviews, options, capsys):
    found = foreground.show_dry_run(Choice(), options(write_reviews(5), prompt="rw"), None)
    told = capsys.readouterr().out
    assert found.requests == 5
    for words in (
        "requests: 5 to ask, 0 done",
        "(guessed by length)",
        "cost: no price known; set --price-prompt and --price-completion",
        "time: not known for lexicon; a run tells after its first rows",
    ):
        assert words in told


def test_a_dry_run_shows_prompts_word_by_word_and_a_services_cost(
    write_reviews, options, capsys, vocabulary_file
):
    odd = {
        "review_id": "o",
        "domain": "laptop",
        "rating": 3,
        "text": "[bold]it[/] is 7",
        "source": "",
    }
    reviews = write_reviews(0, odd)
    choice = Choice("gpt35", price_prompt=1.0, price_completion=1.0)
    foreground.show_dry_run(choice, options(reviews, prompt="rw"), vocabulary_file)
    told = capsys.readouterr().out
    assert "Review: [bold]it[/] is 7" in told
    assert "guessed" not in told
    assert "cost: $0.0" in told
    assert "minutes, at 2 to 10 s a request" in told


COMMAND = "from fsa_jax.cli.main import fsa_main; fsa_main()"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("times", [1, 2])
def test_signals_end_a_run_in_good_order(serve, write_reviews, options, number, times):
    """Once waits for what is in flight, twice does not; the same command goes on after both."""
    latency = 0.6 if times == 1 else 3.0
    server = serve(latency=latency)
    task = options(write_reviews(60))
    command = [sys.executable, "-c", COMMAND, "generate", "--reviews", str(task.reviews)]
    command += ["--output-dir", str(task.folder), "--teacher", "t", "--backend", "openai"]
    command += ["--model", "scripted", "--base-url", server.url, "--concurrency", "4"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not sum(server.counts()["asked"].values()):
        time.sleep(0.05)
    child.send_signal(number)
    if times == 2:
        time.sleep(0.5)
        child.send_signal(number)
    _, errors = child.communicate(timeout=30)
    assert child.returncode == 3, errors
    assert errors.rstrip().endswith("run the same command again to go on"), errors
    assert "Aborted" not in errors
    assert "Traceback" not in errors
    rows = len(list(ledger.rows(task.files.ledger)))
    assert rows == (sum(server.counts()["answered"].values()) if times == 1 else 0)
    assert task.files.read_summary()["complete"] is False
    server.rescript({})
    again = foreground.generate(
        Choice("t", "openai", "scripted", base_url=server.url), task, quiet=True
    )
    assert again.left == 0

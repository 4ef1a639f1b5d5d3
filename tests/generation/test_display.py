"""The line of progress, and how often it is shown."""

import argparse
import time

import pytest

from generation import display
from generation.progress import Progress


@pytest.fixture
def at(monkeypatch):
    """Sets the clock."""

    def set_to(seconds):
        monkeypatch.setattr(time, "monotonic", lambda: seconds)

    set_to(0.0)
    return set_to


def some(**more):
    """Ten rows in ten seconds after five kept ones, of 3,615."""
    counts = {"ok": 12, "filtered": 2, "failed": 1}
    progress = Progress(total=3615, kept=5, written=10, tokens=2000, started=0.0, **more)
    progress.statuses.update(counts)
    return progress


def test_the_line_tells_rates_of_this_run_and_counts_of_all(at):
    at(10.0)
    assert display.line(some()) == (
        "15/3,615 rows · 1.0 rows/s · 200 tokens/s · ok 12 filtered 2 failed 1 · left 1:00:00"
    )


def test_cost_and_the_number_in_flight_are_told_where_there_are_such(at):
    at(10.0)
    parts = display.line(some(cost=1234.5), 16).split(" · ")
    assert parts[3] == "$1,234.5000"
    assert parts[-1] == "16 at once"


@pytest.mark.parametrize(
    ("seconds", "rate"),
    [
        (1.0, "10.0 rows/s"),
        (10.0, "1.0 rows/s"),
        (11.0, "54.5 rows/min"),
        (600.0, "1.0 rows/min"),
        (1000.0, "36.0 rows/h"),
    ],
)
def test_the_rate_of_a_slow_teacher_is_told_in_a_unit_that_shows_it(at, seconds, rate):
    at(seconds)
    assert display.line(some()).split(" · ")[1] == rate


def test_nothing_is_known_of_the_time_before_the_first_row(at):
    at(10.0)
    found = display.line(Progress(total=3, started=0.0))
    assert found.startswith("0/3 rows · 0.0 rows/h")
    assert found.endswith("left ?")


def test_a_log_gets_a_line_now_and_then_and_one_at_the_end(at, capsys):
    progress = some()
    with display.watcher(object()) as watch:
        for seconds in range(1, 70):
            at(float(seconds))
            watch(progress)
        progress.written += progress.left
        watch(progress)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["15/3,615", "15/3,615", "3,615/3,615"]


def test_the_lines_tell_how_many_requests_a_teacher_has_at_once(at, capsys):
    teacher = argparse.Namespace(gate=argparse.Namespace(limit=7))
    with display.watcher(teacher, every=0.0) as watch:
        at(1.0)
        watch(some())
        teacher.gate.limit = 3
        watch(some())
    found = capsys.readouterr().err.splitlines()
    assert [line.split(" · ")[-1] for line in found] == ["7 at once", "3 at once"]


def test_a_terminal_shows_one_line_that_is_redrawn(at, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    with display.watcher(object()) as watch:
        for tenth in range(1, 11):
            at(tenth / 10)
            watch(some())
    shown = capsys.readouterr().err
    assert 2 <= shown.count("15/3,615 rows") <= 6  # at most four times a second
    assert shown.count("\n") <= 1

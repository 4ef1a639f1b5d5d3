"""Waits after faults grow and part clients; the gate narrows under overload and opens again."""

import asyncio
import random
import time

import pytest

from generation.teachers.services import pacing


@pytest.mark.parametrize(("attempt", "longest"), [(1, 0.5), (2, 1.0), (5, 8.0), (1000, 60.0)])
def test_waits_double_up_to_a_limit_and_differ(attempt, longest):
    waits = [pacing.backoff(attempt, random.Random(seed)) for seed in range(200)]
    assert all(longest / 2 <= wait <= longest for wait in waits)
    assert max(waits) - min(waits) > 0.4 * longest
    assert pacing.backoff(attempt, random.Random(1), first=0.0) == 0.0


def test_overload_takes_a_quarter_once_and_successes_give_back_one_by_one(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    gate = pacing.Gate(8)
    gate.overload()
    gate.overload()  # of the same moment: requests that were in flight together
    assert gate.limit == 6
    now[0] += 1.5
    gate.overload()
    assert gate.limit == 4
    for _ in range(4):
        gate.success()
    assert gate.limit == 5
    for _ in range(100):
        gate.success()
    assert gate.limit == 8


def test_one_request_always_goes(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    gate = pacing.Gate(2)
    for _ in range(10):
        now[0] += 2
        gate.overload()
    assert gate.limit == 1


def test_a_wait_that_the_service_asks_for_holds_all():
    gate = pacing.Gate(2)
    gate.hold(0.05)
    gate.hold(0.01)  # a shorter one shortens nothing
    begin = time.monotonic()
    asyncio.run(gate.wait())
    assert time.monotonic() - begin >= 0.05
    begin = time.monotonic()
    asyncio.run(gate.wait())
    assert time.monotonic() - begin < 0.04

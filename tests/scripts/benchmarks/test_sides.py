"""Sides of a benchmark: two live at a time, and one that is killed is named while others go on."""

import argparse
import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[3]
SIDE = """
import os, signal, sys, time
from scripts.benchmarks import sides

name, log, fate = sys.argv[1:]

def note(what):
    with open(log, "a") as file:
        print(name, what, os.getpid(), file=file)

def build():
    note("start")
    held = bytearray(300 << 20) if fate else b""
    if fate == "early":
        sys.exit(7)
    return {"fill": len(held)}, once

def once():
    note("round")
    if fate == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if fate == "raises":
        raise RuntimeError("no")
    return {"seconds": 2.0, "tokens": 10 if name == "ours" else 5}

sides.serve(build)
note("end")
"""


@pytest.fixture
def play(tmp_path, monkeypatch):
    """``play(*names, **fates)`` gives the specs of sides that log what they do, and the log."""
    monkeypatch.syspath_prepend(ROOT)
    from scripts.benchmarks import sides

    (tmp_path / "benchmark_side.py").write_text(SIDE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    log = tmp_path / "log"
    log.touch()

    def specs(*names, **fates):
        return [
            sides.Spec(name, "benchmark_side", (name, str(log), fates.get(name, "")))
            for name in names
        ]

    return sides, specs, log


def alive(log):
    pids = {int(line.split()[2]) for line in log.read_text().splitlines()}
    return [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]


def test_sides_take_turns_and_end(play):
    sides, specs, log = play
    found = sides.measure(specs("ours", "peer"), 3)
    lines = [line.split()[:2] for line in log.read_text().splitlines()]
    rounds = [name for name, what in lines if what == "round"]
    assert rounds == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert sorted(name for name, what in lines if what == "end") == ["ours", "peer"]
    assert alive(log) == []
    assert found["peer"].median(lambda r: r["tokens"] / r["seconds"]) == 2.5
    assert found["ours"].peak_memory > 1e6


# At least 0.3 GiB: Linux hands the peak of the process that starts it down to a side.
HELD = r"(0\.[3-9]|[1-9])"


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        (
            "killed",
            r"peer was killed by SIGKILL, most likely for want of memory; it had held " + HELD,
        ),
        (
            "early",
            r"peer ended early with exit code 7, its message is above; it had held " + HELD,
        ),
        ("raises", "peer ended early with exit code 1"),
    ],
)
def test_a_side_that_ends_early_is_named_with_its_reason(play, fate, words):
    sides, specs, log = play
    with pytest.raises(sides.SideEndedError, match=words):
        sides.measure(specs("ours", "peer", peer=fate), 2)
    assert alive(log) == []  # the other one, too


def test_peers_that_cannot_be_measured_are_left_out_and_the_others_go_on(play, monkeypatch):
    _, specs, log = play
    from scripts.benchmarks import training

    fates = {"t5x": "killed"}
    started = {spec.name: spec for spec in specs("ours", "torch_float32", "t5x", **fates)}
    monkeypatch.setattr(training.sides, "Spec", lambda name, *_: started[name])
    world = argparse.Namespace(teacher="lexicon", words="made-up data")
    monkeypatch.setattr(training.world, "make_world", lambda folder: world)
    summary = {"speed_ratio": {}}
    monkeypatch.setattr(training, "summary", lambda ours, peers: summary | {"peers": [*peers]})
    options = argparse.Namespace(peers=["t5x", "torch_float32"], rounds=1)
    found = training.compare(options, [])
    assert found["peers"] == ["torch_float32"]
    assert found["left_out"]["t5x"].startswith("t5x was killed by SIGKILL")
    # Alone where there is no peer to measure beside.
    options.peers = ["t5x"]
    found = training.compare(options, [])
    assert found["peers"] == []
    assert alive(log) == []


def test_ratios_are_those_of_a_pair_and_our_figures_those_of_all_rounds(play):
    sides, _, _ = play
    from scripts.benchmarks import training

    def side(speed, memory=1):
        row = {
            "tokens": speed,
            "seconds": 1.0,
            "examples": 5,
            "fill": 0.5,
            "peak": 2.0,
            "flops": 1.0,
        }
        ready = {"parameters": 3, "fill": 0.9, "first_step": speed, "peak": 7.0}
        return sides.Measured(ready, [row], memory)

    calm, busy = side(100), side(50, memory=4)
    peers = {"a": (calm, side(20)), "b": (busy, side(25, memory=8))}
    found = training.summary([calm, busy], peers)
    assert found["speed_ratio"] == {"a": 5.0, "b": 2.0}
    assert found["memory_ratio"] == {"a": 1.0, "b": 0.5}
    assert found["target_tokens_per_second"] == {"ours": 75.0, "a": 20.0, "b": 25.0}
    assert found["peak_memory"] == {"ours": 4, "a": 1, "b": 8}
    assert found["mfu"] == 0.5

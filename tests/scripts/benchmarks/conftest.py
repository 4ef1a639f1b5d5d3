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


@pytest.fixture
def alive():
    """Returns a function that tells which sides of a log are still there."""
    return _alive


def _alive(log):
    pids = {int(line.split()[2]) for line in log.read_text().splitlines()}
    return [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]

"""Two programs measured in turn: each side lives in a process of its own.

A side builds and warms up, then does one round whenever it is told to, so that rounds of all
sides alternate: whatever else the machine is doing, it does to all of them. A process of its own
keeps the thread pools of JAX and PyTorch apart, and gives each side its own peak of memory.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Record = dict[str, Any]


class Side:
    """A running side.

    Args:
      name: What it is called in the results.
      module: A module whose ``main`` calls ``serve`` when given ``--side``.
      arguments: Its command line.
    """

    def __init__(self, name: str, module: str, arguments: Sequence[str]):
        self.name, self.rounds = name, list[Record]()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ready = self._read()

    def measure(self) -> Record:
        """Lets it do one round."""
        self._process.stdin.write("round\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        self.rounds.append(self._read())
        return self.rounds[-1]

    def close(self) -> Record:
        """Ends it; returns its last words, ``peak_memory`` in bytes among them."""
        self._process.stdin.close()  # type: ignore[union-attr]
        last = self._read()
        self._process.wait()
        return last

    def median(self, key: Callable[[Record], float]) -> float:
        """The median over its rounds."""
        return statistics.median(key(record) for record in self.rounds)

    def _read(self) -> Record:
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise RuntimeError(f"the side {self.name!r} ended early; its message is above")
        return json.loads(line)


def serve(build: Callable[[], tuple[Mapping[str, Any], Callable[[], Record]]]) -> None:
    """Plays a side: builds, says so, and does a round for each line of standard input.

    Args:
      build: Returns what to say once ready, and the function that does one round.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    ready, measure = build()
    print(json.dumps(ready), file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps(measure()), file=answers, flush=True)
    # Not ``ru_maxrss``, which Linux hands down from the process that started this one.
    status = pathlib.Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
    print(json.dumps({"peak_memory": peak}), file=answers, flush=True)


def alternate(sides: Sequence[Side], rounds: int) -> None:
    """Measures all sides in turn, round by round, each round beginning with another side."""
    for number in range(rounds):
        start = number % len(sides)
        for side in (*sides[start:], *sides[:start]):
            print(f"round {number + 1} of {rounds}: {side.name}", file=sys.stderr, flush=True)
            side.measure()

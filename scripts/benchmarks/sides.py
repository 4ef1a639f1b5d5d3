"""Programs measured against each other: each side lives in a process of its own.

A side builds and warms up, then does one round whenever it is told to, so that rounds of the sides
alternate: whatever else the machine is doing, it does to both. A process of its own keeps the
thread pools of JAX and PyTorch apart, and gives each side its own peak of memory. Only two sides
live at a time, ours and one peer, for each holds gigabytes; both end before the next pair starts.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Record = dict[str, Any]
GIB = 2**30
Built = tuple[Mapping[str, Any], Callable[[], Record]]  # what to say once ready, and one round


class SideEndedError(RuntimeError):
    """A side has ended before it was measured; the message names it and says why."""


@dataclasses.dataclass(frozen=True)
class Spec:
    """How a side is started.

    Attributes:
        name: What it is called in the results.
        module: A module whose ``main`` calls ``serve`` when given ``--side``.
        arguments: Its command line.
    """

    name: str
    module: str
    arguments: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a side has said.

    Attributes:
        ready: Once it was built and warm.
        rounds: After each round.
        peak_memory: In bytes, over its whole life.
    """

    ready: Record
    rounds: list[Record]
    peak_memory: int

    def median(self, key: Callable[[Record], float]) -> float:
        """The median over its rounds."""
        return statistics.median(key(record) for record in self.rounds)


def measure(specs: Sequence[Spec], rounds: int) -> dict[str, Measured]:
    """Starts sides, measures them in turn, each round beginning with another one, and ends them.

    Raises:
        SideEndedError: One has ended early; the others are ended, too.
    """
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(_Side(spec)) for spec in specs]
        ready = [side.read() for side in running]
        found: dict[str, list[Record]] = {side.spec.name: [] for side in running}
        for number in range(rounds):
            start = number % len(running)
            for side in (*running[start:], *running[:start]):
                name = side.spec.name
                print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
                found[name].append(side.ask("round"))
        last = [side.ask("end") for side in running]
    return {
        side.spec.name: Measured(first, found[side.spec.name], end["peak_memory"])
        for side, first, end in zip(running, ready, last, strict=True)
    }


class _Side:
    """A running side; whatever happens, its process has ended with the context."""

    def __init__(self, spec: Spec):
        self.spec = spec
        self._process = subprocess.Popen(
            [sys.executable, "-m", spec.module, *spec.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "_Side":
        return self

    def __exit__(self, fault: type[BaseException] | None, *_: object) -> None:
        if fault is not None and self._process.poll() is None:
            self._process.kill()
        self._process.communicate()  # closes its input, and waits

    def ask(self, what: str) -> Record:
        """Lets it do something; returns what it says then."""
        with contextlib.suppress(BrokenPipeError):  # reading tells why
            self._process.stdin.write(f"{what}\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
        return self.read()

    def read(self) -> Record:
        """Waits for its next words."""
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        if line:
            record: Record = json.loads(line)
            return record
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = code = os.waitstatus_to_exitcode(status)
        raise SideEndedError(f"{self.spec.name} {_ending(code, usage.ru_maxrss * 1024)}")


def _ending(code: int, peak: int) -> str:
    """Says how a process ended and how much memory it had held by then."""
    memory = f"it had held {peak / GIB:.2f} GiB of this machine's {_memory() / GIB:.1f}"
    if code >= 0:
        return f"ended early with exit code {code}, its message is above; {memory}"
    cause = "most likely for want of memory; " if code == -signal.SIGKILL else ""
    return f"was killed by {signal.Signals(-code).name}, {cause}{memory}"


def _memory() -> int:
    """Bytes that processes may hold together: the machine's, or a container's limit."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(pathlib.Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no such file, or "max"
        return machine


def serve(build: Callable[[], Built]) -> None:
    """Plays a side: builds, says so, does a round for each ``round`` of standard input, and ends.

    Args:
        build: Returns what to say once ready, and the function that does one round.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    ready, measure_once = build()
    print(json.dumps(ready), file=answers, flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            break
        print(json.dumps(measure_once()), file=answers, flush=True)
    # Not ``ru_maxrss``, which Linux hands down from the process that started this one.
    status = pathlib.Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
    print(json.dumps({"peak_memory": peak}), file=answers, flush=True)

"""Live progress on a terminal, and plain lines elsewhere."""

import contextlib
import time
from collections.abc import Iterator

import rich.console
import rich.live
import rich.text

from generation.progress import Progress
from generation.records import FAILED, FILTERED, OK
from generation.run import Watcher


def line(progress: Progress, gate_limit: int | None = None) -> str:
    """Returns one line: rows, their rate, tokens/s, cost, failures and the time left."""
    seconds = max(1e-9, time.monotonic() - progress.started)
    rate = progress.written / seconds
    ended = progress.kept + progress.written
    left = progress.left / rate if rate else float("inf")
    parts = [
        f"{ended:,}/{progress.total:,} rows",
        _rate(rate),
        f"{progress.tokens / seconds:,.0f} tokens/s",
        f"ok {progress.statuses[OK]:,} filtered {progress.statuses[FILTERED]:,} "
        f"failed {progress.statuses[FAILED]:,}",
        f"left {_clock(left)}",
    ]
    if progress.cost:
        parts.insert(3, f"${progress.cost:,.4f}")
    if gate_limit is not None:
        parts.append(f"{gate_limit} at once")
    return " · ".join(parts)


def _rate(per_second: float) -> str:
    """Writes a rate in the unit that leaves the most of it to be seen: a slow teacher has rows."""
    units = {"s": 1, "min": 60, "h": 3600}
    unit = next((unit for unit, s in units.items() if per_second * s >= 1), "h")
    return f"{per_second * units[unit]:,.1f} rows/{unit}"


def _clock(seconds: float) -> str:
    if seconds == float("inf"):
        return "?"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


@contextlib.contextmanager
def watcher(teacher: object, every: float | None = None) -> Iterator[Watcher]:
    """Yields a function that shows progress.

    On a terminal the line is redrawn; in a log there is one each half minute.

    Args:
        teacher: Whose number of requests at once is shown, if it adapts one.
        every: Seconds between updates; 0.25 on a terminal and 30 elsewhere where None.
    """
    console = rich.console.Console(stderr=True)
    live = rich.live.Live(console=console, auto_refresh=False) if console.is_terminal else None
    pause = every if every is not None else (0.25 if live else 30.0)
    last = time.monotonic() if live is None else 0.0

    def watch(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < pause and progress.left:
            return
        last = now
        gate = getattr(teacher, "gate", None)
        text = line(progress, gate.limit if gate else None)
        if live:
            live.update(rich.text.Text(text), refresh=True)
        else:
            console.print(text, highlight=False, soft_wrap=True)

    with live or contextlib.nullcontext():
        yield watch

"""What a run shows while it trains: a progress line, TensorBoard, JSON lines.

Terms: *step time* is wall time per update; *input wait* the share of it spent waiting for data;
*MFU* the model FLOPs (``flops.py``) per second over the machine's own matrix-product peak, which
is measured at the start; *goodput* the share of the whole run's time spent on updates.
"""

import contextlib
import pathlib
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

import jax
from clu import metric_writers
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from fsa_jax.runtime.run_directory import RunDirectory

_COLUMNS = (
    "[bold]{task.description}[/]",
    "step {task.completed}/{task.total}",
    "loss {task.fields[loss]:.3f}",
    "{task.fields[tokens]:,.0f} target tokens/s",
    "{task.fields[examples]:,.1f} examples/s",
)


class Monitor:
    """Collects what happens in a run and shows it.

    Args:
        run: The run directory, whose training log and events are written.
        total_steps: Updates of the whole run.
        first_step: Updates made before this start.
        flops_per_step: Model FLOPs of one update, over all devices.
        peak_flops: Measured peak of all devices together, FLOP/s.
        write: Whether this host writes files; the others only count.
        show: Whether it prints as well; None: where it writes.
    """

    def __init__(
        self,
        run: RunDirectory,
        total_steps: int,
        first_step: int,
        flops_per_step: float,
        peak_flops: float,
        write: bool,
        show: bool | None = None,
    ):
        self._total, self._flops, self._peak = total_steps, flops_per_step, peak_flops
        self._run, self._write = run, write
        self._shown = write if show is None else show
        self._writers: dict[str, Any] = {}
        self._started = self._window_start = time.perf_counter()
        self._busy = self._paused = self._wait_before = 0.0
        self._steps = self._tokens = self._examples = 0
        self._console = Console(stderr=False)
        self._bar: Progress | None = None
        if write:
            self._json = run.open_training_log()
            if self._shown and self._console.is_terminal:
                self._bar = Progress(
                    *(TextColumn(column) for column in _COLUMNS),
                    BarColumn(bar_width=20),
                    TimeRemainingColumn(),
                    console=self._console,
                )
                self._bar.start()
                self._task = self._bar.add_task(
                    "train", total=total_steps, completed=first_step, loss=0, tokens=0, examples=0
                )

    def say(self, line: str) -> None:
        """Prints one line above the progress."""
        if self._shown:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def count(self, examples: int, target_tokens: int) -> None:
        """Notes one update of so many examples and target tokens."""
        self._steps += 1
        self._examples += examples
        self._tokens += target_tokens

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """A time that is not training (evaluation, saving)."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self._paused += time.perf_counter() - begin

    def log(self, step: int, scalars: dict[str, float], input_wait: float) -> dict[str, float]:
        """Writes and shows the updates since the last call.

        Args:
            step: Updates made so far.
            scalars: What the last update reported (loss, …).
            input_wait: Seconds waited for data since the start of the run.

        Returns:
            All that was written.
        """
        now = time.perf_counter()
        seconds = max(now - self._window_start - self._paused, 1e-9)
        self._busy += seconds
        steps = max(self._steps, 1)
        row = {
            **scalars,
            "step_seconds": seconds / steps,
            "target_tokens_per_second": self._tokens / seconds,
            "examples_per_second": self._examples / seconds,
            "examples_per_step": self._examples / steps,
            "input_wait": (input_wait - self._wait_before) / seconds,
            "mfu": self._flops * self._steps / seconds / self._peak,
            "goodput": self._busy / (now - self._started),
            "memory_gib": _memory_gib(),
        }
        self._window_start, self._paused, self._wait_before = now, 0.0, input_wait
        self._steps = self._tokens = self._examples = 0
        if self._write:
            self._json.write({"step": step, **row})
            self.scalars("train", step, row)
            self._show(step, row)
        return row

    def scalars(self, name: str, step: int, row: dict[str, float]) -> None:
        """Writes scalars to the TensorBoard events of folder ``name`` of the run."""
        if not self._write:
            return
        if name not in self._writers:
            self._writers[name] = metric_writers.SummaryWriter(str(self._run.events(name)))
        self._writers[name].write_scalars(step, row)

    def close(self) -> None:
        """Ends the progress line and writes out everything."""
        if self._bar:
            self._bar.stop()
        if self._write:
            self._json.close()
        for writer in self._writers.values():
            writer.close()

    def _show(self, step: int, row: dict[str, float]) -> None:
        if self._bar:
            self._bar.update(
                self._task,
                completed=step,
                loss=row["loss"],
                tokens=row["target_tokens_per_second"],
                examples=row["examples_per_second"],
            )
            return
        left = (self._total - step) * row["step_seconds"]
        self.say(
            f"step {step}/{self._total}  loss {row['loss']:.4f}  "
            f"{row['target_tokens_per_second']:,.0f} target tokens/s  "
            f"{row['examples_per_second']:,.1f} examples/s  "
            f"ETA {int(left // 3600)}:{int(left // 60 % 60):02}:{int(left % 60):02}"
        )


def _memory_gib() -> float:
    """Peak memory: of the first device where it tells, else of this process."""
    stats = jax.local_devices()[0].memory_stats()
    if stats and "peak_bytes_in_use" in stats:
        return float(stats["peak_bytes_in_use"] / 2**30)
    # Linux hands ``ru_maxrss`` down from the process that started this one; the kernel's own
    # figure of this process is not.
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30

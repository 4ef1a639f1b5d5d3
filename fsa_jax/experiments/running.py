"""Runs what is missing of a plan: stages side by side, each in its folder, each once.

A stage's folder holds ``stage.json`` (what it is, how it stands), ``log.txt`` and its run
directories. While it is worked on, a lock is held by the runner *and* by its command, which
inherits it: a runner that is killed leaves its command alone, and the next one waits for that
command instead of starting a second one in the same folder.
"""

import concurrent.futures
import contextlib
import dataclasses
import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from fsa_jax.experiments.stages import Command, Stage
from fsa_jax.runtime import exits, files
from fsa_jax.runtime.run_directory import RunDirectory

_POLL_SECONDS = 0.5
State = Literal["waiting", "running", "stopped", "finished", "failed"]


@dataclasses.dataclass(frozen=True)
class Standing:
    """How a stage stands.

    Attributes:
        state: Waiting (never begun), running, stopped, finished or failed.
        done: Commands that have finished.
        seconds: Time that its commands took so far.
        reason: Why it failed.
    """

    state: State = "waiting"
    done: int = 0
    seconds: float = 0.0
    reason: str = ""


def standing(stage: Stage) -> Standing:
    """Reads how a stage stands; a file that a kill has torn counts as never begun."""
    try:
        found = json.loads((stage.folder / "stage.json").read_text(encoding="utf-8"))
        return Standing(**found["standing"])
    except (OSError, ValueError, KeyError, TypeError):
        return Standing()


def _write(stage: Stage, now: Standing) -> None:
    content = {
        "name": stage.name,
        "kind": stage.kind,
        "config_key": stage.config_key,
        "data_fingerprint": stage.data_fingerprint,
        "code_version": stage.code,
        "recipe": stage.recipe,
        "flops": stage.work.flops,
        "commands": [shlex.join(stage.arguments(command)) for command in stage.commands],
        "standing": dataclasses.asdict(now),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, default=list)
    files.write_text(stage.folder / "stage.json", text + "\n")


@dataclasses.dataclass(frozen=True)
class Slot:
    """A place where one stage runs at a time.

    Attributes:
        name: What people read.
        environment: Variables that show a command its device and no other.
        cores: CPU cores that its commands are held to; empty for all.
    """

    name: str
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    cores: tuple[int, ...] = ()


def read_slots(text: str) -> list[Slot]:
    """Reads ``--devices``: ``all`` (one stage at a time), ``cpu:2``, ``gpu:0,1``, ``tpu:0,1``.

    Raises:
        ValueError: It is none of these.
    """
    kind, _, rest = text.partition(":")
    if text == "all":
        return [Slot("all")]
    if kind == "cpu" and rest.isdecimal() and int(rest):
        cores, count = sorted(os.sched_getaffinity(0)), int(rest)
        shares = [tuple(cores[i::count]) or tuple(cores) for i in range(count)]
        return [Slot(f"cpu {i}", {"JAX_PLATFORMS": "cpu"}, x) for i, x in enumerate(shares)]
    names = [name for name in rest.split(",") if name.isdecimal()]
    variable = {"gpu": "CUDA_VISIBLE_DEVICES", "tpu": "TPU_VISIBLE_CHIPS"}.get(kind)
    if variable and names and rest == ",".join(names):
        return [Slot(f"{kind} {name}", {variable: name}) for name in names]
    raise ValueError(f"--devices {text}: it is all, cpu:2, gpu:0,1 or tpu:0,1")


class _StopError(Exception):
    """A command stopped in good order, or was asked to."""


class Runner:
    """Runs stages.

    Args:
        stages: Each behind what it needs.
        slots: Where; one thread each.
        on_finished: Called with each stage that is finished, in the thread that finished it.
        say: Gets a line for each thing that happens.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        slots: Sequence[Slot],
        on_finished: Callable[[Stage], None],
        say: Callable[[str], None] = print,
    ):
        self._stages, self._slots, self._say = list(stages), list(slots), say
        self._on_finished = on_finished
        self._change = threading.Condition()
        self._open = {stage.key: stage for stage in self._stages}
        self._finished: set[str] = set()
        self._busy: set[str] = set()
        self._children: set[subprocess.Popen[bytes]] = set()
        self.failed: dict[str, str] = {}  # by key: why
        self.stopped: set[str] = set()
        self._stopping = False

    def run(self) -> int:
        """Runs all that can be run; returns the exit code: 0, 1 (some failed) or 3 (stopped)."""
        pool = concurrent.futures.ThreadPoolExecutor(len(self._slots))
        with self._signals(), pool:
            threads = [pool.submit(self._work, slot) for slot in self._slots]
            while concurrent.futures.wait(threads, _POLL_SECONDS).not_done:
                pass  # in pieces, so that signals are handled
        for thread in threads:
            thread.result()  # raises what is a bug
        if self._stopping or self.stopped:
            return exits.STOPPED
        return exits.FAILED if self.failed else exits.FINISHED

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM let the running commands save and end."""

        def stop(number: int, frame: Any) -> None:
            self._stopping = True
            for child in list(self._children):
                with contextlib.suppress(ProcessLookupError):
                    child.send_signal(signal.SIGTERM)

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    # ------------------------------------------------------------------ one thread of each slot

    def _work(self, slot: Slot) -> None:
        if slot.cores:
            os.sched_setaffinity(0, slot.cores)  # of this thread, and what it starts
        while (stage := self._next()) is not None:
            state, reason = "bug", ""
            try:
                state, reason = self._run_stage(stage, slot)
            finally:
                with self._change:
                    self._busy.discard(stage.key)
                    if state == "bug":  # raised; the others end what they do
                        self._stopping = True
                    elif state == "busy":
                        self._change.wait(_POLL_SECONDS)
                    else:
                        self._close(stage, state, reason)
                    self._change.notify_all()

    def _next(self) -> Stage | None:
        """The first stage whose needs are finished; None when nothing is left to do."""
        with self._change:
            while True:
                self._drop_hopeless()
                if self._stopping or not self._open:
                    return None
                for stage in self._open.values():
                    free = stage.key not in self._busy
                    if free and all(need.key in self._finished for need in stage.needs):
                        self._busy.add(stage.key)
                        return stage
                if not self._busy:
                    return None
                self._change.wait(_POLL_SECONDS)

    def _drop_hopeless(self) -> None:
        for stage in list(self._open.values()):
            for need in stage.needs:
                if need.key in self.failed:
                    self._close(stage, "failed", f"it needs {need.name}, which failed")
                    break
                if need.key in self.stopped:
                    self._close(stage, "stopped", "")
                    break

    def _close(self, stage: Stage, state: str, reason: str) -> None:
        self._open.pop(stage.key, None)
        if state == "finished":
            self._finished.add(stage.key)
        elif state == "failed":
            self.failed[stage.key] = reason
            self._say(f"failed: {stage.kind} {stage.name}: {reason}")
        else:
            self.stopped.add(stage.key)

    def _run_stage(self, stage: Stage, slot: Slot) -> tuple[str, str]:
        """Returns finished, failed (and why), stopped, or busy where another process has it."""
        if standing(stage).state != "finished":
            missing = stage.missing()
            if missing:
                return "failed", "; ".join(missing)
        stage.folder.mkdir(parents=True, exist_ok=True)
        with _lock(stage.folder / "lock") as lock:
            if lock is None:
                return "busy", ""
            try:
                self._commands(stage, slot, lock)
                self._on_finished(stage)
            except _StopError:
                return "stopped", ""
            except (OSError, ValueError, RuntimeError) as error:
                now = standing(stage)
                if now.state != "finished":  # else its answers could not be scored
                    _write(stage, dataclasses.replace(now, state="failed", reason=str(error)))
                return "failed", str(error)
        return "finished", ""

    def _commands(self, stage: Stage, slot: Slot, lock: int) -> None:
        now = standing(stage)
        if now.state == "finished":
            return
        self._say(f"{stage.kind} {stage.name}  ({slot.name})  {stage.folder}")
        for command in stage.commands[now.done :]:
            now = dataclasses.replace(now, state="running", reason="")
            _write(stage, now)
            self._say(f"  $ {shlex.join(stage.arguments(command))}")
            started = time.monotonic()
            # A command that outlived its runner may have finished meanwhile.
            done = _status(stage, command) == "finished"
            code = 0 if done else self._call(stage, command, slot, lock)
            seconds = now.seconds + time.monotonic() - started
            now = dataclasses.replace(now, seconds=seconds)
            stopped = code == exits.STOPPED or _status(stage, command) == "stopped"
            if stopped or (code and self._stopping):
                _write(stage, dataclasses.replace(now, state="stopped"))
                raise _StopError
            if code:
                _write(stage, now)
                raise RuntimeError(f"{_last_line(stage.folder / 'log.txt')} (exit code {code})")
            now = dataclasses.replace(now, done=now.done + 1)
        _write(stage, dataclasses.replace(now, state="finished"))

    def _call(self, stage: Stage, command: Command, slot: Slot, lock: int) -> int:
        words = stage.arguments(command)
        environment = {**os.environ, **slot.environment, **stage.variables()}
        with (stage.folder / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"$ {shlex.join(words)}\n")
            log.flush()
            child = subprocess.Popen(
                [*program(words[0]), *words[1:]],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                pass_fds=[lock],
                start_new_session=True,  # Ctrl-C reaches the runner, which tells its commands once
            )
            self._children.add(child)
            if self._stopping:
                child.send_signal(signal.SIGTERM)
            try:
                return child.wait()
            finally:
                self._children.discard(child)


def _status(stage: Stage, command: Command) -> str:
    """``finished`` or ``stopped``, where the runs of a command say so, whatever its exit code."""
    found = [RunDirectory(stage.folder / run).status() for run in command.runs]
    states = {"" if status is None else status.state for status in found}
    if states == {"finished"}:
        return "finished"
    return "stopped" if "stopped" in states else ""


def program(name: str) -> list[str]:
    """How a command of ours is started: the one beside this Python, which may not be on PATH."""
    if name not in ("fsa", "t5x"):
        return [name]
    call = f"from fsa_jax.cli.main import {name}_main; {name}_main()"
    return [sys.executable, "-c", call]


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    errors = [line for line in lines[-40:] if line.startswith("error:")]
    return (errors or lines or ["it wrote nothing"])[-1].removeprefix("error: ")


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[int | None]:
    """Yields the descriptor of a lock, or None where another process holds it.

    The lock goes when the last process that inherited the descriptor has ended.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)

"""Plays `gcloud compute tpus` for one slice, and answers as badly as it is told to.

`Service` is the cloud, in the process of the test; `gcloud` is a shell script that passes its
arguments on to it. A call is answered with an exit code and what is printed.
"""

import dataclasses
import os
import pathlib
import random
import signal
import socketserver
import subprocess
import sys
import threading

import pytest

# bash's own way to a socket: a call costs a few milliseconds, and a job makes dozens.
GCLOUD = """#!/usr/bin/env bash
exec 3<> "/dev/tcp/127.0.0.1/$GCLOUD_PORT"
printf '%s\\0' "$@" $'\\4' >&3
IFS= read -r code <&3
IFS= read -r words <&3
if [ -n "$words" ]; then if [ "$code" = 0 ]; then echo "$words"; else echo "$words" >&2; fi; fi
exit "$code"
"""
LAST = "\4"

NEXT = {
    "ACCEPTED": "WAITING_FOR_RESOURCES",
    "WAITING_FOR_RESOURCES": "PROVISIONING",
    "PROVISIONING": "ACTIVE",
    "SUSPENDING": "SUSPENDED",
    "DELETING": None,
}
ERRORS = [
    "ERROR: (gcloud.compute.tpus) UNAVAILABLE: The service is currently unavailable.",
    "ERROR: (gcloud.compute.tpus) INTERNAL: a part answered NOT_FOUND; try again",
    "ERROR: gcloud crashed (ConnectionError): HTTPSConnectionPool: Max retries exceeded",
    "ERROR: (gcloud.compute.tpus) DEADLINE_EXCEEDED: Deadline expired",
]
# How a command on the slice ends: the slice's state afterwards, and the exit code. Preemption shows
# as a lost connection, as a stop in good order (hosts are told before), or as any failure; the
# queue knows of it at once or later, or has lost the request.
RUNS = {
    "finished": ("ACTIVE", 0),
    "stopped": ("ACTIVE", 3),
    "failed": ("ACTIVE", 1),
    "usage": ("ACTIVE", 2),
    "connection": ("ACTIVE", 255),
    "preempted": ("SUSPENDED", 255),
    "preempted later": ("SUSPENDING", 1),
    "told of preemption": ("SUSPENDING", 3),
    "gone": (None, 255),
}


class _FailedError(Exception):
    def __init__(self, code: int, words: str = ""):
        super().__init__(words)
        self.code = code


@dataclasses.dataclass
class Service:
    """One slice in the queue, and what goes wrong with it.

    Attributes:
        state: Of the slice; ``None`` where there is none.
        runs: How the first, second, … command on the slice ends; the last one repeats.
        install: Exit codes of the first, second, … installation; then 0.
        flaky: The share of calls to the queue that end in an error, half of which take effect.
        silent: The calls to the queue, counted from 1, that end in an error.
        refused: The answer to every call to the queue, where it refuses all.
        lost: The share of looks after which the slice is lost.
        lose: The state in which the first slice is lost.
        hang_at: The call that never comes back: the test stops the job in it.
        host: A folder that plays the host: what is sent to the slice runs there.
        seed: Draws what is left open.
    """

    state: str | None = None
    runs: tuple[str, ...] = ("finished",)
    install: tuple[int, ...] = ()
    flaky: float = 0
    silent: tuple[int, ...] = ()
    refused: str = ""
    lost: float = 0
    lose: str = ""
    hang_at: int = 0
    host: pathlib.Path | None = None
    seed: int = 0

    def __post_init__(self):
        self.calls: list[list[str]] = []
        self.created = 0
        self.deleted: list[tuple[str, bool]] = []  # the state, and whether the run had finished
        self.ran: list[str] = []
        self.installed = 0
        self.hangs = threading.Event()
        self.broken_off = threading.Event()  # the call that hung, from the other side
        self._queue_calls = 0
        self._draw = random.Random(self.seed)

    @property
    def finished(self) -> bool:
        return self.ran[-1:] == ["finished"]

    def answer(self, arguments: list[str]) -> tuple[int, str] | None:
        """The exit code of a call, and what it prints; ``None`` where the call hangs."""
        self.calls.append(arguments)
        hangs = len(self.calls) == self.hang_at
        code, words = 0, ""
        if not (hangs and self._draw.random() < 0.5):  # it may have taken effect
            try:
                words = self._call(arguments)
            except _FailedError as failed:
                code, words = failed.code, str(failed)
        return None if hangs else (code, words)

    def _call(self, arguments: list[str]) -> str:
        if arguments[2] == "queued-resources":
            return self._queue(arguments[3])
        if self.state != "ACTIVE":
            raise _FailedError(1, "ERROR: (gcloud.compute.tpus.tpu-vm) the TPU is not READY")
        if arguments[3] == "ssh":
            self._ssh(arguments[arguments.index("--command") + 1])
        return ""

    def _queue(self, verb: str) -> str:
        self._queue_calls += 1
        if self.refused:
            raise _FailedError(1, self.refused)
        fails = self._queue_calls in self.silent or self._draw.random() < self.flaky
        if fails and (verb == "describe" or self._draw.random() < 0.5):
            if verb == "describe" and self._draw.random() < 0.25:
                return ""  # exit code 0, and not a word
            raise _FailedError(1, self._draw.choice(ERRORS))
        words = {"create": self._create, "delete": self._delete, "describe": self._describe}[verb]()
        if fails:
            raise _FailedError(1, self._draw.choice(ERRORS))
        return words

    def _create(self) -> str:
        if self.state is not None:
            raise _FailedError(1, "ERROR: (gcloud.compute.tpus) ALREADY_EXISTS: job")
        self.state = "ACCEPTED"
        self.created += 1
        return ""

    def _delete(self) -> str:
        if self.state is None:
            raise _FailedError(1, "ERROR: (gcloud.compute.tpus) NOT_FOUND: job")
        self.deleted.append((self.state, self.finished))
        self.state = self._draw.choice(["DELETING", None])
        return ""

    def _describe(self) -> str:
        state = self.state
        if state is None:
            raise _FailedError(
                1,
                "ERROR: (gcloud.compute.tpus.queued-resources.describe) NOT_FOUND: "
                "Resource 'projects/p/locations/z/queuedResources/job' was not found.",
            )
        lost = self._draw.random() < self.lost and state not in ("SUSPENDED", "FAILED")
        if lost or (state == self.lose and not self.created):
            self.state = "SUSPENDING" if state == "ACTIVE" else self._draw.choice(["FAILED", None])
        elif state in NEXT and self._draw.random() < 0.7:
            self.state = NEXT[state]
        return state

    def _ssh(self, command: str) -> None:
        if self.host:
            path = f"{self.host}/bin:{os.environ['PATH']}"
            environment = os.environ | {"HOME": str(self.host), "PATH": path}
            done = subprocess.run(["bash", "-c", command], cwd=self.host, env=environment)
            code = done.returncode
        elif ".venv/bin/t5x" in command:
            self.ran.append(self.runs[min(len(self.ran), len(self.runs) - 1)])
            self.state, code = RUNS[self.ran[-1]]
        else:
            code = dict(enumerate(self.install)).get(self.installed, 0)
            self.installed += 1
        if code:
            raise _FailedError(code)


class _Call(socketserver.StreamRequestHandler):
    timeout = 60

    def handle(self) -> None:
        sent = b""
        while not sent.endswith(f"\0{LAST}\0".encode()):
            sent += self.request.recv(65536)
        service = self.server.service
        answer = service.answer(sent.decode().split("\0")[:-2])
        if answer is None:
            service.hangs.set()
            if not self.request.recv(1):
                service.broken_off.set()
            return
        code, words = answer
        self.wfile.write(f"{code}\n{words}\n".encode())


class Cloud(socketserver.ThreadingTCPServer):
    """Where `gcloud` finds the service of the moment."""

    daemon_threads = True
    service: Service


# Tests that were started in the background ignore signals, and a shell that ignores one from its
# start cannot trap it.
HEED_SIGNALS = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def play(tmp_path):
    """Starts a job against a service; ends it with a signal once a call hangs."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "gcloud").write_text(GCLOUD)
    (commands / "gcloud").chmod(0o755)
    with Cloud(("127.0.0.1", 0), _Call) as cloud:
        threading.Thread(target=cloud.serve_forever, args=(0.01,), daemon=True).start()

        def start(command, stop=signal.SIGINT, **settings):
            cloud.service = Service(**settings)
            job = subprocess.Popen(
                [sys.executable, "-S", "-c", HEED_SIGNALS, *command],
                env=os.environ
                | {
                    "PATH": f"{commands}:{os.environ['PATH']}",
                    "GCLOUD_PORT": str(cloud.server_address[1]),
                    "TPU_JOB_POLL": "0",
                    "XDG_STATE_HOME": os.environ.get("XDG_STATE_HOME", str(tmp_path / "state")),
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            while cloud.service.hang_at and job.poll() is None:
                if cloud.service.hangs.wait(0.02):
                    job.send_signal(stop)
                    break
            try:
                stdout, stderr = job.communicate(timeout=60)
            finally:
                job.kill()
            return job.returncode, stdout, stderr, cloud.service

        yield start
        cloud.shutdown()

"""What becomes of a batch or a file as a whole: states, and faults with classes of their own.

A fault of one request is told by ``faults``; what is here concerns all requests of a batch, none of
which was answered or paid: they are kept, and sent again when and as the service takes them.
"""

import dataclasses
import re
import time
from typing import Any

from generation.teachers.services import faults
from generation.teachers.services.faults import Fault

# What to do beside ``faults.RETRY`` and ``faults.STOP``.
WAIT, SMALLER = "wait", "smaller"
COMPLETED, FAILED, EXPIRED, CANCELLED = "completed", "failed", "expired", "cancelled"

_STATES = {
    COMPLETED: {"completed", "complete", "succeeded", "success", "done", "ended", "finished"},
    FAILED: {"failed", "error", "errored", "invalid", "rejected"},
    EXPIRED: {"expired", "timeout_exceeded", "timed_out"},
    CANCELLED: {"cancelled", "canceled"},
}
_QUEUE = re.compile(
    r"token_limit_exceeded|enqueued|queue (?:is )?full|too many (?:\w+ )?batches"
    r"|(?:batch|job)\w* (?:already )?in progress",
    re.IGNORECASE,
)
_TOO_LARGE = re.compile(
    r"too (?:many|large)|exceed|maximum|max_|at most|size limit|file size", re.IGNORECASE
)
# A queue that has no room for one request, asked so often, is not ours to wait for.
PATIENCE = 12
LONGEST_WAIT = 600.0
DONE_TO_GROW = 4


@dataclasses.dataclass(frozen=True)
class State:
    """A batch as the service tells of it.

    Attributes:
        id: The service's name of it.
        name: Ours, from the metadata, where the service keeps them; else empty.
        input: Id of the file of requests.
        status: One of ``COMPLETED``, ``FAILED``, ``EXPIRED``, ``CANCELLED``; empty while it works.
        files: Ids of the files of answers and of errors.
        errors: Codes and words about the batch as a whole.
    """

    id: str
    name: str = ""
    input: str = ""
    status: str = ""
    files: tuple[str, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()


def read_state(row: Any) -> State:
    """Reads a batch object of whatever completeness.

    Raises:
        BrokenAnswerError: It is none.
    """
    if not isinstance(row, dict) or not isinstance(row.get("status"), str):
        raise faults.BrokenAnswerError("the body is no batch")
    metadata = row.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    word = row["status"].lower()
    status = next((state for state, words in _STATES.items() if word in words), "")
    files = [row.get("output_file_id"), row.get("error_file_id")]
    errors = row.get("errors")
    errors = errors.get("data") if isinstance(errors, dict) else errors
    return State(
        str(row.get("id") or ""),
        str(name or ""),
        str(row.get("input_file_id") or ""),
        status,
        tuple(file for file in files if isinstance(file, str) and file),
        tuple(
            (str(error.get("code") or ""), str(error.get("message") or ""))
            if isinstance(error, dict)
            else ("", str(error))
            for error in (errors if isinstance(errors, list) else [])
        ),
    )


def refined(fault: Fault) -> Fault:
    """Gives a fault of an upload, or of making a batch, its class as a fault of the whole."""
    if fault.name in ("quota", "wrong_key"):
        return fault
    if _QUEUE.search(fault.detail):
        return Fault("queue_full", fault.detail, WAIT)
    if fault.name in ("bad_request", "too_long") and _TOO_LARGE.search(fault.detail):
        return Fault("batch_too_large", fault.detail, SMALLER)
    return fault


def of_failed(state: State, secret: str) -> Fault:
    """Classifies a batch that failed as a whole.

    Args:
        state: The batch.
        secret: The API key, which is cut out of all words.
    """
    for code, message in state.errors:
        error = {"code": code, "message": f"{code} {message}".strip()}
        # Nothing passes by itself here: the service has looked at what was sent.
        status = faults.status_in(error)
        status = 400 if status >= 500 else status
        fault = refined(faults.from_status(status, error, {}, secret))
        fault = dataclasses.replace(fault, detail=fault.detail.removeprefix(f"HTTP {status} "))
        if fault.action in (WAIT, SMALLER, faults.STOP):
            return fault
    words = "; ".join(message or code for code, message in state.errors[:3])
    return Fault("batch_failed", " ".join(words.split())[:200], faults.RETRY)


class Queue:
    """How many requests the service's queue takes of us, and how many a batch may hold.

    A refusal tells what the queue takes: what we had in it then, or, where that was nothing, less
    than the batch. Each few batches that are done let the guess grow by a quarter.

    Args:
        most: Requests in a batch.
        pause: Seconds until the first new try at a queue that others fill; each further one waits
            twice as long.
    """

    def __init__(self, most: int, pause: float) -> None:
        self.most = most
        self.pause = pause
        self.room: int | None = None
        self._refusals = 0
        self._done = 0
        self._open_at = 0.0

    def size(self, held: int) -> int:
        """Returns how many requests a batch may hold now, 0 for none.

        Args:
            held: Requests that we have in the queue.
        """
        if time.monotonic() < self._open_at:
            return 0
        return self.most if self.room is None else max(0, min(self.most, self.room - held))

    def full(self, size: int, held: int) -> bool:
        """Counts a batch of ``size`` requests that found the queue full.

        Returns:
            Whether there is sense in trying again.
        """
        told = held or max(1, size // 2)
        self.room = told if self.room is None else min(self.room, told)
        self._done = 0
        if held:
            return True  # when one of ours has ended
        self._refusals += 1
        wait = max(self.pause, 0.05) * 2 ** min(self._refusals - 1, 20)
        self._open_at = time.monotonic() + min(LONGEST_WAIT, wait)
        return size > 1 or self._refusals < PATIENCE

    def too_large(self, size: int) -> bool:
        """Counts a batch that is too large at any time; False where it cannot be smaller."""
        self.most = max(1, size // 2)
        return size > 1

    def done(self) -> None:
        """Counts a batch that was worked on."""
        self._done += 1
        if self.room is not None and self._done % DONE_TO_GROW == 0:
            self.room += max(1, self.room // 4)
        self._refusals, self._open_at = 0, 0.0

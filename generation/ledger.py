"""The ledger: an append-only record of what became of each request.

It survives being killed at any moment.

A run has one ledger per shard, in the run's folder (``run_folder``). A row is written with one
system call, so a killed process loses no row that it was paid for; a machine that loses power loses
at most the rows of the last ``SYNC_SECONDS``. A line that was cut off in the middle is not a row:
reading skips it, and the next writer removes it.
"""

import collections
import contextlib
import datetime
import errno
import hashlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from fsa_jax.runtime import files
from generation.records import FAILED, FILTERED, OK, LedgerRow, Review

SYNC_SECONDS = 5.0


def request_key(review_id: str, messages: list[dict[str, str]], identity: str) -> str:
    """Returns the key of a request: sha256 over all that decides its answer.

    Args:
        review_id: Of the review.
        messages: The rendered chat messages.
        identity: Canonical text of prompt version, model, revision, sampling parameters and backend
            (see ``teachers.base.identity``).
    """
    parts = [identity, review_id]
    for message in messages:
        parts += message["role"], message["content"]
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        # The length keeps parts apart, whatever they hold.
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def shard_of(review_id: str, shards: int) -> int:
    """Returns the shard that a review belongs to, the same on every machine."""
    if shards == 1:
        return 0
    return (
        int.from_bytes(hashlib.sha256(b"shard:" + review_id.encode()).digest()[:8], "big") % shards
    )


def rows(path: Path, bad: collections.Counter[str] | None = None) -> Iterator[LedgerRow]:
    """Yields a ledger's rows in the order of writing.

    A key may come again, and its last row counts.

    Args:
        path: The ledger.
        bad: If given, lines that are no rows are counted in it, as ``torn`` (the last line, cut
            off) or ``broken``. Without it a broken line raises; a torn last line is skipped
            silently in both cases.

    Raises:
        ValueError: A line other than a torn last one is no row; the message names file and line.
    """
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.endswith(b"\n"):
                if bad is not None:
                    bad["torn"] += 1
                return
            try:
                yield LedgerRow.from_json(files.parse_object(line))
            except ValueError as error:
                if bad is None:
                    raise ValueError(f"{path}, line {number}: {error}") from None
                bad["broken"] += 1


def statuses(path: Path) -> dict[bytes, str]:
    """Returns the status of each key in a ledger; the last row of a key counts.

    Keys are the sha256's bytes. A million rows take some seconds and 250 MB.
    """
    found: dict[bytes, str] = {}
    if path.exists():
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.endswith(b"\n"):
                    key, status = _scan(line) or _key_and_status(path, number, line)
                    found[key] = status
    return found


def filtered_rows(path: Path, done: dict[bytes, str]) -> Iterator[LedgerRow]:
    """Yields the rows that stand as filtered, without parsing the others.

    Args:
        path: The ledger.
        done: Its statuses.
    """
    if FILTERED not in done.values():
        return
    found: dict[str, LedgerRow] = {}
    with path.open("rb") as stream:
        for line in stream:
            if line.endswith(b"\n") and (_scan(line) or (b"", FILTERED))[1] == FILTERED:
                row = LedgerRow.from_json(files.parse_object(line))
                if done.get(bytes.fromhex(row.key)) == FILTERED:
                    found[row.key] = row
    yield from found.values()


_INTERNED = {OK: OK, FAILED: FAILED, FILTERED: FILTERED}
_START = re.compile(rb'\{"key": "([0-9a-f]{64})", ')
_STATUS, _END = b'"status": "', b'"}\n'
_SCANNED = {status.encode(): status for status in _INTERNED}


def _scan(line: bytes) -> tuple[bytes, str] | None:
    """Returns key and status of a line that has the form in which rows are written, or None.

    This is ten times faster than parsing. Texts cannot deceive it: within a JSON string every
    quotation mark has a backslash in front, so ``"status": "`` stands only where it is a field.
    """
    start = _START.match(line)
    place = line.rfind(_STATUS)
    if not start or place < 0 or not line.endswith(_END):
        return None
    place += len(_STATUS)
    status = _SCANNED.get(line[place : line.find(b'"', place)])
    return (bytes.fromhex(start[1].decode()), status) if status else None


def _key_and_status(path: Path, number: int, line: bytes) -> tuple[bytes, str]:
    try:
        row = files.parse_object(line)
        return bytes.fromhex(row["key"]), _INTERNED[row["status"]]
    except (ValueError, KeyError, TypeError) as error:
        words = error if isinstance(error, ValueError) else "it is not a ledger row"
        raise ValueError(f"{path}, line {number}: {words}; remove that line to go on") from None


class Ledger:
    """One shard's ledger, open for appending by this process alone.

    Use as a context manager. Opening takes the shard's lock file, which the kernel gives back when
    the process dies, and removes a torn last line.

    Args:
        path: The file; made where missing.

    Raises:
        ValueError: Another process writes to this shard.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = contextlib.ExitStack()
        self._file = -1
        self._size = 0
        self._synced = 0.0

    def __enter__(self) -> "Ledger":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(f"{self.path}.lock", blocking=False)
        try:
            self._stack.enter_context(lock)
        except filelock.Timeout:
            raise ValueError(
                f"{self.path} is being written by another process; wait for it, or take another "
                "--shard"
            ) from None
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        self._stack.callback(os.close, self._file)
        self._size = _end_of_last_line(self._file)
        os.ftruncate(self._file, self._size)
        os.lseek(self._file, self._size, os.SEEK_SET)
        self._synced = time.monotonic()
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            os.fsync(self._file)
        self._stack.close()

    def append(self, row: LedgerRow) -> None:
        """Writes one row so that it outlives this process.

        Raises:
            OSError: The row could not be written, as on a full disk; what was written of it is
                taken back.
        """
        line = row.to_json().encode("utf-8", "replace") + b"\n"
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError as error:
            os.ftruncate(self._file, self._size)
            os.lseek(self._file, self._size, os.SEEK_SET)
            advice = (
                "free some space and run the same command again"
                if error.errno == errno.ENOSPC
                else "nothing is lost"
            )
            raise OSError(f"{self.path}: cannot write ({error.strerror}); {advice}") from None
        self._size += len(line)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            os.fsync(self._file)
            self._synced = time.monotonic()


def _end_of_last_line(file: int) -> int:
    """Returns the offset behind the last line end of an open file."""
    end = os.lseek(file, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 65536)
        block = os.pread(file, end - start, start)
        if (found := block.rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0


def new_row(
    key: str, review: Review, prompt: str, teacher: str, model: str, revision: str, **rest: Any
) -> LedgerRow:
    """Builds a row about ``review``, dated now.

    ``rest`` are the fields that tell what became of the request.
    """
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return LedgerRow(
        key=key,
        review_id=review.review_id,
        domain=review.domain,
        rating=review.rating,
        review=review.text,
        prompt=prompt,
        teacher=teacher,
        model=model,
        revision=revision,
        created=created,
        **rest,
    )

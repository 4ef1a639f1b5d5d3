"""Token tables on disk: a folder of plain arrays, which the process maps into its memory.

    <name>-<key>/table.json      what decided the tokens (``table_key``), sizes, fingerprint
                 inputs.tokens   token ids, example after example: uint16 where they fit, or int32
                 inputs.offsets  (examples + 1) int64, where each example begins
                 targets.…       likewise

A table is written under a hidden name, which becomes its own when the last byte is on the disk. One
process builds it, holding a lock that the kernel takes back should the process die; the others wait
and then read. Of a table that is found, all but the tokens themselves is checked. The header's time
of change is that of the last use, by which ``fsa cache clean`` tells what nobody needs any more.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from absl import logging

from fsa_jax.data.token_table import FEATURES, Chunk, TokenTable
from fsa_jax.runtime import files

HEADER = "table.json"
_BLOCK = 1 << 22  # bytes
_ARRAYS = tuple(f"{f}.{part}" for f in FEATURES for part in ("tokens", "offsets"))


class CannotKeepError(Exception):
    """The folder of the tables cannot be written; the message says why, in one line."""


def folder_of(root: Path, name: str, facts: Mapping[str, Any]) -> Path:
    """Returns the folder of the table of a task or mixture with these facts."""
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    return root / f"{re.sub(r'[^A-Za-z0-9_.]+', '_', name)[:100]}-{key}"


def open_table(folder: Path, facts: Mapping[str, Any]) -> TokenTable | None:
    """Maps a table into memory; None where there is none that is whole and of these facts."""
    try:
        header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        if header["facts"] != facts:
            raise ValueError("the table of something else")
        arrays = {name: _mapped(folder / name, *header["arrays"][name]) for name in _ARRAYS}
        offsets = {f: arrays[f"{f}.offsets"] for f in FEATURES}
        tokens = {f: arrays[f"{f}.tokens"] for f in FEATURES}
        if header["offsets_checksum"] != _checksum_of(offsets):
            raise ValueError("damaged offsets")
        components = tuple((name, int(count), 1.0) for name, count in header["components"])
        with contextlib.suppress(OSError):  # a table of somebody else
            os.utime(folder / HEADER)
        return TokenTable(tokens, offsets, components, int(header["fingerprint"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logging.warning("%s is no whole table of tokens (%s)", folder, error)
        return None


@dataclasses.dataclass(frozen=True)
class Kept:
    """A table on disk, or what a builder that died has left of one.

    Attributes:
        folder: Its folder.
        bytes: What it takes.
        used: When it was used last, in seconds since 1970.
    """

    folder: Path
    bytes: int
    used: float

    @property
    def unused_days(self) -> float:
        """Days since its last use."""
        return (time.time() - self.used) / 86400


def kept(root: Path) -> list[Kept]:
    """Lists the tables below a folder, the one that was used last first; nothing else is listed."""
    found = []
    for folder in root.iterdir() if root.is_dir() else ():
        header = folder / HEADER
        is_left = folder.name.startswith(".") and folder.name.endswith(".partial")
        if folder.is_dir() and (header.is_file() or is_left):
            size = sum(file.stat().st_size for file in folder.iterdir())
            used = (header if header.is_file() else folder).stat().st_mtime
            found.append(Kept(folder, size, used))
    return sorted(found, key=lambda table: -table.used)


def remove(table: Kept) -> None:
    """Removes a table; who has mapped it keeps its tokens, and who needs it makes it again."""
    shutil.rmtree(table.folder)
    (table.folder.parent / f".{table.folder.name}.lock").unlink(missing_ok=True)


def _mapped(path: Path, kind: str, count: int) -> np.ndarray:
    dtype = np.dtype(kind)
    if path.stat().st_size != count * dtype.itemsize:
        raise ValueError(f"{path.name} has not {count} numbers")
    if not count:  # nothing to map
        return np.zeros(0, dtype)
    return np.asarray(np.memmap(path, dtype, mode="r", shape=(count,)))


def _checksum_of(arrays: Mapping[str, np.ndarray]) -> int:
    crc = 0
    for f in FEATURES:
        crc = zlib.crc32(arrays[f].data, crc)
    return crc


@contextlib.contextmanager
def only_builder(folder: Path, waits: Callable[[], object]) -> Iterator[None]:
    """Holds the lock of a table; what builders that died have left of it goes away.

    Args:
        folder: The folder of the table.
        waits: Called where another process holds the lock.

    Raises:
        CannotKeepError: No lock can be had there.
    """
    with _in_words(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder.parent / f".{folder.name}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with _in_words(folder.parent):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waits()
                fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.parent.glob(f".{folder.name}.*.partial"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(lock)


def write_table(
    folder: Path,
    facts: Mapping[str, Any],
    names: Sequence[str],
    chunks: Iterable[tuple[int, Chunk]],
) -> TokenTable:
    """Writes a table and maps it into memory; hold its lock.

    Args:
        folder: Its folder.
        facts: What decides the tokens.
        names: The tasks.
        chunks: (Which task, its next examples), task after task.

    Raises:
        CannotKeepError: It cannot be written.
    """
    with contextlib.ExitStack() as stack:
        with _in_words(folder.parent):
            work = stack.enter_context(files.atomic_folder(folder.parent, folder.name))
            writers = {f: stack.enter_context(_Tokens(work / f"{f}.tokens")) for f in FEATURES}
        sizes: dict[str, list[np.ndarray]] = {f: [np.zeros(1, np.int64)] for f in FEATURES}
        counts = [0] * len(names)
        for task, chunk in chunks:
            with _in_words(folder.parent):
                for f, (ids, lengths) in chunk.items():
                    writers[f].write(ids)
                    sizes[f].append(lengths)
            counts[task] += len(chunk[FEATURES[0]][1])
        with _in_words(folder.parent):
            offsets = {f: np.cumsum(np.concatenate(sizes[f])) for f in FEATURES}
            arrays: dict[str, tuple[str, int]] = {}
            for f in FEATURES:
                arrays[f"{f}.tokens"] = (writers[f].dtype.name, writers[f].close())
                with (work / f"{f}.offsets").open("wb") as stream:
                    stream.write(offsets[f].data)
                    _flush(stream)
                arrays[f"{f}.offsets"] = ("int64", len(offsets[f]))
            header = {
                "facts": facts,
                "components": list(zip(names, counts, strict=True)),
                "arrays": arrays,
                "offsets_checksum": _checksum_of(offsets),
                "fingerprint": _fingerprint(work),
            }
            files.write_json(work / HEADER, header)
            files.replace_folder(work, folder)
    table = open_table(folder, facts)
    if table is None:
        raise CannotKeepError(f"{folder} cannot be read again")
    return table


class _Tokens:
    """A growing file of token ids, which turns to int32 at the first that uint16 cannot hold."""

    def __init__(self, path: Path):
        self._path, self._stream = path, path.open("wb")
        self.dtype: np.dtype[Any] = np.dtype(np.uint16)

    def write(self, ids: np.ndarray) -> None:
        if ids.dtype != np.uint16 and self.dtype == np.uint16:
            self._widen()
        self._stream.write(np.ascontiguousarray(ids, self.dtype).data)

    def close(self) -> int:
        """Ends the file, and returns how many ids it holds."""
        _flush(self._stream)
        self._stream.close()
        return self._path.stat().st_size // self.dtype.itemsize

    def _widen(self) -> None:
        self._stream.close()
        narrow = self._path.rename(self._path.with_suffix(".narrow"))
        self.dtype, self._stream = np.dtype(np.int32), self._path.open("wb")
        for block in _blocks(narrow):
            self._stream.write(np.frombuffer(block, np.uint16).astype(np.int32).data)
        narrow.unlink()

    def __enter__(self) -> "_Tokens":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def _fingerprint(folder: Path) -> int:
    """``TokenTable.fingerprint`` of the arrays in a folder."""
    crc = 0
    for name in _ARRAYS:
        for block in _blocks(folder / name):
            crc = zlib.crc32(block, crc)
    return crc & 0x7FFFFFFF


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def _flush(stream: IO[bytes]) -> None:
    stream.flush()
    os.fsync(stream.fileno())


@contextlib.contextmanager
def _in_words(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotKeepError(f"{folder}: {error.strerror or error}") from error

"""Reading JSON lines with errors that name the place, and writing files whole or not at all.

A file is written under a hidden name beside its own, which it gets when it is finished: nobody
meets a half-written one, whatever happens. Files of a bucket (``gs://…``) are written likewise
where ``etils`` is installed, as JAX has it.
"""

import contextlib
import difflib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from fsa_jax.runtime import packed

_BOM = b"\xef\xbb\xbf"
_HEAD = 1 << 16  # bytes of a file that its fingerprint reads


def require_file(path: Path) -> Path:
    """Returns ``path``, or raises FileNotFoundError in words."""
    if path.is_dir():
        raise FileNotFoundError(f"{path} is a folder; name a file in it")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the path")
    return path


def shown(value: Any) -> str:
    """Returns a value as errors show it: on one line, and cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def sized(count: int) -> str:
    """Returns a number of bytes as people read it: 312 B, 4.2 MiB."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def near(name: str, wanted: Iterable[str]) -> str:
    """Returns ``; did you mean …?`` with the names that come near, or nothing."""
    found = difflib.get_close_matches(name, [str(x) for x in wanted], n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raises FileExistsError where ``path`` would be replaced without the user's word."""
    if path.is_dir():
        raise FileExistsError(f"{path} is a folder; name a file as --output")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; name another --output, or pass --overwrite")


def parse_object(line: bytes) -> dict[str, Any]:
    """Parses one line as a JSON object.

    Raises:
        ValueError: It is not UTF-8, not JSON, or not an object.
    """
    try:
        row = json.loads(line)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}; save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not JSON ({error.msg} at column {error.colno}); the line may be cut off"
        ) from None
    except RecursionError:
        raise ValueError("not usable JSON (nested too deeply)") from None
    if not isinstance(row, dict):
        raise ValueError(f"a JSON {type(row).__name__} where an object was expected")
    return row


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yields (line number from 1, line) for the lines that are not blank.

    A byte-order mark is dropped, and what is packed is unpacked on the way.

    Lines end at the newline character only: reviews hold other characters that
    ``str.splitlines`` would split at.

    Raises:
        FileNotFoundError: There is no such file.
        packed.UnusableFileError: It is damaged, or no text.
    """
    require_file(path)
    with packed.opened(path) as stream:
        for number, line in enumerate(stream, 1):
            if number == 1:
                line = line.removeprefix(_BOM)
            if line.strip():
                yield number, line


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields (line number from 1, object) for every line that is not blank.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is not a JSON object; the message names file and line.
    """
    for number, line in numbered_lines(path):
        try:
            yield number, parse_object(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None


@contextlib.contextmanager
def _full_disk_in_words(path: Path) -> Iterator[None]:
    """Says where a disk is full, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise OSError(
            f"{path}: no space left on the disk; free some and run the same command again "
            "(nothing was half-written)"
        ) from None


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Opens a hidden neighbour of ``path`` for writing bytes.

    At the end it takes the name ``path``; if the writing fails, it goes away.

    Args:
        path: A local path, or one of a bucket. Folders above it are made.
    """
    name = os.fspath(path)
    opened = _in_bucket(name) if "://" in name else _on_disk(Path(name))
    with opened as stream:
        yield stream


@contextlib.contextmanager
def _on_disk(path: Path) -> Iterator[IO[bytes]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with _full_disk_in_words(path), os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


@contextlib.contextmanager
def _in_bucket(name: str) -> Iterator[IO[bytes]]:
    from etils import epath

    path = epath.Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("wb") as stream:
            yield stream
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes ``text`` as UTF-8, atomically; see ``atomic_file``."""
    with atomic_file(path) as stream:
        stream.write(text.encode())


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes ``value`` as indented JSON, atomically; see ``atomic_file``."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def atomic_folder(parent: Path, name: str = "work") -> Iterator[Path]:
    """Makes a hidden working folder inside ``parent``; what is left of it goes away at the end."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".partial", dir=parent))
    os.chmod(folder, 0o777 & ~_umask())
    try:
        with _full_disk_in_words(parent):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_folder(source: Path, destination: Path) -> None:
    """Moves ``source`` to ``destination``, which must be on the same file system.

    An older folder there goes away.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    if not destination.exists():
        os.rename(source, destination)
        return
    old = Path(
        tempfile.mkdtemp(prefix=f".{destination.name}.", suffix=".old", dir=destination.parent)
    )
    os.rename(destination, old / "old")
    os.rename(source, destination)
    shutil.rmtree(old)


def sha256(path: Path) -> str:
    """Returns the sha256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(paths: Iterable[Path]) -> str:
    """Returns what tells changed files: a hash of their names, sizes, times and beginnings."""
    found = hashlib.sha256()
    for path in paths:
        stat = path.stat()
        with path.open("rb") as stream:
            head = hashlib.sha256(stream.read(_HEAD)).hexdigest()
        found.update(f"{path.name}\0{stat.st_size} {stat.st_mtime_ns} {head}\0".encode())
    return found.hexdigest()


def _umask() -> int:
    # mkstemp makes files for the owner alone; the finished file should be like any other that the
    # user makes.
    mask = os.umask(0)
    os.umask(mask)
    return mask

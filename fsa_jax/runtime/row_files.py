"""Files of rows: JSON lines, written whole or appended to, and read where a kill has torn them.

Paths are those of ``etils.epath``, so that buckets do as well as disks.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from etils import epath

from fsa_jax.runtime import files

Row = dict[str, Any]


class JsonLines:
    """Appends rows to a file of JSON lines, each flushed whole.

    Args:
        path: The file; a last line without its end, as a kill leaves it, is taken off.
    """

    def __init__(self, path: epath.Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            content = path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                files.write_text(path, whole.decode("utf-8"))
        self._file = path.open("a")

    def write(self, row: Mapping[str, Any]) -> None:
        """Appends one row."""
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def write_jsonl(path: epath.Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows as JSON lines; the file is whole or absent.

    Args:
        path: Where; folders are made.
        rows: JSON-able but for bytes and arrays, which become texts and lists.
    """
    lines = (json.dumps(row, ensure_ascii=False, default=_plain) + "\n" for row in rows)
    files.write_text(path, "".join(lines))


def _plain(value: Any) -> Any:
    """Bytes and arrays as JSON values."""
    return value.decode() if isinstance(value, bytes) else value.tolist()


def read_object(path: epath.Path) -> Row:
    """Returns the object of a JSON file; an empty one where there is no file.

    Raises:
        ValueError: The file is torn, or holds something else.
    """
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is no JSON (is it cut off?): {error}; remove it") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no JSON object: another program's file?")
    return found


def read_rows(path: epath.Path, needed: str) -> Iterator[Row]:
    """Yields the rows of a file of JSON lines; a last line that a kill has torn is passed over.

    Args:
        path: The file; where there is none, there are no rows.
        needed: A field that every row has.

    Raises:
        ValueError: A line other than the last is no such row.
    """
    lines = path.read_text().split("\n") if path.exists() else []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            row[needed]
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):  # without its newline
                return
            raise ValueError(f"{path}:{number}: no row with {needed!r}: {line[:60]!r}") from error
        yield row

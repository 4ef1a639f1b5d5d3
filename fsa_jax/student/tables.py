"""Texts come in as lines or as a column of a table, answers go out in the same order.

Read are plain text (a text a line), csv, tsv, JSON lines and Parquet, row by row, so that memory
does not grow with the file. All rows are looked at before the first answer is asked for: a row that
cannot be read, or has no text where one belongs, is told then.

Written are JSON lines, csv, tsv or Parquet. Answers are kept as they come, in a *part* beside the
output, a whole chunk at a time. A run that was killed goes on behind its last whole chunk and ends
with the same file; what the part was made of is written down, and a part of something else is begun
anew.
"""

import contextlib
import csv
import dataclasses
import hashlib
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow
import pyarrow.parquet

from fsa_jax.opinions.readers import delimited
from fsa_jax.runtime import files

Row = dict[str, Any]
FORMATS = ("text", "csv", "tsv", "jsonl", "parquet")
_SEPARATORS = {"csv": ",", "tsv": "\t"}
_ENDINGS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".json": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "text",
}
_TEXT_COLUMN = "text"
_PARQUET_ROWS = 1024
CHUNK = 1024


def format_of(name: str, told: str | None = None) -> str:
    """Returns the format that a file's name tells, unless one is told; a text file by default.

    Raises:
        ValueError: The format is not known.
    """
    if told is not None and told not in FORMATS:
        raise ValueError(f"--format {told}: it is one of {', '.join(FORMATS)}")
    return told or _ENDINGS.get(Path(name).suffix.lower(), "text")


@dataclasses.dataclass(frozen=True)
class Texts:
    """The texts of a file.

    Attributes:
        path: The file.
        name: What people call it.
        format: One of ``FORMATS``.
        column: The table's column that holds the texts; of a text file ``text``.
        count: Rows.
        given: A further column that has to be there; empty for none.
    """

    path: Path
    name: str
    format: str
    column: str
    count: int = 0
    given: str = ""

    def rows(self) -> Iterator[Row]:
        """Yields the rows, each with all its columns; of a text file also its ``line``, from 1.

        Raises:
            ValueError: A row cannot be read; the message names file and line.
        """
        for number, row in _READERS[self.format](self.path, self.name):
            for column in filter(None, (self.column, self.given)):
                value = row.get(column)
                if value is None and column == self.column:
                    row[column] = ""
                elif not isinstance(value, str):
                    raise ValueError(
                        f"{self.name}, {number}: {column} is {files.shown(value)}, a text is "
                        "expected"
                    )
            yield row

    def fingerprint(self) -> str:
        """Hash of the file's content."""
        return files.sha256(self.path)


@contextlib.contextmanager
def opened(
    inputs: str, column: str | None = None, form: str | None = None, given: str | None = None
) -> Iterator[Texts]:
    """Opens a file of texts, and looks at all its rows.

    Args:
        inputs: The file; ``-`` for standard input, which is kept on disk meanwhile.
        column: The column that holds the texts; None for ``text``, or the only one there is.
        form: One of ``FORMATS``; None to go by the name.
        given: Of a second column that is needed.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not what its name says, has no such column, no rows, or a broken one.
    """
    with contextlib.ExitStack() as stack:
        if inputs == "-":
            kept = stack.enter_context(tempfile.NamedTemporaryFile(suffix=".txt"))
            while block := sys.stdin.buffer.read(1 << 20):
                kept.write(block)
            kept.flush()
            path, name = Path(kept.name), "standard input"
        else:
            path = files.require_file(Path(os.path.expanduser(inputs)).absolute())
            name = inputs
        kind = format_of(inputs, form)
        texts = Texts(path, name, kind, _TEXT_COLUMN)
        columns = _columns(texts)
        chosen = _choose(columns, column, name)
        if given is not None:
            _choose(columns, given, name)
        texts = dataclasses.replace(texts, column=chosen, given=given or "")
        count, filled = 0, False
        for row in texts.rows():
            count, filled = count + 1, filled or bool(row[chosen].strip())
        if not filled:
            raise ValueError(f"{name} holds no text" + _hint(kind, chosen))
        yield dataclasses.replace(texts, count=count)


def _hint(kind: str, column: str) -> str:
    return ": write one text a line" if kind == "text" else f" in its column {column!r}"


def _columns(texts: Texts) -> list[str]:
    """The columns of the first row; none where there is no row."""
    if texts.format == "parquet":
        return list(_parquet(texts.path, texts.name).schema_arrow.names)
    _, row = next(_READERS[texts.format](texts.path, texts.name), (0, {}))
    return list(row)


def _choose(columns: Sequence[str], wanted: str | None, name: str) -> str:
    """The column that is meant."""
    if not columns:
        raise ValueError(f"{name} holds no text: it has no rows")
    if wanted is None and _TEXT_COLUMN not in columns and len(columns) == 1:
        return columns[0]
    column = wanted or _TEXT_COLUMN
    if column not in columns:
        said = "" if wanted else " (the one that is read unless --column names another)"
        shown = ", ".join(map(repr, columns[:12]))
        raise ValueError(
            f"{name} has no column {column!r}{said}{files.near(column, columns)}; it has {shown}"
        )
    return column


# ---------------------------------------------------------------------- readers
# Each yields (the row's place in words, its columns).
_Rows = Iterator[tuple[str, Row]]


def _text_rows(path: Path, name: str) -> _Rows:
    # Lines end at newlines only, so that line n is the n-th of any editor: the other characters
    # that str.splitlines ends lines at occur within reviews.
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            text = _decoded(line, name, number)
            yield f"line {number}", {"line": number, _TEXT_COLUMN: text.strip()}


def _decoded(line: bytes, name: str, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{name}, line {number}: not UTF-8; save the file as UTF-8") from None


def _delimited_rows(separator: str) -> Callable[[Path, str], _Rows]:
    def read(path: Path, name: str) -> _Rows:
        with path.open("rb") as stream:
            lines = (_decoded(line, name, number) for number, line in enumerate(stream, 1))
            header = next(lines, "")
            columns = delimited.column_names(header, separator)
            if len(set(columns)) < len(columns):
                raise ValueError(f"{name}, line 1: a column's name stands there twice")
            # Whatever stands in a field: the texts of any table are taken.
            records = delimited.Records(lines, separator, len(columns), lambda fields: False)
            for number, fields in records.read():
                place = f"line {number + 1}"
                if isinstance(fields, str):
                    raise ValueError(f"{name}, {place}: {fields}")
                yield place, dict(zip(columns, fields, strict=True))

    return read


def _json_rows(path: Path, name: str) -> _Rows:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            text = _decoded(line, name, number)
            if not text.strip():
                continue
            try:
                yield f"line {number}", files.parse_object(text.encode())
            except ValueError as error:
                raise ValueError(f"{name}, line {number}: {error}") from None


def _parquet(path: Path, name: str) -> pyarrow.parquet.ParquetFile:
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise ValueError(f"{name} is no Parquet file: {error}") from None


def _parquet_rows(path: Path, name: str) -> _Rows:
    number = itertools.count(1)
    with _parquet(path, name) as table:
        for batch in table.iter_batches(_PARQUET_ROWS):
            for row in batch.to_pylist():
                yield f"row {next(number)}", row


_READERS: Mapping[str, Callable[[Path, str], _Rows]] = {
    "text": _text_rows,
    "csv": _delimited_rows(_SEPARATORS["csv"]),
    "tsv": _delimited_rows(_SEPARATORS["tsv"]),
    "jsonl": _json_rows,
    "parquet": _parquet_rows,
}


# ---------------------------------------------------------------------- answers


class Answers:
    """A file of answers that is written chunk by chunk, and goes on where it was left.

    Args:
        output: The file; its ending says the format.
        made_of: What decides the answers; a part of something else is begun anew.

    Attributes:
        path: The file, absolute.
        done: Rows that are there already.

    Raises:
        OSError: Nothing can be written there; the message says why.
    """

    def __init__(self, output: str, made_of: Mapping[str, Any]):
        self.path = place(output)
        self._format = format_of(self.path.name)
        if self._format == "text":
            self._format = "jsonl"
        self._part = self.path.with_name(f".{self.path.name}.part")
        self._about = self.path.with_name(f".{self.path.name}.part.json")
        key = hashlib.sha256(json.dumps(made_of, sort_keys=True, default=str).encode()).hexdigest()
        self.done = self._resume(key)

    def _resume(self, key: str) -> int:
        """Keeps the whole chunks of a part that was made of the same; returns their rows."""
        try:
            about = json.loads(self._about.read_text(encoding="utf-8"))
            same = about["key"] == key
            rows, size = int(about["rows"]), int(about["bytes"])
            same = same and self._part.stat().st_size >= size
        except (OSError, ValueError, KeyError, TypeError):
            same = False
        if not same:
            rows = size = 0
        with self._part.open("ab") as part:
            part.truncate(size)
        self._key, self._size = key, size
        self._note(rows)
        return rows

    def _note(self, rows: int) -> None:
        files.write_json(self._about, {"key": self._key, "rows": rows, "bytes": self._size})

    def write(self, rows: Sequence[Row]) -> None:
        """Keeps a chunk of answers."""
        lines = "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
        with self._part.open("ab") as part:
            self._size += part.write(lines.encode("utf-8", "surrogatepass"))
            part.flush()
            os.fsync(part.fileno())
        self.done += len(rows)
        self._note(self.done)

    def finish(self) -> None:
        """Makes the file of the part."""
        if self._format == "jsonl":
            os.replace(self._part, self.path)
        else:
            with files.atomic_file(self.path) as out:
                _WRITERS[self._format](self._rows, out)
            self._part.unlink()
        self._about.unlink()

    def _rows(self) -> Iterator[Row]:
        with self._part.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def place(output: str) -> Path:
    """Makes the folder of a file that will be written, so that no answers are lost for want of it.

    Raises:
        OSError: Nothing can be written there; the message says why.
    """
    path = Path(os.path.expanduser(output)).absolute()
    if path.is_dir():
        raise IsADirectoryError(f"--output {output} is a folder: name a file in it")
    trial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        trial.write_text("")
        trial.unlink()
    except OSError as error:
        raise type(error)(f"--output {output} cannot be written: {error.strerror}") from error
    return path


def _flat(row: Row) -> dict[str, str]:
    """A row for a table of texts: what is no text or number is JSON."""
    return {
        name: "" if value is None else value if isinstance(value, str) else _json(value)
        for name, value in row.items()
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _delimited_writer(separator: str) -> Callable[[Callable[[], Iterator[Row]], IO[bytes]], None]:
    def write(rows: Callable[[], Iterator[Row]], out: IO[bytes]) -> None:
        columns = list(dict.fromkeys(name for row in rows() for name in row))
        line = _Line()
        writer = csv.DictWriter(line, columns, delimiter=separator, lineterminator="\n")
        writer.writeheader()
        out.write(line.text.encode())
        for row in rows():
            writer.writerow(_flat(row))
            out.write(line.text.encode())

    return write


class _Line:
    """Where the csv writer puts a record."""

    text = ""

    def write(self, text: str) -> None:
        """Keeps it."""
        self.text = text


def _write_parquet(rows: Callable[[], Iterator[Row]], out: IO[bytes]) -> None:
    # The types of all rows: what is null or empty in one chunk is something in another.
    schema: pyarrow.Schema | None = None
    for chunk in _chunks(rows()):
        own = pyarrow.Table.from_pylist(chunk).schema
        known = [own] if schema is None else [schema, own]
        schema = pyarrow.unify_schemas(known, promote_options="permissive")
    with pyarrow.parquet.ParquetWriter(out, schema) as writer:
        for chunk in _chunks(rows()):
            writer.write_table(pyarrow.Table.from_pylist(chunk, schema=schema))


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(itertools.islice(rows, _PARQUET_ROWS)):
        yield chunk


_WRITERS: Mapping[str, Callable[[Callable[[], Iterator[Row]], IO[bytes]], None]] = {
    "csv": _delimited_writer(_SEPARATORS["csv"]),
    "tsv": _delimited_writer(_SEPARATORS["tsv"]),
    "parquet": _write_parquet,
}

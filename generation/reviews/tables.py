"""Reads csv, tsv and JSON lines as strictly as each can be read, and says where a row is none.

A row that is damaged does not take its neighbours with it; see ``delimited``.
"""

import codecs
import dataclasses
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fsa_jax.opinions.readers import delimited, encodings
from fsa_jax.runtime import files, packed

# How Python keeps a byte that the encoding does not have.
_ESCAPED = re.compile("[\udc80-\udcff]")


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """A line that is no row, and what is wrong with it."""

    line: int
    words: str


Rows = Iterator[tuple[int, dict[str, Any]] | Fault]


@dataclasses.dataclass(frozen=True)
class Layout:
    """What a table must have.

    Attributes:
        columns: Names that the header must hold.
        mark: A column of short values.
        is_mark: Tells whether a text is one of them; a line that reads as a row and holds one in
            its place is a row, not the inside of a quoted field.
        encoding: As the user told it, or None.
    """

    columns: tuple[str, ...]
    mark: str
    is_mark: Callable[[str], bool]
    encoding: str | None = None


def read(stream: io.BufferedReader, path: Path, layout: Layout, say: Callable[[str], None]) -> Rows:
    """Yields (line number, row) for each row, or a ``Fault``.

    Args:
        stream: The bytes, unpacked.
        path: Their file, for errors and, where the content leaves it open, for the form.
        layout: What is needed.
        say: Told in words how the file is read where that was guessed.

    Raises:
        ValueError: There is no such column, or the file is not what it seems.
    """
    head = stream.peek(2048)[:2048]
    encoding = _encoding(head, path, layout.encoding, say)
    plain = encoding in ("utf-8", "utf-8-sig")
    start = head.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    suffixes = {suffix.lower() for suffix in path.suffixes}
    if start.startswith("[") and re.match(r"\[\s*(?:\{|\[|$|\n)", start):
        raise packed.UnusableFileError(
            f"{path} is one JSON list; write one object a line (jq -c '.[]')"
        )
    if start.startswith("{") or suffixes & {".json", ".jsonl", ".ndjson"}:
        lines = iter(stream) if plain else _encoded(_lines(stream, encoding, path))
        yield from json_rows(lines)
        return
    yield from _csv_rows(_lines(stream, encoding, path), path, layout, suffixes, encoding)


def _encoding(head: bytes, path: Path, told: str | None, say: Callable[[str], None]) -> str:
    marked = encodings.marked(head)
    if marked is not None:
        if marked != "utf-8-sig" or told is not None:
            say(f"{path} is read as {marked.removesuffix('-sig')}, as its byte-order mark tells")
        return marked
    return codecs.lookup(told).name if told is not None else "utf-8"


def _lines(stream: io.BufferedReader, encoding: str, path: Path) -> Iterator[str]:
    """Yields the lines; bytes that the encoding does not have are kept as ``_ESCAPED``."""
    text = io.TextIOWrapper(stream, encoding, "surrogateescape", newline="")
    number = 0
    try:
        for number, line in enumerate(text, 1):  # noqa: B007
            yield line
    except UnicodeError as error:
        raise packed.UnusableFileError(
            f"{path} is not {encoding} behind line {number} ({getattr(error, 'reason', error)}); "
            "it may be cut off, or of another --encoding"
        ) from None


def _encoded(lines: Iterator[str]) -> Iterator[bytes]:
    # What the encoding does not have stays no UTF-8, so that its line becomes a bad one.
    return (line.encode("utf-8", "surrogateescape") for line in lines)


def json_rows(lines: Iterator[bytes]) -> Rows:
    """Yields (line number, object) for each line that is not blank, or a ``Fault``."""
    for number, line in enumerate(lines, 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line.strip():
            continue
        try:
            row = files.parse_object(line)
        except ValueError as error:
            yield Fault(number, str(error))
        else:
            yield number, row


def _csv_rows(
    lines: Iterator[str], path: Path, layout: Layout, suffixes: set[str], encoding: str
) -> Rows:
    before = 0
    header = ""
    for header in lines:
        before += 1
        if header.strip():
            break
    separator, names = _header(header, path, layout, suffixes)
    places = {name: names.index(name) for name in layout.columns}
    mark = places[layout.mark]
    records = delimited.Records(lines, separator, len(names), lambda row: layout.is_mark(row[mark]))
    for number, record in records.read():
        if isinstance(record, str):
            yield Fault(before + number, record)
            continue
        row = {name: record[place] for name, place in places.items()}
        if escaped := next(filter(None, map(_ESCAPED.search, row.values())), None):
            byte = ord(escaped[0]) - 0xDC00
            words = f"byte 0x{byte:02x} is not {encoding.removesuffix('-sig')}; save the file as "
            words += "UTF-8, or name its --encoding, such as cp1252"
            yield Fault(before + number, words)
        else:
            yield before + number, row


def _header(header: str, path: Path, layout: Layout, suffixes: set[str]) -> tuple[str, list[str]]:
    """Returns the separator and the names of the columns."""
    first = "\t" if suffixes & {".tsv", ".tab"} else ","
    found: list[list[str]] = []
    for separator in (first, *(each for each in delimited.SEPARATORS if each != first)):
        names = delimited.column_names(header, separator)
        found.append(names)
        if set(layout.columns) <= set(names):
            twice = [name for name in layout.columns if names.count(name) > 1]
            if twice:
                raise ValueError(f"{path}: two columns are named {twice[0]!r}; rename one")
            return separator, names
    names = max(found, key=len)
    missing = next(name for name in layout.columns if name not in names)
    shown = ", ".join(map(files.shown, names[:12])) + (", …" if len(names) > 12 else "")
    raise ValueError(f"{path}: no column {missing!r}; its first line has {shown}; set --columns")

"""Reads csv, tsv and JSON lines as strictly as each can be read, and says where a row is none.

A csv row that is damaged must not take its neighbours with it: a quotation mark that nobody closes
would swallow all rows up to the next one. So each row is read by itself, and where that fails, the
line that it begins on is the bad one and reading goes on with the line after it.
"""

import codecs
import collections
import csv
import dataclasses
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files, packed

# csv refuses fields longer than 128 KiB; reviews may be.
csv.field_size_limit(1 << 27)

# A quoted field of more lines than this is taken for an unclosed quotation mark.
_MOST_LINES = 1000
_SEPARATORS = (",", "\t", ";", "|")
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
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
        columns: names that the header must hold.
        mark: a column of short values.
        is_mark: tells whether a text is one of them; a line that reads as a row and holds one in
            its place is a row, not the inside of a quoted field.
        encoding: as the user told it, or None.
    """

    columns: tuple[str, ...]
    mark: str
    is_mark: Callable[[str], bool]
    encoding: str | None = None


def check_encoding(name: str) -> None:
    """Raises ValueError where Python has no text encoding of this name."""
    try:
        b"\0\0\0\0".decode(name)  # an empty text is decoded without a look at the name
    except (LookupError, UnicodeError):
        raise ValueError(
            f"--encoding is {name!r}, which is none; use utf-8, cp1252, latin-1, utf-16 or the like"
        ) from None


def read(stream: io.BufferedReader, path: Path, layout: Layout, say: Callable[[str], None]) -> Rows:
    """Yields (line number, row) for each row, or a ``Fault``.

    Args:
        stream: the bytes, unpacked.
        path: their file, for errors and, where the content leaves it open, for the form.
        layout: what is needed.
        say: told in words how the file is read where that was guessed.

    Raises:
        ValueError: there is no such column, or the file is not what it seems.
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
    for mark, name in _BOMS:
        if head.startswith(mark):
            if name != "utf-8-sig" or told is not None:
                say(f"{path} is read as {name.removesuffix('-sig')}, as its byte-order mark tells")
            return name
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
    records = _Records(lines, separator, len(names), lambda row: layout.is_mark(row[mark]))
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
    for separator in (first, *(each for each in _SEPARATORS if each != first)):
        fields = _parse([header.lstrip("\ufeff")], separator)
        names = [name.strip() for name in fields or header.strip().split(separator)]
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


def _parse(lines: Iterable[str], separator: str, strict: bool = True) -> list[str] | None:
    """Returns the fields of one csv record, or None where it is none."""
    try:
        reader = csv.reader(lines, delimiter=separator, strict=strict, skipinitialspace=True)
        return next(reader, None)
    except csv.Error:
        return None


class _Records:
    """Takes lines apart into records of one width.

    Args:
        lines: behind the header.
        separator: between fields.
        width: number of fields.
        marked: tells whether fields of the right number look like a row.
    """

    def __init__(
        self,
        lines: Iterator[str],
        separator: str,
        width: int,
        marked: Callable[[list[str]], bool],
    ) -> None:
        self.separator, self.width, self.marked = separator, width, marked
        self._waiting: collections.deque[str] = collections.deque()
        self._lines = lines

    def read(self) -> Iterator[tuple[int, list[str] | str]]:
        """Yields (number of its first line, fields), or (number, what is wrong)."""
        number = 1
        while (line := self._next()) is not None:
            if not line.strip(" \r\n"):
                number += 1
                continue
            record, taken = self._record(line)
            yield number, record
            number += taken

    def _next(self) -> str | None:
        return self._waiting.popleft() if self._waiting else next(self._lines, None)

    def _record(self, line: str) -> tuple[list[str] | str, int]:
        """Returns the record that a line begins, or what is wrong, and its number of lines."""
        plain = line.rstrip("\r\n").split(self.separator)
        if '"' not in line:
            return (plain if len(plain) == self.width else self._miscounted(plain)), 1
        taken = [line]
        fields = _parse(itertools.chain([line], self._following(taken)), self.separator)
        if fields is not None and len(fields) == self.width and not self._swallowed(taken):
            return fields, len(taken)
        self._waiting.extendleft(reversed(taken[1:]))
        if self.separator == "\t" and len(plain) == self.width:
            # Many programs write tab-separated text without quoting: the marks are the text's own.
            return plain, 1
        if fields is not None:
            return self._miscounted(fields), 1
        return "a quotation mark is not closed, or stands inside a quoted field", 1

    def _following(self, taken: list[str]) -> Iterator[str]:
        """Yields the lines that may go on a quoted field."""
        while len(taken) < _MOST_LINES and (line := self._next()) is not None:
            taken.append(line)
            yield line

    def _swallowed(self, taken: list[str]) -> bool:
        """Tells whether a record has taken whole rows into a field: most of its lines are such."""
        rest = [line for line in taken[1:] if line.strip()]
        if not rest:
            return False
        in_first = len(_parse(taken[:1], self.separator, strict=False) or ()) == 1
        if self.separator != "\t" or in_first:
            # It ends the quoted field, and may have as many columns as a row: the text has commas.
            rest.pop()
        return 2 * sum(map(self._is_row, rest)) > len(rest)

    def _is_row(self, line: str) -> bool:
        fields = _parse([line], self.separator)
        if fields is None and self.separator == "\t":
            fields = line.rstrip("\r\n").split("\t")
        return fields is not None and len(fields) == self.width and self.marked(fields)

    def _miscounted(self, fields: list[str]) -> str:
        return f"{len(fields)} columns where the header has {self.width}"

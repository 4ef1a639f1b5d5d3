"""Takes delimited text apart into records: csv, tab-separated text, semicolons or bars.

A record that is damaged must not take its neighbours with it: a quotation mark that nobody closes
would swallow all rows up to the next one. So each record is read by itself, and where that fails,
the line that it begins on is the bad one and reading goes on with the line after it.
"""

import collections
import csv
import itertools
from collections.abc import Callable, Iterable, Iterator

# csv refuses fields longer than 128 KiB; reviews may be.
csv.field_size_limit(1 << 27)

# A quoted field of more lines than this is taken for an unclosed quotation mark.
_MOST_LINES = 1000
SEPARATORS = (",", "\t", ";", "|")


def column_names(header: str, separator: str) -> list[str]:
    """Returns the names in a table's first line, as one separator divides it."""
    fields = _parse([header.lstrip("\ufeff")], separator)
    return [name.strip() for name in fields or header.strip().split(separator)]


def _parse(lines: Iterable[str], separator: str, strict: bool = True) -> list[str] | None:
    """Returns the fields of one csv record, or None where it is none."""
    try:
        reader = csv.reader(lines, delimiter=separator, strict=strict, skipinitialspace=True)
        return next(reader, None)
    except csv.Error:
        return None


class Records:
    """Takes lines apart into records of one width.

    Args:
        lines: Behind the header.
        separator: Between fields.
        width: Number of fields.
        marked: Tells whether fields of the right number look like a row.
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
        plain = [field.lstrip(" ") for field in line.rstrip("\r\n").split(self.separator)]
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

"""Tables with a header: SetFit's columns and InstructABSA's.

SetFit (csv, tsv or JSON lines): ``text, span, label (or polarity), ordinal``, one row an opinion;
the ordinal counts the places of the span in the text from 0. InstructABSA (csv): ``raw_text,
aspectTerms`` (a list of ``{'term', 'polarity'}``, ``noaspectterm`` for none) and maybe
``sentenceId, aspectCategories``.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

from fsa_jax.opinions.readers import delimited
from fsa_jax.opinions.readers.source import literal, name_of, parse_json
from fsa_jax.opinions.sentences import Log, Opinion, Sentence, is_blank
from fsa_jax.opinions.spans import canonical, occurrences
from fsa_jax.runtime.files import shown

_NONE = ("noaspectterm", "noaspectcategory")
Note = Callable[[int, str, str], None]


class SetFit:
    """SetFit's columns."""

    DESCRIPTION = "SetFit columns: text, span, label, ordinal (csv, tsv or JSON lines)"

    @staticmethod
    def looks_like(head: str) -> bool:
        """Whether the beginning of a file reads like this format."""
        return any(map(_is_setfit, _headers(head)))

    @staticmethod
    def read(text: str, log: Log) -> list[Sentence]:
        """Reads a file's text; rows of one text make one sentence, named by its first line."""
        polarities = log.labels.polarities
        sentences: dict[str, tuple[str, str, list[Opinion]]] = {}

        def is_row(row: Mapping[str, Any]) -> bool:
            return canonical(str(_label(row))) in polarities

        for line, row in _rows(text, log.fault, _is_setfit, is_row):
            sentence = row.get("text")
            if not isinstance(sentence, str) or is_blank(sentence):
                log.fault(line, "", f"the text is {'missing' if sentence is None else 'empty'}")
                continue
            # Of both spellings of one text, the first counts.
            written, name, opinions = sentences.setdefault(
                canonical(sentence), (sentence, str(line), [])
            )
            opinion = _setfit_opinion(row, written, name, line, log)
            if opinion is not None:
                opinions.append(opinion)
        # A sentence of which nothing could be read is not one without opinions.
        return [
            Sentence(name, text, tuple(found)) for text, name, found in sentences.values() if found
        ]


class InstructAbsa:
    """InstructABSA's columns."""

    DESCRIPTION = "InstructABSA csv: raw_text, aspectTerms[, sentenceId, aspectCategories]"

    @staticmethod
    def looks_like(head: str) -> bool:
        """Whether the beginning of a file reads like this format."""
        return any(map(_is_instructabsa, _headers(head)))

    @staticmethod
    def read(text: str, log: Log) -> list[Sentence]:
        """Reads a file's text; see ``fsa_json.read``."""
        sentences = []
        for line, row in _rows(text, log.drop, _is_instructabsa, _has_list):
            sentence = row.get("raw_text")
            name = name_of(row.get("sentenceId")) or str(line)
            if not isinstance(sentence, str) or is_blank(sentence):
                what = "missing" if sentence is None else "empty"
                log.drop(line, name, f"the text (raw_text) is {what}")
                continue
            opinions = [
                *_listed(row, "aspectTerms", "term", sentence, name, line, log),
                *_listed(row, "aspectCategories", "category", sentence, name, line, log),
            ]
            sentences.append(Sentence(log.unique(line, name), sentence, tuple(opinions)))
        return sentences


def _is_setfit(columns: Set[str]) -> bool:
    return {"text", "span"} <= columns and bool({"label", "polarity"} & columns)


def _is_instructabsa(columns: Set[str]) -> bool:
    return "raw_text" in columns and bool({"aspectTerms", "aspectCategories"} & columns)


def _label(row: Mapping[str, Any]) -> Any:
    return row.get("label", row.get("polarity"))


def _has_list(row: Mapping[str, Any]) -> bool:
    written = row.get("aspectTerms") or row.get("aspectCategories") or ""
    return written.startswith("[") and written.endswith("]")


def _setfit_opinion(
    row: Mapping[str, Any], text: str, name: str, line: int, log: Log
) -> Opinion | None:
    span, ordinal = row.get("span"), row.get("ordinal")
    places = occurrences(text, span) if isinstance(span, str) else []
    index = _index(ordinal)
    start = end = None
    if index is not None and index < len(places):
        start, end = places[index]
    elif places and ordinal not in (None, ""):
        start, end = places[0]
        said = f"{shown(span)} has no place {shown(ordinal)}: it stands {len(places)} times"
        log.guess(line, name, f"{said}, and the first counts")
    place = log.target(line, name, "span", text, span, start, end)
    if place is None:
        return None
    opinion = Opinion(*place, None, _label(row))
    return opinion if log.allows(line, name, opinion) else None


def _index(ordinal: Any) -> int | None:
    """Reads the ordinal of a place, which counts from 0; ``None`` for what is none."""
    try:
        number = float(ordinal)
    except (ValueError, TypeError, OverflowError):
        return None
    return int(number) if 0 <= number < 10**6 and number.is_integer() else None


def _listed(
    row: Mapping[str, Any], column: str, key: str, text: str, name: str, line: int, log: Log
) -> Iterator[Opinion]:
    written = row.get(column)
    if not written:
        return
    items = written if isinstance(written, list) else literal(str(written))
    if not isinstance(items, list | tuple):
        log.fault(line, name, f"{column} {shown(written)} is no list of {key} and polarity")
        return
    for item in items:
        if not isinstance(item, dict) or not {key, "polarity"} <= set(item):
            log.fault(line, name, f"{column}: {shown(item)} has no {key} and polarity")
        elif item[key] not in _NONE:
            opinion = _opinion(item[key], item["polarity"], key, text, name, line, log)
            if opinion is not None:
                yield opinion


def _opinion(
    value: Any, polarity: Any, key: str, text: str, name: str, line: int, log: Log
) -> Opinion | None:
    if key == "category":
        opinion = Opinion(category=value, polarity=polarity)
    else:
        place = log.target(line, name, "term", text, value, None, None)
        if place is None:
            return None
        opinion = Opinion(*place, None, polarity)
    return opinion if log.allows(line, name, opinion) else None


def _headers(head: str) -> Iterator[Set[str]]:
    """Yields the names of the columns as each separator divides the first line, or JSON's keys."""
    first = head.lstrip().split("\n", 1)[0]
    if first.startswith("{"):
        try:
            row = parse_json(first)
        except ValueError:
            return
        yield set(row)
        return
    for separator in delimited.SEPARATORS:
        yield set(delimited.column_names(first, separator))


def _rows(
    text: str,
    note: Note,
    fits: Callable[[Set[str]], bool],
    is_row: Callable[[Mapping[str, str]], bool],
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the rows with the lines that they begin on.

    Args:
        text: The file.
        note: Takes what is no row.
        fits: Whether a table with these columns is meant.
        is_row: Whether a line that reads as a row has a label in its place; if so, it is a row and
            not the inside of a quoted field.

    Raises:
        ValueError: There are no such columns, or one twice; the message begins with the line.
    """
    if text.lstrip().startswith("{"):
        yield from json_lines(text, note)
        return
    lines = io.StringIO(text)
    before, header = next((n, line) for n, line in enumerate(lines, 1) if line.strip())
    tried = ((each, delimited.column_names(header, each)) for each in delimited.SEPARATORS)
    separator, names = next(((s, found) for s, found in tried if fits(set(found))), ("", []))
    if not separator:
        raise ValueError(
            f"{before}: the columns that are needed are not in {shown(header.strip())}"
        )
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{before}: two columns are named {shown(twice)}; rename one")
    records = delimited.Records(
        lines, separator, len(names), lambda fields: is_row(dict(zip(names, fields, strict=True)))
    )
    for number, record in records.read():
        if isinstance(record, str):
            note(before + number, "", record)
        else:
            yield before + number, dict(zip(names, record, strict=True))


def json_lines(text: str, note: Note) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the objects of JSON lines with their lines; what is none is noted."""
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        try:
            row = parse_json(written)
        except ValueError as error:
            note(line, "", str(error))
            continue
        if not isinstance(row, dict):
            note(line, "", f"an object is expected, not {type(row).__name__}")
            continue
        yield line, row

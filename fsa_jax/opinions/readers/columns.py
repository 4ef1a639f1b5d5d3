"""Tables with a header: SetFit's columns and InstructABSA's.

SetFit (csv, tsv or JSON lines): `text, span, label (or polarity), ordinal`, one row an opinion; the
ordinal counts the places of the span in the text from 0. InstructABSA (csv): `raw_text,
aspectTerms` (a list of `{'term', 'polarity'}`, `noaspectterm` for none) and maybe `sentenceId,
aspectCategories`.
"""

import ast
import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from fsa_jax.opinions.sentences import Log, Opinion, Sentence

_NONE = ("noaspectterm", "noaspectcategory")


class SetFit:
    """SetFit's columns."""

    DESCRIPTION = "SetFit columns: text, span, label, ordinal (csv, tsv or JSON lines)"

    @staticmethod
    def looks_like(head: str) -> bool:
        """Whether the beginning of a file reads like this format."""
        columns = _columns(head)
        return {"text", "span"} <= columns and bool({"label", "polarity"} & columns)

    @staticmethod
    def read(text: str, log: Log) -> list[Sentence]:
        """Reads a file's text; rows of one text make one sentence, named by its first line."""
        sentences: dict[str, tuple[str, list[Opinion]]] = {}
        for line, row in _rows(text, log):
            sentence = row.get("text")
            if not isinstance(sentence, str) or not sentence:
                log.fault(line, "", "text is missing")
                continue
            name, opinions = sentences.setdefault(sentence, (str(line), []))
            opinion = _setfit_opinion(row, sentence, name, line, log)
            if opinion is not None:
                opinions.append(opinion)
        return [Sentence(name, text, tuple(found)) for text, (name, found) in sentences.items()]


class InstructAbsa:
    """InstructABSA's columns."""

    DESCRIPTION = "InstructABSA csv: raw_text, aspectTerms[, sentenceId, aspectCategories]"

    @staticmethod
    def looks_like(head: str) -> bool:
        """Whether the beginning of a file reads like this format."""
        columns = _columns(head)
        return "raw_text" in columns and bool({"aspectTerms", "aspectCategories"} & columns)

    @staticmethod
    def read(text: str, log: Log) -> list[Sentence]:
        """Reads a file's text; see `fsa_json.read`."""
        sentences = []
        for line, row in _rows(text, log):
            sentence = row.get("raw_text") or ""
            name = row.get("sentenceId") or str(line)
            opinions = [
                *_listed(row, "aspectTerms", "term", sentence, name, line, log),
                *_listed(row, "aspectCategories", "category", sentence, name, line, log),
            ]
            sentences.append(Sentence(log.unique(line, name), sentence, tuple(opinions)))
        return sentences


def _setfit_opinion(
    row: Mapping[str, Any], text: str, name: str, line: int, log: Log
) -> Opinion | None:
    span = row.get("span")
    if not isinstance(span, str) or not span.strip():
        log.fault(line, name, "span is missing")
        return None
    places = [i for i in range(len(text)) if text.startswith(span, i)]
    ordinal = row.get("ordinal")
    try:
        start = places[int(ordinal)] if ordinal not in (None, "") else None
    except (ValueError, TypeError, IndexError):
        log.repair(line, name, f"{span!r} has no place {ordinal!r}: it stands {len(places)} times")
        start = None
    end = None if start is None else start + len(span)
    place = log.span(line, name, "span", text, span, start, end)
    opinion = Opinion(*place, None, row.get("label", row.get("polarity")))
    return opinion if log.allows(line, name, opinion) else None


def _listed(
    row: Mapping[str, Any], column: str, key: str, text: str, name: str, line: int, log: Log
) -> Iterator[Opinion]:
    written = row.get(column)
    if not written:
        return
    try:
        items = ast.literal_eval(written)
        pairs = [(str(item[key]), item["polarity"]) for item in items]
    except (ValueError, SyntaxError, TypeError, KeyError):
        log.fault(line, name, f"{column} {written[:60]!r} is no list of {key} and polarity")
        return
    for value, polarity in pairs:
        if value in _NONE:
            continue
        if key == "term":
            place = log.span(line, name, "term", text, value, None, None)
            opinion = Opinion(*place, None, polarity)
        else:
            opinion = Opinion(category=value, polarity=polarity)
        if log.allows(line, name, opinion):
            yield opinion


def _columns(head: str) -> set[str]:
    first = head.lstrip().split("\n", 1)[0]
    if first.startswith("{"):
        try:
            row = json.loads(first)
        except json.JSONDecodeError:
            return set()
        return set(row) if isinstance(row, dict) else set()
    return {name.strip() for name in next(csv.reader([first], delimiter=_delimiter(first)), [])}


def _delimiter(header: str) -> str:
    return "\t" if "\t" in header else ","


def _rows(text: str, log: Log) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the rows with the lines that they begin on."""
    if text.lstrip().startswith("{"):
        yield from json_lines(text, log)
        return
    first = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=_delimiter(first), skipinitialspace=True)
    line = 1
    try:
        for row in reader:
            begins, line = line + 1, reader.line_num
            if None in row or None in row.values():
                log.fault(begins, "", f"{len(reader.fieldnames or ())} columns are expected")
                continue
            yield begins, row
    except csv.Error as error:
        raise ValueError(f"{reader.line_num}: {error}") from error


def json_lines(text: str, log: Log) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the objects of JSON lines with their lines; what is none is noted as a fault."""
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        try:
            row = json.loads(written)
        except json.JSONDecodeError as error:
            log.fault(line, "", f"no JSON: {error.msg} at column {error.colno}")
            continue
        if not isinstance(row, dict):
            log.fault(line, "", f"an object is expected, not {type(row).__name__}")
            continue
        yield line, row

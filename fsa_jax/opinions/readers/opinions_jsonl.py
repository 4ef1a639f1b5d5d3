"""Our own format: the opinions form as JSON lines."""

import dataclasses
from typing import Any

from fsa_jax.opinions.readers.columns import json_lines
from fsa_jax.opinions.sentences import NOWHERE, Log, Opinion, Place, Sentence, mark_implicit

DESCRIPTION = "opinions JSON lines: {id, text, opinions: [{target, start, end, category, …}]}"
_FIELDS = tuple(field.name for field in dataclasses.fields(Opinion))


def looks_like(head: str) -> bool:
    """Whether the beginning of a file reads like this format."""
    first = head.lstrip().split("\n", 1)[0]
    return first.startswith("{") and '"text"' in first and '"opinions"' in first


def read(text: str, log: Log) -> list[Sentence]:
    """Reads a file's text; see `fsa_json.read`.

    Where no sentence says whether it is implicit, opinion words anywhere in the file mean that
    their absence is implicit.
    """
    sentences = []
    for line, row in json_lines(text, log):
        sentence = _sentence(row, line, log)
        if sentence is not None:
            sentences.append(sentence)
    if any(sentence.implicit is not None for sentence in sentences):
        return sentences
    annotated = any(opinion.opinion for s in sentences for opinion in s.opinions)
    return mark_implicit(sentences, annotated)


def _sentence(row: dict[str, Any], line: int, log: Log) -> Sentence | None:
    name, text, items = str(row.get("id", "")), row.get("text"), row.get("opinions") or []
    if not name or not isinstance(text, str) or not isinstance(items, list):
        log.fault(line, name, "id, text or opinions is missing")
        return None
    found = [_opinion(item, text, line, name, log) for item in items]
    opinions = tuple(opinion for opinion in found if opinion is not None)
    implicit = row.get("implicit")
    return Sentence(
        log.unique(line, name), text, opinions, None if implicit is None else bool(implicit)
    )


def _opinion(item: Any, text: str, line: int, name: str, log: Log) -> Opinion | None:
    if not isinstance(item, dict):
        log.fault(line, name, "an opinion is not an object")
        return None
    unknown = set(item) - set(_FIELDS)
    if unknown:
        log.fault(line, name, f"unknown fields {sorted(unknown)}: {', '.join(_FIELDS)} are known")
        return None
    target = _place(item, "target", "", text, line, name, log)
    words = _place(item, "opinion", "opinion_", text, line, name, log)
    opinion = Opinion(*target, item.get("category"), item.get("polarity"), *words)
    return opinion if log.allows(line, name, opinion) else None


def _place(
    item: dict[str, Any], field: str, prefix: str, text: str, line: int, name: str, log: Log
) -> Place:
    phrase = item.get(field)
    if phrase is None:
        return NOWHERE
    if not isinstance(phrase, str) or not phrase.strip():
        log.fault(line, name, f"{field} {phrase!r} is no text")
        return NOWHERE
    start, end = item.get(f"{prefix}start"), item.get(f"{prefix}end")
    return log.span(line, name, field, text, phrase, start, end)

"""Our own format: the opinions form as JSON lines."""

import dataclasses
from typing import Any

from fsa_jax.opinions.readers.columns import json_lines
from fsa_jax.opinions.readers.source import name_of
from fsa_jax.opinions.sentences import (
    NOWHERE,
    Log,
    Opinion,
    Place,
    Sentence,
    is_blank,
    mark_implicit,
)
from fsa_jax.runtime.files import shown

DESCRIPTION = "opinions JSON lines: {id, text, opinions: [{target, start, end, category, …}]}"
_FIELDS = tuple(field.name for field in dataclasses.fields(Opinion))


def looks_like(head: str) -> bool:
    """Whether the beginning of a file reads like this format."""
    first = head.lstrip().split("\n", 1)[0]
    return first.startswith("{") and '"text"' in first and '"opinions"' in first


def read(text: str, log: Log) -> list[Sentence]:
    """Reads a file's text; see ``fsa_json.read``.

    Where no sentence says whether it is implicit, opinion words anywhere in the file mean that
    their absence is implicit.
    """
    sentences = []
    for line, row in json_lines(text, log.drop):
        sentence = _sentence(row, line, log)
        if sentence is not None:
            sentences.append(sentence)
    if any(sentence.implicit is not None for sentence in sentences):
        return sentences
    annotated = any(opinion.opinion for s in sentences for opinion in s.opinions)
    return mark_implicit(sentences, annotated)


def _sentence(row: dict[str, Any], line: int, log: Log) -> Sentence | None:
    name, text = name_of(row.get("id")), row.get("text")
    missing = [field for field in ("id", "text", "opinions") if field not in row]
    if missing:
        log.drop(line, name, f"missing: {', '.join(missing)}")
        return None
    if not name or not isinstance(text, str):
        field = "text" if name else "id"
        log.drop(line, name, f"{field} is {shown(row[field])}, a text is expected")
        return None
    if is_blank(text):
        log.drop(line, name, "the text is empty")
        return None
    items = [] if row["opinions"] is None else row["opinions"]
    if not isinstance(items, list):
        log.drop(line, name, f"opinions is {shown(items)}, a list is expected")
        return None
    implicit = row.get("implicit")
    if implicit is not None and not isinstance(implicit, bool):
        log.drop(line, name, f"implicit is {shown(implicit)}, true or false is expected")
        return None
    found = [_opinion(item, text, line, name, log) for item in items]
    opinions = tuple(opinion for opinion in found if opinion is not None)
    return Sentence(log.unique(line, name), text, opinions, implicit)


def _opinion(item: Any, text: str, line: int, name: str, log: Log) -> Opinion | None:
    if not isinstance(item, dict):
        log.fault(line, name, "an opinion is not an object")
        return None
    unknown = set(item) - set(_FIELDS)
    if unknown:
        log.fault(
            line, name, f"unknown fields {shown(sorted(unknown))}: {', '.join(_FIELDS)} are known"
        )
        return None
    target: Place | None = NOWHERE
    if item.get("target") is not None:
        places = item.get("start"), item.get("end")
        target = log.target(line, name, "target", text, item["target"], *places)
    if target is None:
        return None
    words, written = NOWHERE, item.get("opinion")
    if written is not None:
        if not isinstance(written, str) or is_blank(written):
            log.fault(line, name, f"opinion {shown(written)} is no text")
            return None
        places = item.get("opinion_start"), item.get("opinion_end")
        words = log.span(line, name, "opinion", text, written, *places)
    opinion = Opinion(*target, item.get("category"), item.get("polarity"), *words)
    return opinion if log.allows(line, name, opinion) else None

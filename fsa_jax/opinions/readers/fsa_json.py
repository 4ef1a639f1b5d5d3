"""The FSA benchmark's own format: a JSON list of sentences with their aspects.

Items are ``{ID, sentence, aspects: [{from, to, target, category, polarity, opinion_words}]}``.
Offsets come as strings, as integers or not at all; an implicit target is null or "NULL";
``opinion_words`` is absent (not annotated), a string, null, or a list of ``{from, to, opinion}``.
"""

from collections.abc import Iterable
from typing import Any

from fsa_jax.opinions.readers.source import json_items, name_of
from fsa_jax.opinions.sentences import (
    NOWHERE,
    Log,
    Opinion,
    Place,
    Sentence,
    is_blank,
    mark_implicit,
    settle_span,
)
from fsa_jax.runtime.files import shown

DESCRIPTION = "FSA benchmark JSON: a list of {ID, sentence, aspects}"


def looks_like(head: str) -> bool:
    """Whether the beginning of a file reads like this format."""
    return head.lstrip().startswith("[") and '"sentence"' in head


def read(text: str, log: Log) -> list[Sentence]:
    """Reads a file's text.

    Args:
        text: The whole file, without BOM.
        log: Takes what is wrong, line by line; a faulty opinion or sentence is left out.

    Returns:
        The sentences in the order of the file.
    """
    found = [_sentence(item, line, log) for line, item in json_items(text)]
    sentences = [sentence for sentence in found if sentence is not None]
    return mark_implicit(sentences, annotated='"opinion_words"' in text)


def to_items(sentences: Iterable[Sentence]) -> list[dict[str, Any]]:
    """Returns sentences as the items of such a file, opinion words annotated."""
    return [
        {"ID": each.id, "sentence": each.text, "aspects": _aspects(each.opinions)}
        for each in sentences
    ]


def _aspects(opinions: Iterable[Opinion]) -> list[dict[str, Any]]:
    """One aspect for the opinions that differ in their opinion words alone."""
    aspects: dict[Any, dict[str, Any]] = {}
    for opinion in opinions:
        aspect = {
            "from": opinion.start,
            "to": opinion.end,
            "target": opinion.target,
            "category": opinion.category,
            "polarity": opinion.polarity,
        }
        words = {
            "from": opinion.opinion_start,
            "to": opinion.opinion_end,
            "opinion": opinion.opinion,
        }
        known = aspects.setdefault(tuple(aspect.values()), aspect | {"opinion_words": []})
        if opinion.opinion is not None:
            known["opinion_words"].append(words)
    return list(aspects.values())


def _sentence(item: Any, line: int, log: Log) -> Sentence | None:
    if not isinstance(item, dict):
        log.drop(line, "", f"an object is expected, not {type(item).__name__}")
        return None
    name, text = name_of(item.get("ID")), item.get("sentence")
    if not name or not isinstance(text, str):
        log.drop(line, name, "ID or sentence is missing")
        return None
    if is_blank(text):
        log.drop(line, name, "the text (sentence) is empty")
        return None
    aspects = item.get("aspects", "missing")
    aspects = [] if aspects is None else aspects
    if not isinstance(aspects, list):
        log.drop(line, name, f"aspects is {shown(aspects)}, a list is expected")
        return None
    opinions: list[Opinion] = []
    for aspect in aspects:
        opinions.extend(_opinions(aspect, text, line, name, log))
    return Sentence(log.unique(line, name), text, tuple(opinions))


def _opinions(aspect: Any, text: str, line: int, name: str, log: Log) -> list[Opinion]:
    """One opinion for each span of opinion words, or a single one without any."""
    if not isinstance(aspect, dict):
        log.fault(line, name, "an aspect is not an object")
        return []
    target: Place | None = NOWHERE
    written = aspect.get("target")
    if written is not None and written != "NULL":
        places = aspect.get("from"), aspect.get("to")
        target = log.target(line, name, "target", text, written, *places)
    if target is None:
        return []
    category = aspect.get("category") or None
    base = Opinion(*target, category, aspect.get("polarity"))
    if not log.allows(line, name, base):
        return []
    words = aspect.get("opinion_words")
    if not words:
        return [base]
    # One opinion for each span, and each that is none is an opinion left out.
    return [
        Opinion(*target, category, base.polarity, *span)
        for span in _words(words, text, line, name, log)
    ]


def _words(value: Any, text: str, line: int, name: str, log: Log) -> list[Place]:
    if isinstance(value, str):
        # The tests of 2014 name the words without their places, which may lie apart.
        return [settle_span(text, value, None, None)[0]]
    spans: list[Place] = []
    for span in value if isinstance(value, list) else [value]:
        words = span.get("opinion") if isinstance(span, dict) else None
        if not isinstance(words, str) or is_blank(words):
            log.fault(line, name, f"opinion words {shown(span)} are no span")
            continue
        places = span.get("from"), span.get("to")
        spans.append(log.span(line, name, "opinion words", text, words, *places))
    return spans

"""The FSA benchmark's own format: a JSON list of sentences with their aspects.

Items are `{ID, sentence, aspects: [{from, to, target, category, polarity, opinion_words}]}`.
Offsets come as strings, as integers or not at all; an implicit target is null or "NULL";
`opinion_words` is absent (not annotated), a string, null, or a list of `{from, to, opinion}`.
"""

from typing import Any

from fsa_jax.opinions.readers.source import json_items
from fsa_jax.opinions.sentences import (
    NOWHERE,
    Log,
    Opinion,
    Place,
    Sentence,
    mark_implicit,
    settle_span,
)

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


def _sentence(item: Any, line: int, log: Log) -> Sentence | None:
    if not isinstance(item, dict):
        log.fault(line, "", f"an object is expected, not {type(item).__name__}")
        return None
    name = str(item.get("ID", ""))
    text = item.get("sentence")
    aspects = item.get("aspects") or []
    if not name or not isinstance(text, str):
        log.fault(line, name, "ID or sentence is missing")
        return None
    if not isinstance(aspects, list):
        log.fault(line, name, "aspects is not a list")
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
    target = NOWHERE
    written = aspect.get("target")
    if written is not None and written != "NULL":
        if not isinstance(written, str) or not written.strip():
            log.fault(line, name, f"target {written!r} is no text")
            return []
        target = log.span(line, name, "target", text, written, aspect.get("from"), aspect.get("to"))
    category = aspect.get("category") or None
    base = Opinion(*target, category, aspect.get("polarity"))
    if not log.allows(line, name, base):
        return []
    spans = _words(aspect.get("opinion_words"), text, line, name, log) or [NOWHERE]
    return [Opinion(*target, category, base.polarity, *span) for span in spans]


def _words(value: Any, text: str, line: int, name: str, log: Log) -> list[Place]:
    if not value:
        return []
    if isinstance(value, str):
        # The tests of 2014 name the words without their places, which may lie apart.
        phrase, start, end, _ = settle_span(text, value, None, None)
        return [(phrase, start, end)]
    spans: list[Place] = []
    for span in value:
        if not isinstance(span, dict) or not isinstance(span.get("opinion"), str):
            log.fault(line, name, f"opinion words {span!r} are no span")
            continue
        spans.append(
            log.span(
                line, name, "opinion words", text, span["opinion"], span.get("from"), span.get("to")
            )
        )
    return spans

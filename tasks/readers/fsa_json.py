"""The FSA benchmark's own format: a JSON list of sentences with their aspects.

Items are `{ID, sentence, aspects: [{from, to, target, category, polarity, opinion_words}]}`.
Offsets come as strings, as integers or not at all; an implicit target is null or "NULL";
`opinion_words` is absent (not annotated), a string, null, or a list of `{from, to, opinion}`.
"""

from typing import Any

from tasks.opinions import (
    Opinion,
    Problem,
    Sentence,
    check_opinion,
    mark_implicit,
    settle_span,
)
from tasks.readers.source import json_items

NAME = "fsa"
DESCRIPTION = "FSA benchmark JSON (a list of {ID, sentence, aspects})"


def looks_like(head: str) -> bool:
    """Whether the beginning of a file reads like this format."""
    return head.lstrip().startswith("[") and '"sentence"' in head


def read(text: str, problems: list[Problem]) -> list[Sentence]:
    """Reads a file's text.

    Args:
        text: The whole file, without BOM.
        problems: Takes what is wrong, line by line; a faulty opinion or sentence is left out.

    Returns:
        The sentences in the order of the file.
    """
    sentences = [
        sentence
        for line, item in json_items(text)
        if (sentence := _sentence(item, line, problems)) is not None
    ]
    return mark_implicit(sentences, annotated='"opinion_words"' in text)


def _sentence(item: Any, line: int, problems: list[Problem]) -> Sentence | None:
    if not isinstance(item, dict):
        problems.append(Problem(line, "", f"an object is expected, not {type(item).__name__}"))
        return None
    name = str(item.get("ID", ""))
    text = item.get("sentence")
    aspects = item.get("aspects") or []
    if not name or not isinstance(text, str):
        problems.append(Problem(line, name, "ID or sentence is missing"))
        return None
    if not isinstance(aspects, list):
        problems.append(Problem(line, name, "aspects is not a list"))
        return None
    opinions: list[Opinion] = []
    for aspect in aspects:
        opinions.extend(_opinions(aspect, text, line, name, problems))
    return Sentence(name, text, tuple(opinions))


def _opinions(
    aspect: Any, text: str, line: int, name: str, problems: list[Problem]
) -> list[Opinion]:
    """One opinion for each span of opinion words, or a single one without any."""
    if not isinstance(aspect, dict):
        problems.append(Problem(line, name, "an aspect is not an object"))
        return []
    target, start, end = _target(aspect, text, line, name, problems)
    base = Opinion(target, start, end, aspect.get("category") or None, aspect.get("polarity"))
    wrong = check_opinion(base)
    if wrong:
        problems.append(Problem(line, name, wrong))
        return []
    spans = _words(aspect.get("opinion_words"), text, line, name, problems) or [(None, None, None)]
    return [
        Opinion(base.target, base.start, base.end, base.category, base.polarity, *span)
        for span in spans
    ]


def _target(
    aspect: dict[str, Any], text: str, line: int, name: str, problems: list[Problem]
) -> tuple[str | None, int | None, int | None]:
    target = aspect.get("target")
    if target is None or target == "NULL":
        return None, None, None
    if not isinstance(target, str) or not target.strip():
        problems.append(Problem(line, name, f"target {target!r} is no text"))
        return None, None, None
    start = _offset(aspect.get("from"), "from", line, name, problems)
    end = _offset(aspect.get("to"), "to", line, name, problems)
    target, start, end, message = settle_span(text, target, start, end)
    if message:
        problems.append(Problem(line, name, f"target {message}", repaired=True))
    return target, start, end


def _offset(value: Any, field: str, line: int, name: str, problems: list[Problem]) -> int | None:
    if value is None:
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        problems.append(Problem(line, name, f"{field} {value!r} is no offset", repaired=True))
        return None


def _words(
    value: Any, text: str, line: int, name: str, problems: list[Problem]
) -> list[tuple[str | None, int | None, int | None]]:
    """The spans of opinion words, which are not asked for exact offsets: only tests have them."""
    if not value:
        return []
    if isinstance(value, str):
        phrase, start, end, _ = settle_span(text, value, None, None)
        return [(phrase, start, end)]
    spans: list[tuple[str | None, int | None, int | None]] = []
    for span in value:
        if not isinstance(span, dict) or not isinstance(span.get("opinion"), str):
            problems.append(Problem(line, name, f"opinion words {span!r} are no span"))
            continue
        start = _offset(span.get("from"), "from", line, name, problems)
        end = _offset(span.get("to"), "to", line, name, problems)
        phrase, start, end, message = settle_span(text, span["opinion"], start, end)
        if message:
            problems.append(Problem(line, name, f"opinion words {message}", repaired=True))
        spans.append((phrase, start, end))
    return spans

"""Reads ANL answers, whose form teachers follow loosely, into quadruples."""

import dataclasses
import re

LEVELS = ("very negative", "negative", "neutral", "positive", "very positive")

# Labels come bare, numbered, in markdown emphasis, as list items, and misspelt at their ends
# ("Reasoin:").
_LABEL = re.compile(
    r"^[\s>*_#\-•\d.)(]*(?P<label>opinion\s+targets?|aspects?|sentiments?(?:\s+intensity)?|reason\w*)[\s*_]*"
    r"(?:\(?#?\d+\)?)?[\s*_]*[:：][\s*_]*(?P<value>.*)$",
    re.IGNORECASE,
)
# Some answers put a whole block on one line.
_INLINE = re.compile(r"(?<=\S)[\s,;.\-–|]+(?=(?:Aspect|Sentiment|Reasoning)s?[ \d]{0,3}:)")
_FIELDS = {"o": "target", "a": "aspect", "s": "sentiment", "r": "reasoning"}
_QUOTES = "\"'“”‘’`*[]"


@dataclasses.dataclass(frozen=True, slots=True)
class Quadruple:
    """One analysed opinion; ``level`` is one of ``LEVELS``, or None where the words fit none."""

    target: str
    aspect: str
    sentiment: str
    level: str | None
    reasoning: str


def level(sentiment: str) -> str | None:
    """Maps a teacher's words for a sentiment to one of the five ``LEVELS``.

    ``neutral`` takes in the slight ones ("mild", "mildly negative", "slightly positive", "mixed"),
    as the paper's annotation guide does (appendix B.2).

    Returns:
        The level, or None where the words name no sentiment ("not specified").
    """
    words = sentiment.lower()
    if re.search(r"\b(?:mild|slight|neutral|mixed|moderate|ambivalent|somewhat)", words):
        return "neutral"
    positive, negative = "positive" in words, "negative" in words
    if positive == negative:
        return "neutral" if positive else None
    strong = (
        re.search(r"\b(?:very|extremely|strongly?|highly|overwhelmingly|intensely)\b", words)
        is not None
    )
    return ("very " if strong else "") + ("positive" if positive else "negative")


def parse(text: str) -> list[Quadruple]:
    """Parses an ANL answer.

    A block begins at each target; further aspects under one target make further quadruples. A block
    counts when it names at least a target and a sentiment.

    Args:
        text: the answer as the teacher wrote it.
    """
    found: list[Quadruple] = []
    current: dict[str, str] = {}
    field: str | None = None
    for line in _INLINE.sub("\n", text).split("\n"):
        match = _LABEL.match(line)
        if match:
            field = _FIELDS[match.group("label")[0].lower()]
            if field == "target":
                _close(current, found)
                current = {}
            elif field == "aspect" and "sentiment" in current:
                _close(current, found)
                current = {"target": current.get("target", "")}
            value = match.group("value").strip()
            current[field] = value if field not in current else f"{current[field]} {value}"
        elif field == "reasoning" and line.strip():
            current[field] = f"{current[field]} {line.strip()}"
        elif not line.strip():
            field = None
    _close(current, found)
    return found


def _close(block: dict[str, str], found: list[Quadruple]) -> None:
    target = block.get("target", "").strip().strip(_QUOTES).strip()
    if target and block.get("sentiment"):
        sentiment = block["sentiment"].strip().strip(_QUOTES).strip()
        aspect = block.get("aspect", "").strip().strip(_QUOTES).strip()
        found.append(
            Quadruple(
                target, aspect, sentiment, level(sentiment), block.get("reasoning", "").strip()
            )
        )


def without_reasoning(text: str) -> str:
    """Returns an ANL answer without its reasoning.

    Only target, aspect and sentiment stay (the paper's "w/o R").
    """
    return _keep(text, ("target", "aspect", "sentiment"))


def without_labels(text: str) -> str:
    """Returns an ANL answer with only its reasoning (the paper's "w/o L")."""
    return _keep(text, ("reasoning",))


def _keep(text: str, wanted: tuple[str, ...]) -> str:
    """Keeps the lines that belong to the wanted fields, as the teacher wrote them.

    One blank line stays between blocks.
    """
    kept: list[str] = []
    field: str | None = None
    for line in text.split("\n"):
        match = _LABEL.match(line)
        field = _FIELDS[match.group("label")[0].lower()] if match else field
        if not line.strip():
            if kept and kept[-1]:
                kept.append("")
        elif field in wanted:
            kept.append(line.rstrip())
    return "\n".join(kept).strip()

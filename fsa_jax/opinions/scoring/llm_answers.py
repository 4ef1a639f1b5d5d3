"""Reads what LLMs answer: a Python list of pairs, or a label in a sentence of words.

LLMs wrap what they are asked for in prose, quotes and remarks. Of several lists the first one
that parses counts; a label counts where the answer leaves no doubt, and nothing is guessed where
it denies one.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from fsa_jax.opinions.readers.source import literal
from fsa_jax.opinions.sentences import category_words
from fsa_jax.opinions.spans import canonical
from fsa_jax.opinions.units import Kind, Unit, holds, parse, parse_reference, settle_fields

# Brackets that are looked at; a list is a few, and whoever writes thousands writes no list.
_MOST_BRACKETS = 64

_DENIALS = (
    r"not|no|nothing|never|neither|nor|none|without|lack of|absence of|cannot|hardly|barely"
    r"|instead of|rather than|less than|far from|anything but|non|\w+n['’]t"
    r"|(?:is|are|was|do|does|did|would|could|ca|wo)nt"
)
_CLAUSE_END = re.compile(r"[.,;:!?\n()]|\bbut\b|\balthough\b|\bthough\b|\bwhile\b|\bso\b")
_DENIED_BEFORE = re.compile(rf"\b(?:{_DENIALS})\b")
_DENIED_BEHIND = re.compile(
    r"\W*(?:(?:label|sentiment|polarity)\W+)?(?:(?:is|was|would be|seems|\w+n['’]t)\W+)+"
    r"(?:\w+\W+)?(?:not|wrong|incorrect|false|right|correct|the case|fit|apply)\b|\s*\?"
)
_DENIES = re.compile(r"not|n['’]t|wrong|incorrect|false|\?")
_STATED = re.compile(
    r"\b(?:label|sentiment|polarity|answer|classification)\b[^.;!?\n]{0,60}?"
    r"(?:\bis\b|\bas\b|[:=])\W*(?:(?:a|an|the|clearly|mostly|rather|very)\s+)*$"
)


class Answer(NamedTuple):
    """What an answer says.

    Args:
        units: Its units, targets as the sentence writes them.
        junk: The parts that are no unit.
        reference: The units by the rule of the paper's implementation; ``None`` where the sentence
            is not known, without which that rule cannot be applied.
    """

    units: list[Unit]
    junk: list[str]
    reference: list[tuple[str, ...]] | None


def read_answer(raw: str, kind: Kind, text: str) -> Answer:
    """Reads an LLM's answer: the first list in it that parses, or else a target text.

    Args:
        raw: What the model wrote.
        kind: What was asked for.
        text: The sentence; may be empty where it is not known.
    """
    items = _first_list(raw, kind)
    if items is None:
        units, junk = parse(raw, kind, text)
        if "[" in raw and not units:
            junk = [raw.strip()]
        return Answer(units, junk, parse_reference(raw, kind, text) if text else None)
    answer = Answer([], [], [] if text else None)
    used: dict[str, int] = {}
    for item in items:
        try:
            unit = unit_of(item, kind)
        except ValueError:
            answer.junk.append(repr(item))
            continue
        polarity = canonical(unit["polarity"].strip().lower())
        values = [unit[field].strip() for field in kind.fields]
        if polarity not in kind.polarities or not all(values):
            answer.junk.append(repr(item))
            continue
        answer.units.append(settle_fields(values, kind, text, used) | {"polarity": polarity})
        if answer.reference is not None and in_sentence(values, kind, text):
            answer.reference.append((*values, polarity))
    return answer


def in_sentence(fields: Sequence[str], kind: Kind, text: str) -> bool:
    """Whether the paper's implementation counts a unit: a target must stand in the sentence."""
    return kind.name != "tsa" or kind.is_classified or holds(text, fields[0])


def unit_of(values: Any, kind: Kind) -> Unit:
    """Makes a unit of a list of values, the polarity last.

    Raises:
        ValueError: It has another length than the kind's fields, or holds what is no text.
    """
    if not isinstance(values, list | tuple) or len(values) != len(kind.keys):
        raise ValueError(f"{values!r} is no {', '.join(kind.keys)}")
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{values!r} holds what is no text")
    unit: Unit = dict(zip(kind.keys, values, strict=True))
    if "category" in unit:
        unit["category"] = category_words(unit["category"])
    return unit


def _first_list(raw: str, kind: Kind) -> list[Any] | None:
    """Returns the first list that is empty or holds a unit, or else the first of any kind."""
    first = None
    for items in _lists(raw):
        if not items or any(_is_unit(item, kind) for item in items):
            return items
        first = items if first is None else first
    return first


def _is_unit(item: Any, kind: Kind) -> bool:
    try:
        unit_of(item, kind)
    except ValueError:
        return False
    return True


def _lists(raw: str) -> Iterator[list[Any]]:
    """Yields the Python lists in a text, each from its first bracket on."""
    ends = [match.end() for match in re.finditer(r"\]", raw)]
    behind = 0
    for number, match in enumerate(re.finditer(r"\[", raw)):
        if number == _MOST_BRACKETS:
            return
        if match.start() < behind:
            continue
        for end in [end for end in ends if end > match.start()][:_MOST_BRACKETS]:
            items = literal(raw[match.start() : end])
            if isinstance(items, list):
                behind = end
                yield items
                break


def read_label(raw: str, labels: Sequence[str]) -> str | None:
    """Reads which label an answer names, or ``None`` where it names none for sure.

    A label that the answer begins with, or says to be its answer, counts before one that it
    mentions; what is denied ("not positive") does not count, and several mentioned ones are none.

    Args:
        raw: What the model wrote.
        labels: The label set that was asked for.
    """
    text = raw.strip().lower()
    words = "|".join(map(re.escape, labels))
    named = [
        (match, match.group(1))
        for match in re.finditer(rf"\b({words})(?:ly|ing|ed)?\b", text)
        if not _is_denied(text, match)
    ]
    if not named:
        return None
    first, label = named[0]
    if not re.search(r"\w", text[: first.start()]) and re.match(
        r"\W*(?:$|\n|[.,;:!)\"'*`\]]|[-–—(]|because\b|since\b|as\b|sentiment\b)",
        text[first.end() :].lstrip(" "),
    ):
        return label
    stated = {label for match, label in named if _STATED.search(text[: match.start()])}
    mentioned = stated or {label for _, label in named}
    return mentioned.pop() if len(mentioned) == 1 else None


def _is_denied(text: str, match: re.Match[str]) -> bool:
    clause = text[: match.start()]
    ends = [end.end() for end in _CLAUSE_END.finditer(clause)]
    if _DENIED_BEFORE.search(clause[ends[-1] if ends else 0 :]):
        return True
    behind = _DENIED_BEHIND.match(text, match.end())
    return behind is not None and _DENIES.search(behind.group()) is not None

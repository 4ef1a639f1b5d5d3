"""Reads what LLMs answer: a Python list of pairs, or a label in a sentence of words.

LLMs wrap what they are asked for in prose, quotes and remarks. Of several lists the first one with
a unit counts, and those that go on with it; where none parses, the units that stand whole in the
answer. A label counts where the answer leaves no doubt, and nothing is guessed where it denies one.
"""

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from fsa_jax.opinions.readers.source import literal
from fsa_jax.opinions.sentences import category_words
from fsa_jax.opinions.spans import canonical
from fsa_jax.opinions.units import Kind, Unit, holds, parse, parse_reference, settle_fields

# Brackets that are looked at; a list is a few, and whoever writes thousands writes no list.
_MOST_BRACKETS = 64
# Characters before a label that can deny or state it: a clause is shorter, and answers that repeat
# a label without end are read in time that grows with their length alone.
_REACH = 400

_DENIALS = (
    r"not|no|nothing|never|neither|nor|none|without|lack of|absence of|cannot|hardly|barely"
    r"|instead of|rather than|less than|far from|anything but|non|\w+n['’]t"
    r"|(?:is|are|was|do|does|did|would|could|ca|wo)nt"
)
_CERTAIN = re.compile(r"\b(?:no|without(?: an?y?)?|not an?y?)\s+(?:doubts?|question)\b")
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

_ENUMERATES = re.compile(r"[\W_]*?(?:[,;]\s*)?(and|or|/|&|,\s*and|,\s*or)?[\W_]*")
_ENDS = re.compile(r"[\"'*_`”’]*\s*(?:$|[.,;:!?)\n]|and\b|or\b)")
# What goes on with a list, and what stands between two of its units.
_GOES_ON = re.compile(r"[ \t]*(?:[,;]|\band\b)?[ \t]*\n?[ \t]*")
_QUOTE = "[\"'“”‘’]"
_OBJECT = re.compile(r"\{[^{}]*\}")
_BEGUN = re.compile(rf"[(\[{{]\s*{_QUOTE}")
_STRAIGHT = str.maketrans("“”‘’", "\"\"''")
_AROUND = " \t\n.,;:!*_`'\"“”‘’"
_LIST_MARK = re.compile(r"^[ \t]*(?:[-*•]|\(?\d+[.)])[ \t]+", re.MULTILINE)


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
    """Reads an LLM's answer: a list, units that stand whole in it, or else a target text.

    Args:
        raw: What the model wrote.
        kind: What was asked for.
        text: The sentence; may be empty where it is not known.
    """
    items = _first_list(raw, kind)
    if items is None or not any(_is_unit(item, kind) for item in items):
        items = _whole_units(raw, kind) or items
    if items is None:
        units, junk = parse(_one_line(raw, kind), kind, text)
        if "[" in raw and not units:
            junk = [raw.strip()]
        return Answer(units, junk, parse_reference(raw, kind, text) if text else None)
    answer = Answer([], [], [] if text else None)
    used: dict[str, int] = {}
    for item in items:
        try:
            unit = unit_of(item, kind)
        except ValueError:
            answer.junk.append(item if isinstance(item, str) else repr(item))
            continue
        polarity = _polarity(unit["polarity"])
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


def _polarity(word: str) -> str:
    return canonical(word.strip(_AROUND).lower())


def unit_of(values: Any, kind: Kind) -> Unit:
    """Makes a unit of a list of values, the polarity last, or of an object with the kind's fields.

    Raises:
        ValueError: It has another length or other fields, or holds what is no text.
    """
    if isinstance(values, dict) and set(values) == set(kind.keys):
        values = [values[key] for key in kind.keys]
    if not isinstance(values, list | tuple) or len(values) != len(kind.keys):
        raise ValueError(f"{values!r} is no {', '.join(kind.keys)}")
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{values!r} holds what is no text")
    unit: Unit = dict(zip(kind.keys, values, strict=True))
    if "category" in unit:
        unit["category"] = category_words(unit["category"])
    return unit


def _first_list(raw: str, kind: Kind) -> list[Any] | None:
    """Returns the first list with a unit and those that go on with it; else an empty one, or any.

    A list goes on with the one before it where only a comma or a line end stands between them.
    """
    found: list[list[Any]] = []
    other: list[Any] | None = None
    end = 0
    for items, start, behind in _lists(raw):
        if found and not _GOES_ON.fullmatch(raw, end, start):
            break
        if any(_is_unit(item, kind) for item in items):
            if items not in found:
                found.append(items)
            end = behind
        elif found:
            break
        elif other is None or (other and not items):
            other = items
    return [item for items in found for item in items] if found else other


def _whole_units(raw: str, kind: Kind) -> list[Any]:
    """Returns the units that can be read of an answer which is no list, and what began as one.

    So a list is read that lacks brackets or its end, or has quotes that end too early; nothing
    where no unit is whole.
    """
    found = [(*match.span(), match.groups()) for match in _unit_pattern(kind).finditer(raw)]
    for match in _OBJECT.finditer(raw):
        item = literal(match.group().translate(_STRAIGHT))
        if _is_unit(item, kind):
            found.append((*match.span(), item))
    if not found:
        return []
    items: list[Any] = []
    end = 0
    for start, behind, item in [*sorted(found, key=lambda place: place[0]), (len(raw), 0, None)]:
        begun = [match.start() for match in _BEGUN.finditer(raw, end, start)]
        items += [raw[a:b].strip(" \t\n,;[") for a, b in pairwise([*begun, start])]
        if item is not None:
            items.append(item)
            end = behind
    return items


@functools.lru_cache(maxsize=16)
def _unit_pattern(kind: Kind) -> re.Pattern[str]:
    """A unit in brackets, or alone on its line; no field holds what would end it."""
    field = rf"{_QUOTE}((?:(?!{_QUOTE}\s*[,)\]])[^\n]){{1,300}}){_QUOTE}\s*,\s*" * len(kind.fields)
    labels = "|".join(map(re.escape, kind.polarities))
    return re.compile(
        rf"(?:[(\[]\s*|^[ \t]*(?:[-*•]\s+|\d+[.)]\s+)?){field}"
        rf"{_QUOTE}\s*({labels})\W?{_QUOTE}\s*,?\s*(?:[)\]]|$)",
        re.IGNORECASE | re.MULTILINE,
    )


def _one_line(raw: str, kind: Kind) -> str:
    """Writes a target text of several lines, one for each unit, as one.

    A line ends what it says where a unit or a colon ends it; elsewhere a target may go on.
    """
    lines = [line for line in raw.strip().split("\n") if line.strip()]
    if len(lines) < 2:
        return raw
    text = _LIST_MARK.sub("", "\n".join(lines))
    labels = "|".join(map(re.escape, kind.polarities))
    return re.sub(rf"(?i)(\|\s*(?:{labels})|:)[ \t]*[.,;]?[ \t]*\n", r"\1 ; ", text)


def _is_unit(item: Any, kind: Kind) -> bool:
    try:
        unit_of(item, kind)
    except ValueError:
        return False
    return True


def _lists(raw: str) -> Iterator[tuple[list[Any], int, int]]:
    """Yields the Python lists in a text, each from its first bracket on, and where it stands."""
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
                yield items, match.start(), end
                break


def read_label(raw: str, labels: Sequence[str]) -> str | None:
    """Reads which label an answer names, or ``None`` where it names none for sure.

    A label that the answer begins with, or says to be its answer, counts before one that it
    mentions; what is denied ("not positive") does not count, and several are none, mentioned or
    said to be its answer.

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
    matches = [match for match, _ in named]
    first = matches[0]
    if not re.search(r"\w", text[: first.start()]) and re.match(
        r"\W*(?:$|\n|[.,;:!)\"'*`\]]|[-–—(]|because\b|since\b|as\b|sentiment\b)",
        text[first.end() :].lstrip(" "),
    ):
        stated = _joined(text, matches)
    else:
        stated = set()
        for index, match in enumerate(matches):
            if _STATED.search(text[max(0, match.start() - _REACH) : match.start()]):
                stated |= _joined(text, matches, index)
    mentioned = stated or {label for _, label in named}
    return mentioned.pop() if len(mentioned) == 1 else None


def _joined(text: str, named: Sequence[re.Match[str]], first: int = 0) -> set[str]:
    """Returns a label and those that are enumerated with it."""
    labels = {named[first].group(1)}
    for before, match in pairwise(itertools.islice(named, first, None)):
        between = _ENUMERATES.fullmatch(text, before.end(), match.start())
        # Behind a comma, a label with a word of its own ("negative words") is another matter.
        if not between or (not between[1] and not _ENDS.match(text, match.end())):
            break
        labels.add(match.group(1))
    return labels


def _is_denied(text: str, match: re.Match[str]) -> bool:
    clause = text[max(0, match.start() - _REACH) : match.start()]
    ends = [end.end() for end in _CLAUSE_END.finditer(clause)]
    if _DENIED_BEFORE.search(_CERTAIN.sub("", clause[ends[-1] if ends else 0 :])):
        return True
    behind = _DENIED_BEHIND.match(text, match.end())
    return behind is not None and _DENIES.search(behind.group()) is not None

"""Targets as text, and text as targets.

A *unit* is what a task asks for, a dict with the task's fields and ``polarity`` (and, where a
target stands in the text, ``start`` and ``end``). A *target text* is the units joined by `` ; ``,
each one its fields joined by `` | ``, the polarity last: ``wine list | positive ; service |
negative``.

Gold units never pass through their text. A model's text does, and parsing it takes into account
that a target may itself hold ``;`` or ``|``, and that the tokenizer changes blanks, compatibility
characters and, where its vocabulary lacks a character, the character.
"""

import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise
from typing import Any

from fsa_jax.opinions.sentences import POLARITIES, Sentence, category_words
from fsa_jax.opinions.spans import LOST, UNKNOWN, Span, canonical, locate

Unit = dict[str, Any]
IMPLICIT = "NULL"


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a task asks for.

    Attributes:
        name: Short name: tsa, asa or quad.
        fields: The unit's fields in the order of the target text, without the polarity.
        polarities: The label set.
        categories: The category space, written as words; ``None`` where any category is taken.
        is_classified: Whether the fields are given and only the polarity is asked for. Then every
            gold unit has an answer, and one that names no label is a wrong one.
    """

    name: str
    fields: tuple[str, ...]
    polarities: tuple[str, ...] = POLARITIES
    categories: frozenset[str] | None = None
    is_classified: bool = False

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """The fields that make two units the same: all of them and the polarity."""
        return (*self.fields, "polarity")

    @property
    def row_name(self) -> str:
        """What a prediction row calls it: tsa, asa or quad; tsc or asc where it is classified."""
        return f"{self.name[:-1]}c" if self.is_classified else self.name


TSA = Kind("tsa", ("target",))
ASA = Kind("asa", ("category",))
QUAD = Kind("quad", ("category", "target", "opinion"))
TSC = dataclasses.replace(TSA, is_classified=True)
ASC = dataclasses.replace(ASA, is_classified=True)
KINDS = {kind.name: kind for kind in (TSA, ASA, QUAD)}


def gold_units(sentence: Sentence, kind: Kind) -> list[Unit]:
    """Returns the units that a task asks for in a sentence.

    Targeted units are unique by target, polarity and place, implicit ones left out, in the order of
    the text; categories are unique by category and polarity, in the order of the file; quads are
    unique as a whole, with ``NULL`` for what is implicit.
    """
    units = [_gold_unit(opinion, kind) for opinion in sentence.opinions]
    unique = list({tuple(unit.items()): unit for unit in units if unit is not None}.values())
    if kind.name == "tsa":
        # Numerically, and stably: the reference sorts offsets as strings, by accident.
        unique.sort(key=lambda unit: (unit["start"] is None, unit["start"], unit["end"]))
    return unique


def _gold_unit(opinion: Any, kind: Kind) -> Unit | None:
    if kind.name == "tsa":
        if opinion.target is None:
            return None
        return {
            "target": opinion.target,
            "polarity": opinion.polarity,
            "start": opinion.start,
            "end": opinion.end,
        }
    if opinion.category is None:
        return None
    unit = {"category": category_words(opinion.category)}
    if kind.name == "quad":
        unit["target"] = opinion.target or IMPLICIT
        unit["opinion"] = opinion.opinion or IMPLICIT
    unit["polarity"] = opinion.polarity
    if kind.name == "quad":
        unit |= {
            "start": opinion.start,
            "end": opinion.end,
            "opinion_start": opinion.opinion_start,
            "opinion_end": opinion.opinion_end,
        }
    return unit


def linearize(units: Iterable[Unit], kind: Kind) -> str:
    """Writes units as a target text; an empty one for none."""
    return " ; ".join(" | ".join(unit[key] for key in kind.keys) for unit in units)


def unit_key(unit: Unit, kind: Kind) -> tuple[str, ...]:
    """What makes two units the same: their fields and polarity, not their place or spelling."""
    return canonical_key(tuple(unit[key] for key in kind.keys))


def canonical_key(key: tuple[str, ...]) -> tuple[str, ...]:
    """Spells the fields of a unit in their one spelling."""
    return tuple(canonical(field) if isinstance(field, str) else field for field in key)


def holds(text: str, phrase: str) -> bool:
    """Whether a phrase is a part of a text, by the rule of the paper's implementation."""
    return phrase in text if text.isascii() else canonical(phrase) in canonical(text)


def parse(output: str, kind: Kind, text: str) -> tuple[list[Unit], list[str]]:
    """Reads a model's text as units.

    A unit ends with its polarity, so the text is cut behind each ``| polarity`` that ends a part,
    not at every ``;``. What lies between is one target, or, if the sentence does not hold it, junk
    and a target behind the last ``;``.

    Args:
        output: What the model wrote.
        kind: What was asked for.
        text: The sentence, in which targets and opinion words are looked up.

    Returns:
        The units in the order of the output, targets as the sentence writes them and with their
        offsets (``None`` where the sentence does not hold them), and the parts that are no unit.
    """
    placed, junk = parse_places(output, kind, text)
    return [unit for unit, _ in placed], junk


def parse_places(output: str, kind: Kind, text: str) -> tuple[list[tuple[Unit, Span]], list[str]]:
    """Reads a model's text as ``parse`` does, and says where in it each unit is written.

    Returns:
        The units, each with its offsets in ``canonical(output)``, from its first field to the end
        of its polarity; and the parts that are no unit.
    """
    placed: list[tuple[Unit, Span]] = []
    junk: list[str] = []
    used: dict[str, int] = {}
    output = canonical(output)
    begin = 0
    for anchor in _anchors(kind.polarities).finditer(output):
        body = output[begin : anchor.start()]
        unit, cut = _unit(body, kind, text, used)
        junk.extend(_parts(body[:cut]))
        if unit is None:
            junk.append(f"{body.strip()} {anchor.group().strip(' ;')}".strip())
        else:
            unit["polarity"] = anchor.group(1).lower()
            blanks = len(body[cut:]) - len(body[cut:].lstrip())
            placed.append((unit, (begin + cut + blanks, anchor.end(1))))
        begin = anchor.end()
    junk.extend(_parts(output[begin:]))
    return placed, junk


def parse_reference(output: str, kind: Kind, text: str) -> list[tuple[str, ...]]:
    """Reads a model's text by the rule of the paper's implementation.

    The text is cut at every ``;``; a part counts when it has exactly as many ``|`` as a unit, a
    known polarity behind the last one, and (TSA) a target that is a substring of the sentence.

    Returns:
        The units' fields, the polarity last; duplicates stay.
    """
    units = []
    for part in canonical(output).split(";"):
        fields = tuple(field.strip() for field in part.split("|"))
        if len(fields) != len(kind.keys) or fields[-1] not in kind.polarities:
            continue
        if kind.name == "tsa" and not holds(text, fields[0]):
            continue
        units.append(fields)
    return units


@functools.lru_cache(maxsize=64)
def _anchors(polarities: tuple[str, ...]) -> re.Pattern[str]:
    labels = "|".join(re.escape(label) for label in sorted(polarities, key=len, reverse=True))
    return re.compile(rf"\|\s*({labels})\s*(?:;|$)", re.IGNORECASE)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _unit(body: str, kind: Kind, text: str, used: dict[str, int]) -> tuple[Unit | None, int]:
    """Reads the fields of one unit; the parts in front of the second value are none of it."""
    for cut in _cuts(body):
        for unit in _readings(body[cut:], kind, text, used):
            return unit, cut
    last = body.rfind(";") + 1
    return _fallback(body[last:], kind, text, used), last


def _cuts(body: str) -> Iterator[int]:
    yield 0
    for match in re.finditer(";", body):
        yield match.end()


def _readings(body: str, kind: Kind, text: str, used: dict[str, int]) -> Iterator[Unit]:
    """Yields the ways to read a body so that the sentence and the category space know all of it."""
    for fields in _splits(body, len(kind.fields)):
        unit: Unit = {}
        for name, value in zip(kind.fields, fields, strict=True):
            known = _known(name, value, kind, text, used)
            if known is None:
                break
            unit |= known
        else:
            yield unit


def _splits(body: str, count: int) -> Iterator[tuple[str, ...]]:
    """Yields the ways to cut a body at ``count - 1`` of its bars."""
    if count == 1:
        yield (body.strip(),)
        return
    parts = body.split("|")
    for bars in combinations(range(1, len(parts)), count - 1):
        bounds = (0, *bars, len(parts))
        yield tuple("|".join(parts[a:b]).strip() for a, b in pairwise(bounds))


def _known(name: str, value: str, kind: Kind, text: str, used: dict[str, int]) -> Unit | None:
    if not value:
        return None
    if name == "category":
        words = category_words(value)
        if kind.categories is None:
            return None if ";" in words or "|" in words else {"category": words}
        found = words if words in kind.categories else _category(words, kind.categories)
        return {"category": found} if found else None
    prefix = "" if name == "target" else f"{name}_"
    if kind.name == "quad" and value.upper() == IMPLICIT:
        return {name: IMPLICIT, f"{prefix}start": None, f"{prefix}end": None}
    span = locate(text, value, used)
    if span is None:
        return None
    return {name: text[slice(*span)], f"{prefix}start": span[0], f"{prefix}end": span[1]}


def _category(words: str, categories: frozenset[str]) -> str | None:
    """Finds the one category that a text with lost characters stands for."""
    if UNKNOWN not in words:
        return None
    pattern = re.compile(LOST.join(re.escape(part.strip()) for part in words.split(UNKNOWN)))
    found = [category for category in categories if pattern.fullmatch(category)]
    return found[0] if len(found) == 1 else None


def _fallback(body: str, kind: Kind, text: str, used: dict[str, int]) -> Unit | None:
    fields: Sequence[str] = [field.strip() for field in body.split("|")]
    if len(fields) != len(kind.fields) or not all(fields):
        return None
    return settle_fields(fields, kind, text, used)


def settle_fields(values: Sequence[str], kind: Kind, text: str, used: dict[str, int]) -> Unit:
    """Makes a unit, but for its polarity, of the values of its fields.

    What the sentence or the category space does not know is taken as it is; it is wrong, yet it is
    an answer in the right form.

    Args:
        values: Texts, one for each of the kind's fields.
        kind: What was asked for.
        text: The sentence.
        used: See ``spans.locate``; updated.
    """
    unit: Unit = {}
    for name, value in zip(kind.fields, values, strict=True):
        known = _known(name, value, kind, text, used)
        if known is None and name == "category":
            known = {name: category_words(value)}
        prefix = "" if name == "target" else f"{name}_"
        unit |= known or {name: value, f"{prefix}start": None, f"{prefix}end": None}
    return unit

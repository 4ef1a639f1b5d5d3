"""The opinions form: one shape for every benchmark and every user's file.

A *sentence* is a text with its *opinions*. An opinion has a target (the reviewed thing, as it
stands in the text), a category, a polarity, and the opinion words; ``None`` stands for what is
implicit or not annotated. Offsets count characters of the text, end exclusive.
"""

import dataclasses
import enum
import unicodedata
from collections.abc import Iterable
from typing import Any

from fsa_jax.opinions.spans import candidates, canonical
from fsa_jax.runtime.files import shown

POLARITIES = ("positive", "negative", "neutral", "conflict")
# A phrase and its offsets (start, end); all None for what is implicit.
Place = tuple[str | None, int | None, int | None]
NOWHERE: Place = (None, None, None)


@dataclasses.dataclass(frozen=True, slots=True)
class Opinion:
    """One opinion of a sentence; every field may be ``None`` except the polarity."""

    target: str | None = None
    start: int | None = None
    end: int | None = None
    category: str | None = None
    polarity: str | None = None
    opinion: str | None = None
    opinion_start: int | None = None
    opinion_end: int | None = None

    def __post_init__(self) -> None:
        # One label, however a file composes its accents; what is no text is told by its reader.
        if isinstance(self.polarity, str):
            object.__setattr__(self, "polarity", canonical(self.polarity))


@dataclasses.dataclass(frozen=True, slots=True)
class Sentence:
    """A text with its opinions, in the order of the file.

    Attributes:
        id: Name of the sentence, unique in its file.
        text: The sentence.
        opinions: Its opinions.
        implicit: Whether an opinion lacks opinion words; ``None`` where none are annotated.
    """

    id: str
    text: str
    opinions: tuple[Opinion, ...] = ()
    implicit: bool | None = None

    @property
    def is_multiple(self) -> bool:
        """Whether the opinions have more than one polarity."""
        return len({opinion.polarity for opinion in self.opinions}) > 1

    def as_dict(self) -> dict[str, Any]:
        """Returns the JSON form of a line of an opinions file."""
        form: dict[str, Any] = {
            "id": self.id,
            "text": self.text,
            "opinions": [dataclasses.asdict(opinion) for opinion in self.opinions],
        }
        if self.implicit is not None:
            form["implicit"] = self.implicit
        return form


@dataclasses.dataclass(frozen=True)
class Labels:
    """What a file's labels may be.

    Attributes:
        polarities: The label set.
        categories: The category space, compared as words; ``None`` allows any.
    """

    polarities: tuple[str, ...] = POLARITIES
    categories: frozenset[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "polarities", tuple(map(canonical, self.polarities)))

    def complaint(self, opinion: Opinion) -> str | None:
        """Returns what is wrong with an opinion's labels, or ``None``."""
        if opinion.category is not None and (
            not isinstance(opinion.category, str) or is_blank(opinion.category)
        ):
            return f"category {shown(opinion.category)} is no text"
        if opinion.polarity not in self.polarities:
            return (
                f"unknown polarity {shown(opinion.polarity)}: one of {', '.join(self.polarities)} "
                "is expected"
            )
        if self.categories is None or opinion.category is None:
            return None
        if category_words(opinion.category) in self.categories:
            return None
        return f"category {shown(opinion.category)} is outside the space of {len(self.categories)}"


class Effect(enum.Enum):
    """What a reader does about something wrong."""

    NO_SENTENCE = "sentence left out"
    NO_OPINION = "opinion left out"
    REPAIRED = "can be repaired"
    GUESSED = "a guess"


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file.

    Attributes:
        line: Line of the file, counted from 1.
        id: Id of the sentence, or "" where there is none.
        message: What is wrong, and with which value.
        effect: What the reader did about it. What is repaired was read as it is surely meant; a
            guess was read as well, but may be wrong.
    """

    line: int
    id: str
    message: str
    effect: Effect

    @property
    def is_fault(self) -> bool:
        """Whether something had to be left out."""
        return self.effect in (Effect.NO_SENTENCE, Effect.NO_OPINION)

    def __str__(self) -> str:
        said = self.id if self.id.isprintable() and len(self.id) < 80 else shown(self.id)
        name = f" [{said}]" if said else ""
        return f"{self.line}:{name} {self.message}"


class Log:
    """Takes what a reader finds wrong in a file, line by line.

    Each sentence and each opinion of the file is either read or noted once as left out.

    Args:
        labels: What the labels may be.
    """

    def __init__(self, labels: Labels | None = None):
        self.labels = labels or Labels()
        self.problems: list[Problem] = []
        self._names: dict[str, int] = {}

    def drop(self, line: int, name: str, message: str) -> None:
        """Notes a sentence that cannot be read and is left out, with all its opinions."""
        self.problems.append(Problem(line, name, message, Effect.NO_SENTENCE))

    def fault(self, line: int, name: str, message: str) -> None:
        """Notes an opinion that cannot be read and is left out."""
        self.problems.append(Problem(line, name, message, Effect.NO_OPINION))

    def repair(self, line: int, name: str, message: str) -> None:
        """Notes something that was read as it is surely meant."""
        self.problems.append(Problem(line, name, message, Effect.REPAIRED))

    def guess(self, line: int, name: str, message: str) -> None:
        """Notes something that was read as it is perhaps meant."""
        self.problems.append(Problem(line, name, message, Effect.GUESSED))

    def allows(self, line: int, name: str, opinion: Opinion) -> bool:
        """Whether an opinion's labels are known; notes it if not."""
        complaint = self.labels.complaint(opinion)
        if complaint:
            self.fault(line, name, complaint)
        return complaint is None

    def unique(self, line: int, name: str) -> str:
        """Returns the name, with a number where a sentence before has the same one."""
        count = self._names.get(name, 0) + 1
        self._names[name] = count
        if count == 1:
            return name
        self.repair(
            line, name, f"id {shown(name)} stands {count} times; this one is named …#{count}"
        )
        return self.unique(line, f"{name}#{count}")

    def span(
        self, line: int, name: str, field: str, text: str, phrase: str, start: Any, end: Any
    ) -> Place:
        """Checks the offsets of a phrase; see ``settle_span``. Offsets may be texts of digits.

        A phrase that the text does not hold stays as it is, without offsets.
        """
        begin, stop = (self._offset(line, name, field, value) for value in (start, end))
        place, message, is_sure = settle_span(text, phrase, begin, stop)
        if message:
            note = self.repair if is_sure else self.guess
            note(line, name, f"{field} {message}")
        return place

    def target(
        self, line: int, name: str, field: str, text: str, phrase: Any, start: Any, end: Any
    ) -> Place | None:
        """Like ``span``, of what must stand in the text; notes where it does not, and returns None.

        Nobody can find what is not there, so such an opinion would only teach errors.
        """
        if not isinstance(phrase, str) or is_blank(phrase):
            self.fault(line, name, f"{field} {shown(phrase)} is no text")
            return None
        if not candidates(text, phrase):
            self.fault(line, name, f"{field} {shown(phrase)} is not in the text")
            return None
        return self.span(line, name, field, text, phrase, start, end)

    def _offset(self, line: int, name: str, field: str, value: Any) -> int | None:
        if value is None or value == "":
            return None
        if isinstance(value, str) and value.strip().isdecimal() and len(value) < 20:
            return int(value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and 0 <= value < 10**9 and value == int(value):
            return int(value)
        self.guess(line, name, f"{field}: {shown(value)} is no offset")
        return None


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen."""
    return all(unicodedata.category(character)[0] in "CZ" for character in text)


def mark_implicit(sentences: Iterable[Sentence], annotated: bool) -> list[Sentence]:
    """Marks the sentences with an opinion without opinion words.

    Args:
        sentences: The sentences of a file.
        annotated: Whether the file marks opinion words; only then does absence mean *implicit*.
    """
    if not annotated:
        return list(sentences)
    return [
        dataclasses.replace(s, implicit=any(opinion.opinion is None for opinion in s.opinions))
        for s in sentences
    ]


def settle_span(
    text: str, phrase: str, start: int | None, end: int | None
) -> tuple[Place, str | None, bool]:
    """Checks the offsets of a phrase against the text, and corrects them where it can.

    Args:
        text: The sentence.
        phrase: The phrase that the file names.
        start: Offset of its first character, or ``None``.
        end: Offset behind its last character, or ``None``.

    Returns:
        The phrase as the text writes it, without blanks around it, with its offsets (``None`` where
        the text does not hold it); a message where something was wrong; and whether what is
        returned is surely meant. The nearest place is taken where there are several.
    """
    stripped = phrase.strip()
    if start is not None and end is not None and text[start:end] == phrase:
        if stripped == phrase:
            return (phrase, start, end), None, True
        start += len(phrase) - len(phrase.lstrip())
        place = (stripped, start, start + len(stripped))
        return place, f"{shown(phrase)} has blanks around it", True
    spans = candidates(text, stripped)
    if not spans:
        message = f"{shown(stripped)} is not in the text, so it has no offsets"
        return (stripped, None, None), message, False
    chosen = spans[0] if start is None else min(spans, key=lambda span: abs(span[0] - start))
    written = text[slice(*chosen)]
    place = (written, *chosen)
    several = len(spans) > 1
    if canonical(written) != canonical(stripped):
        is_sure = start is not None or not several
        return place, f"{shown(stripped)} stands as {shown(written)} in the text", is_sure
    if start is None and several:
        return place, f"{shown(stripped)} stands {len(spans)} times; the first counts", False
    if start is not None and (start, end) != chosen:
        where = (
            f"offsets {start}-{end} do not hold {shown(phrase)}; it is at {chosen[0]}-{chosen[1]}"
        )
        return place, where, True
    if written != stripped:
        return place, f"{shown(stripped)} has its accents composed otherwise in the text", True
    return place, None, True


def category_words(category: str) -> str:
    """Writes a category as words: ``FOOD#QUALITY`` becomes ``food quality``."""
    return canonical(" ".join(category.replace("#", " ").lower().split()))


def normalize(text: str) -> str:
    """Normalises as SentencePiece does: NFKC, each run of blanks one blank, none at the ends."""
    return " ".join(unicodedata.normalize("NFKC", text).split())

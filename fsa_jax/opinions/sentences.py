"""The opinions form: one shape for every benchmark and every user's file.

A *sentence* is a text with its *opinions*. An opinion has a target (the reviewed thing, as it
stands in the text), a category, a polarity, and the opinion words; `None` stands for what is
implicit or not annotated. Offsets count characters of the text, end exclusive.
"""

import dataclasses
import unicodedata
from collections.abc import Iterable
from typing import Any

from fsa_jax.opinions.spans import candidates

POLARITIES = ("positive", "negative", "neutral", "conflict")
# A phrase and its offsets (start, end); all None for what is implicit.
Place = tuple[str | None, int | None, int | None]
NOWHERE: Place = (None, None, None)


@dataclasses.dataclass(frozen=True, slots=True)
class Opinion:
    """One opinion of a sentence; every field may be `None` except the polarity."""

    target: str | None = None
    start: int | None = None
    end: int | None = None
    category: str | None = None
    polarity: str | None = None
    opinion: str | None = None
    opinion_start: int | None = None
    opinion_end: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Sentence:
    """A text with its opinions, in the order of the file.

    Args:
        id: Name of the sentence, unique in its file.
        text: The sentence.
        opinions: Its opinions.
        implicit: Whether an opinion lacks opinion words; `None` where none are annotated.
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

    Args:
        polarities: The label set.
        categories: The category space, compared as words; `None` allows any.
    """

    polarities: tuple[str, ...] = POLARITIES
    categories: frozenset[str] | None = None

    def complaint(self, opinion: Opinion) -> str | None:
        """Returns what is wrong with an opinion's labels, or `None`."""
        if opinion.polarity not in self.polarities:
            return (
                f"unknown polarity {opinion.polarity!r}: one of {', '.join(self.polarities)} "
                "is expected"
            )
        if self.categories is None or opinion.category is None:
            return None
        if category_words(opinion.category) in self.categories:
            return None
        return f"category {opinion.category!r} is outside the space of {len(self.categories)}"


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file.

    Args:
        line: Line of the file, counted from 1.
        id: Id of the sentence, or "" where there is none.
        message: What is wrong, and with which value.
        repaired: Whether the reader could go on with a value that is surely meant.
    """

    line: int
    id: str
    message: str
    repaired: bool = False

    def __str__(self):
        name = f" [{self.id}]" if self.id else ""
        return f"{self.line}:{name} {self.message}"


class Log:
    """Takes what a reader finds wrong in a file, line by line.

    Args:
        labels: What the labels may be.
    """

    def __init__(self, labels: Labels | None = None):
        self.labels = labels or Labels()
        self.problems: list[Problem] = []
        self._names: dict[str, int] = {}

    def fault(self, line: int, name: str, message: str) -> None:
        """Notes something that cannot be read and is left out."""
        self.problems.append(Problem(line, name, message))

    def repair(self, line: int, name: str, message: str) -> None:
        """Notes something that was read as it is surely meant."""
        self.problems.append(Problem(line, name, message, repaired=True))

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
            line, name, f"id {name!r} stands {count} times; this one is named {name}#{count}"
        )
        return self.unique(line, f"{name}#{count}")

    def span(
        self, line: int, name: str, field: str, text: str, phrase: str, start: Any, end: Any
    ) -> Place:
        """Checks the offsets of a phrase; see `settle_span`. Offsets may be texts of digits."""
        begin, stop = (self._offset(line, name, field, value) for value in (start, end))
        settled, begin, stop, message = settle_span(text, phrase, begin, stop)
        if message:
            self.repair(line, name, f"{field} {message}")
        return settled, begin, stop

    def _offset(self, line: int, name: str, field: str, value: Any) -> int | None:
        if value is None or value == "":
            return None
        try:
            return int(value)
        except (TypeError, ValueError):
            self.repair(line, name, f"{field}: {value!r} is no offset")
            return None


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
) -> tuple[str, int | None, int | None, str | None]:
    """Checks the offsets of a phrase against the text, and corrects them where it can.

    Args:
        text: The sentence.
        phrase: The phrase that the file names.
        start: Offset of its first character, or `None`.
        end: Offset behind its last character, or `None`.

    Returns:
        The phrase without blanks around it, its offsets (`None` where the text does not hold it),
        and a message where something was wrong: the nearest place is taken where there are several.
    """
    stripped = phrase.strip()
    if start is not None and end is not None and text[start:end] == phrase:
        if stripped == phrase:
            return phrase, start, end, None
        start += len(phrase) - len(phrase.lstrip())
        return stripped, start, start + len(stripped), f"{phrase!r} has blanks around it"
    spans = candidates(text, stripped)
    if not spans:
        return stripped, None, None, f"{stripped!r} is not in the text, so it has no offsets"
    begin, stop = spans[0]
    if text[begin:stop] != stripped:
        written = text[begin:stop]
        return written, begin, stop, f"{stripped!r} stands as {written!r} in the text"
    if start is None:
        chosen = spans[0]
        return (
            stripped,
            *chosen,
            None
            if len(spans) == 1
            else f"{stripped!r} stands {len(spans)} times; the first counts",
        )
    chosen = min(spans, key=lambda span: abs(span[0] - start))
    message = f"offsets {start}-{end} do not hold {phrase!r}; it is at {chosen[0]}-{chosen[1]}"
    return stripped, *chosen, message


def category_words(category: str) -> str:
    """Writes a category as words: lower case, `#` as a blank (`FOOD#QUALITY` → `food quality`)."""
    return " ".join(category.replace("#", " ").lower().split())


def normalize(text: str) -> str:
    """Normalises as SentencePiece does: NFKC, each run of blanks one blank, none at the ends."""
    return " ".join(unicodedata.normalize("NFKC", text).split())

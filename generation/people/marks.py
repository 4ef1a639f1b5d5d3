"""What one annotator marked in a review: opinions by sentence, as Label Studio exports them.

A region of the export is a marked passage, with what was chosen for it; links are between regions.
Offsets are checked against the text, and counted anew within the sentence.
"""

import bisect
import collections
import dataclasses
from typing import Any

from fsa_jax.opinions.categories import NAMES
from fsa_jax.opinions.sentences import Opinion, Sentence, settle_span
from fsa_jax.opinions.units import IMPLICIT
from fsa_jax.runtime.files import shown
from generation.people import annotating
from generation.people.annotating import CATEGORY, POLARITY, TARGET, WORDS
from generation.people.label_studio import Annotation, Item

Span = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Mark:
    """One opinion: where its target stands (``None`` for an implicit one), and the rest."""

    place: Span | None
    category: str
    polarity: str
    words: frozenset[Span]


@dataclasses.dataclass
class Marks:
    """A sentence as one annotator left it.

    Attributes:
        text: The sentence.
        opinions: What was marked.
        is_left_out: Whether the annotator could not decide.
        complaints: What is unfinished or wrong.
    """

    text: str
    opinions: set[Mark] = dataclasses.field(default_factory=set)
    is_left_out: bool = False
    complaints: list[str] = dataclasses.field(default_factory=list)

    def say(self, place: Span | None) -> str:
        """Writes a passage."""
        return IMPLICIT if place is None else shown(self.text[slice(*place)])

    def sentence(self, name: str) -> Sentence:
        """Returns the sentence in the opinions form, opinions in the order of the text."""
        ordered = sorted(
            self.opinions,
            key=lambda o: (o.place is None, o.place or (0, 0), o.category, o.polarity),
        )
        opinions = [
            Opinion(*self._place(o.place), o.category, o.polarity, *self._place(span))
            for o in ordered
            for span in (sorted(o.words) if o.words else (None,))
        ]
        implicit = any(not opinion.words for opinion in self.opinions)
        return Sentence(name, self.text, tuple(opinions), implicit)

    def _place(self, span: Span | None) -> tuple[str | None, int | None, int | None]:
        return (None, None, None) if span is None else (self.text[slice(*span)], *span)


@dataclasses.dataclass
class _Region:
    """A marked passage: in which sentence, where in it, and the values of its controls."""

    sentence: int
    span: Span
    values: dict[str, dict[str, Any]]

    def labels(self, control: str) -> list[Any]:
        found = self.values.get(control, {}).get("labels")
        return found if isinstance(found, list) else []


def read(annotation: Annotation, item: Item) -> list[Marks]:
    """Reads the marks of each sentence of a review.

    What is wrong is a complaint of its sentence; a passage that lies in none is one of the item.
    """
    reader = _Reader(annotation, item)
    for name, region in reader.regions.items():
        reader.take(name, region)
    return reader.sentences


class _Reader:
    def __init__(self, annotation: Annotation, item: Item):
        self._who, self._item = annotation.annotator, item
        self._text = item.data["text"]
        self.sentences = [Marks(line) for line in self._text.split("\n")]
        values: dict[str, dict[str, dict[str, Any]]] = collections.defaultdict(dict)
        self._links: dict[str, list[str]] = collections.defaultdict(list)
        for result in annotation.results:
            if result.get("type") == "relation":
                ends = str(result.get("from_id")), str(result.get("to_id"))
                for one, other in (ends, ends[::-1]):
                    self._links[one].append(other)
            else:
                values[str(result.get("id"))][str(result.get("from_name"))] = result["value"]
        found = {name: self._region(each) for name, each in values.items()}
        self.regions = {name: region for name, region in found.items() if region}

    def take(self, name: str, region: _Region) -> None:
        """Takes a region in: an opinion, opinion words that must be linked, or "leave out"."""
        marks = self.sentences[region.sentence]
        target, words = region.labels(TARGET), region.labels(WORDS)
        if target and words:
            self._complain(region, "is both target and opinion words; keep one of the two labels")
        elif annotating.LEFT_OUT in words:
            marks.is_left_out = True
        elif words:
            targets = [other for other in self._linked(name) if other.labels(TARGET)]
            if not targets:
                self._complain(region, "is linked to no target; link the opinion words to theirs")
            elif any(other.sentence != region.sentence for other in targets):
                self._complain(region, "is linked to a target of another sentence; remove the link")
        elif target:
            self._opinion(name, region, marks, is_implicit=target == [IMPLICIT])
        else:
            self._complain(region, "has no label; label or delete it")

    def _linked(self, name: str) -> list[_Region]:
        return [self.regions[other] for other in self._links[name] if other in self.regions]

    def _opinion(self, name: str, region: _Region, marks: Marks, is_implicit: bool) -> None:
        paths = region.values.get(CATEGORY, {}).get("taxonomy") or []
        polarities = region.values.get(POLARITY, {}).get("choices") or []
        categories = ["#".join(map(str, path)) for path in paths if isinstance(path, list)]
        fine = True
        for what, chosen, known in (
            (CATEGORY, categories, NAMES[self._item.data["domain"]]),
            (POLARITY, polarities, annotating.POLARITIES),
        ):
            if len(chosen) != 1 or chosen[0] not in known:
                said = " and ".join(map(str, chosen)) or "none"
                self._complain(region, f"has {said} as its {what}; choose one that is offered")
                fine = False
        if fine:
            spans = frozenset(other.span for other in self._linked(name) if other.labels(WORDS))
            place = None if is_implicit else region.span
            marks.opinions.add(Mark(place, categories[0], polarities[0], spans))

    def _region(self, values: dict[str, dict[str, Any]]) -> _Region | None:
        """Finds a passage in the text; one that a sentence does not hold is complained of."""
        value = next(iter(values.values()))
        start, end = (
            value.get(name) if type(value.get(name)) is int else None for name in ("start", "end")
        )
        phrase = value.get("text")
        if not isinstance(phrase, str) or not phrase.strip():
            phrase = self._text[start:end] if start is not None and end is not None else ""
        (_, start, end), _, _ = settle_span(self._text, phrase, start, end)
        if not phrase.strip() or start is None or end is None:
            self._item.complaints.append(
                f"{self._who}: {shown(phrase)} is not in the text; mark it again"
            )
            return None
        starts = [0]
        for marks in self.sentences:
            starts.append(starts[-1] + len(marks.text) + 1)
        index = bisect.bisect_right(starts, start) - 1
        region = _Region(index, (start - starts[index], end - starts[index]), values)
        if end >= starts[index + 1]:
            self._complain(region, "spans several sentences; mark within one line")
            return None
        return region

    def _complain(self, region: _Region, what: str) -> None:
        marks = self.sentences[region.sentence]
        marks.complaints.append(f"{self._who}: {marks.say(region.span)} {what}")

"""Draws sentences with known opinions from the two halves of the sample world."""

import dataclasses
import functools
import importlib.resources
import random
from typing import Any

import yaml

POLARITIES = ("positive", "negative")
_DEGREES = ("", "", "", "really ", "very ", "so ", "a bit ")
_NEUTRAL = ("okay", "average", "decent", "ordinary")


@dataclasses.dataclass(frozen=True, slots=True)
class SampleOpinion:
    """One opinion of a sentence.

    Attributes:
        target: The words reviewed, or None where the sentence names none.
        start: Offset of ``target`` in the sentence in characters, or None.
        category: Such as ``FOOD#QUALITY``.
        polarity: Positive, negative, neutral or conflict.
        words: (offset, opinion word) pairs; empty where the opinion is implicit.
    """

    target: str | None
    start: int | None
    category: str
    polarity: str
    words: tuple[tuple[int, str], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class SampleSentence:
    """A sentence and its opinions, in the order of the text."""

    text: str
    opinions: tuple[SampleOpinion, ...]

    @property
    def implicit(self) -> bool:
        """Whether any opinion has no opinion word."""
        return any(not opinion.words for opinion in self.opinions)

    @property
    def multiple(self) -> bool:
        """Whether the opinions differ in polarity."""
        return len({opinion.polarity for opinion in self.opinions}) > 1


@functools.cache
def half(domain: str) -> dict[str, Any]:
    """Returns the shipped description of one half of the world, ``restaurant`` or ``laptop``."""
    text = importlib.resources.files(__package__).joinpath(f"{domain}.yaml").read_text("utf-8")
    return dict(yaml.safe_load(text))


class _Builder:
    """Collects pieces of a sentence and remembers where targets and opinion words came to stand."""

    def __init__(self) -> None:
        self.text = ""

    def add(self, piece: str) -> int:
        """Appends a piece and returns the offset where it begins.

        The first letter becomes a capital.
        """
        start = len(self.text)
        self.text += piece if start else piece[:1].upper() + piece[1:]
        return start

    def noun(self, target: str) -> tuple[str, int]:
        """Appends a target and returns it as it stands in the text, with its offset."""
        start = self.add(target)
        return self.text[start : start + len(target)], start


class Speaker:
    """Draws sentences about one domain.

    Args:
        domain: ``restaurant`` or ``laptop``.
        rng: The only source of chance.
        reach: Share of each word list that may be drawn, from its front; the train sets of the
            benchmark use less than 1, so that tests hold words that only the reviews have taught.
    """

    def __init__(self, domain: str, rng: random.Random, reach: float = 1.0) -> None:
        self.world, self.rng, self.reach = half(domain), rng, reach

    def sentence(self, mood: float, kind: str | None = None) -> SampleSentence:
        """Draws one sentence.

        Args:
            mood: Chance of a positive opinion, 0 to 1.
            kind: One of ``KINDS``; drawn by its weight where None.
        """
        kind = kind or self.rng.choices(list(KINDS), list(KINDS.values()))[0]
        sentence: SampleSentence = getattr(self, f"_{kind}")(mood)
        return sentence

    def _polarity(self, mood: float) -> str:
        return POLARITIES[self.rng.random() >= mood]

    def _draw(self, items: list[str], reach: float | None = None) -> str:
        # Squaring a uniform number favours the front of the list: 3 in 10 draws fall on its first
        # tenth.
        count = max(1, round(len(items) * (self.reach if reach is None else reach)))
        return items[int(count * self.rng.random() ** 2)]

    def _thing(self, but: str | None = None) -> dict[str, Any]:
        names = [name for name in self.world["things"] if name != but]
        return dict(self.world["things"][self._draw(names, 1.0)])

    def _words(self, thing: dict[str, Any], polarity: str) -> str:
        return self._draw(thing[polarity])

    def _describe(
        self, build: _Builder, article: str, thing: dict[str, Any], polarity: str
    ) -> SampleOpinion:
        """Appends "the soup was very good" and returns its opinion."""
        build.add(article)
        target, start = build.noun(self._draw(thing["targets"]))
        plural = target.endswith("s") and not target.endswith("ss")
        build.add(" were " if plural else " was ")
        if self.rng.random() < 0.12:
            opposite = POLARITIES[1 - POLARITIES.index(polarity)]
            begin = build.add("not ")
            build.add(word := self._words(thing, opposite))
            words = ((begin, f"not {word}"),)
        else:
            build.add(self.rng.choice(_DEGREES))
            words = ((build.add(word := self._words(thing, polarity)), word),)
        return SampleOpinion(target, start, thing["category"], polarity, words)

    def _plain(self, mood: float) -> SampleSentence:
        return SampleSentence(self.rng.choice(self.world["plain"]), ())

    def _explicit(self, mood: float) -> SampleSentence:
        build, thing, polarity = _Builder(), self._thing(), self._polarity(mood)
        if self.rng.random() < 0.6:
            opinion = self._describe(build, "the ", thing, polarity)
        else:
            word = self.rng.choice(
                ("love", "enjoyed") if polarity == "positive" else ("hated", "disliked")
            )
            build.add("I ")
            begin = build.add(word)
            build.add(" the ")
            target, start = build.noun(self._draw(thing["targets"]))
            opinion = SampleOpinion(target, start, thing["category"], polarity, ((begin, word),))
        build.add(self.rng.choice((".", ".", "!")))
        return SampleSentence(build.text, (opinion,))

    def _pair(self, mood: float) -> SampleSentence:
        """Two targets, one opinion word."""
        build, thing, polarity = _Builder(), self._thing(), self._polarity(mood)
        first = self._draw(thing["targets"])
        second = self._draw([target for target in thing["targets"] if target != first])
        build.add("the ")
        spans = [build.noun(first)]
        build.add(" and ")
        spans.append(build.noun(second))
        build.add(" were ")
        word = self._words(thing, polarity)
        words = ((build.add(word), word),)
        build.add(".")
        return SampleSentence(
            build.text,
            tuple(SampleOpinion(t, s, thing["category"], polarity, words) for t, s in spans),
        )

    def _contrast(self, mood: float) -> SampleSentence:
        """Two targets judged in opposite ways."""
        build = _Builder()
        polarity = self._polarity(0.5)
        names = list(self.world["things"])
        name = self._draw(names, 1.0)
        first = self._describe(build, "the ", self.world["things"][name], polarity)
        build.add(self.rng.choice((" but ", ", but ", " although ")))
        second = self._describe(
            build, "the ", self._thing(name), POLARITIES[1 - POLARITIES.index(polarity)]
        )
        build.add(".")
        return SampleSentence(build.text, (first, second))

    def _neutral(self, mood: float) -> SampleSentence:
        build, thing = _Builder(), self._thing()
        build.add("the ")
        target, start = build.noun(self._draw(thing["targets"]))
        build.add(" was " if not target.endswith("s") else " were ")
        word = self.rng.choice(_NEUTRAL)
        begin = build.add(word)
        build.add(".")
        return SampleSentence(
            build.text,
            (SampleOpinion(target, start, thing["category"], "neutral", ((begin, word),)),),
        )

    def _conflict(self, mood: float) -> SampleSentence:
        """One target judged in both ways by one sentence."""
        build, thing = _Builder(), self._thing()
        first = self._describe(build, "the ", thing, "positive")
        build.add(" but ")
        word = self._words(thing, "negative")
        words = (*first.words, (build.add(word), word))
        build.add(".")
        return SampleSentence(
            build.text, (dataclasses.replace(first, polarity="conflict", words=words),)
        )

    def _fact(self, mood: float) -> SampleSentence:
        """An implicit opinion about a named target."""
        thing, polarity = self._thing(), self._polarity(mood)
        target = self._draw(thing["targets"])
        before, after = self._draw(thing["facts"][polarity]).split("{t}")
        return SampleSentence(
            before + target + after,
            (SampleOpinion(target, len(before), thing["category"], polarity, ()),),
        )

    def _unnamed(self, mood: float) -> SampleSentence:
        """An implicit opinion without a target."""
        category = self._draw(list(self.world["implicit"]), 1.0)
        polarity = self._polarity(mood)
        text = self._draw(self.world["implicit"][category][polarity])
        return SampleSentence(text, (SampleOpinion(None, None, category, polarity, ()),))

    def _general(self, mood: float) -> SampleSentence:
        """An explicit opinion about the place or the product as a whole."""
        build, polarity = _Builder(), self._polarity(mood)
        build.add("this is a ")
        word = self.rng.choice(
            ("great", "wonderful", "nice")
            if polarity == "positive"
            else ("bad", "terrible", "poor")
        )
        words = ((build.add(word), word),)
        build.add(" ")
        target, start = build.noun(self._draw(self.world["place"]))
        build.add(".")
        return SampleSentence(
            build.text, (SampleOpinion(target, start, self.world["general"], polarity, words),)
        )


KINDS = {
    "explicit": 30,
    "pair": 10,
    "contrast": 12,
    "neutral": 6,
    "conflict": 2,
    "fact": 14,
    "unnamed": 10,
    "general": 8,
    "plain": 8,
}
HARD_KINDS = {"contrast": 40, "fact": 35, "unnamed": 25}

"""Loads what the lexicon teacher knows: VADER's lexicon, and ours over it."""

import dataclasses
import functools
import importlib.resources
import re
from typing import Any

import yaml


@dataclasses.dataclass(frozen=True, slots=True)
class Cue:
    """A phrase that judges without a sentiment word.

    Attributes:
        pattern: Matches lower-cased text.
        value: Its weight on VADER's scale.
        means: What the phrase implies, as a noun phrase.
        aspect: The aspect judged where the clause names no target; None for the whole.
    """

    pattern: re.Pattern[str]
    value: float
    means: str
    aspect: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known about one domain.

    Attributes:
        whole: What a review is about where it names nothing.
        general: The aspect of the whole.
        terms: Aspect by target term, lower case, of one to three words.
        valences: Weight by word, lower case.
        implied: Aspect by opinion word.
        cues: Phrases that judge, in order of precedence.
        boosters: Weight added by a degree word.
        negations: Words that turn a judgement around.
    """

    whole: str
    general: str
    terms: dict[str, str]
    valences: dict[str, float]
    implied: dict[str, str]
    cues: tuple[Cue, ...]
    boosters: dict[str, float]
    negations: frozenset[str]


@functools.cache
def _file() -> dict[str, Any]:
    text = importlib.resources.files(__package__).joinpath("knowledge.yaml").read_text("utf-8")
    content: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return content


def version() -> str:
    """Returns the version of the rules; it is the teacher's revision in the ledger."""
    return f"rules-{_file()['version']}"


@functools.cache
def load(domain: str) -> Knowledge:
    """Returns what is known about ``restaurant`` or ``laptop``."""
    from vaderSentiment import vaderSentiment as vader  # noqa: N813

    file, mine = _file(), _file()["domains"][domain]
    terms = {term.lower(): aspect for aspect, names in mine["aspects"].items() for term in names}
    valences = {
        word: value
        for word, value in vader.SentimentIntensityAnalyzer().lexicon.items()
        if word.isalpha()
    }
    valences |= file["valences"]["shared"] | file["valences"][domain]
    cues = []
    for cue in file["cues"]:
        aspect = cue["aspect"] if isinstance(cue["aspect"], str) else cue["aspect"][domain]
        cues.append(
            Cue(
                re.compile(cue["match"]),
                cue["value"],
                cue["means"],
                None if aspect == "*" else aspect,
            )
        )
    return Knowledge(
        whole=mine["whole"],
        general=mine["general"],
        terms=terms,
        valences={word: value for word, value in valences.items() if word not in terms},
        implied={
            word: aspect for aspect, words in file["implied"][domain].items() for word in words
        },
        cues=tuple(cues),
        boosters=dict(vader.BOOSTER_DICT)
        | {"a bit": vader.B_DECR, "bit": vader.B_DECR, "pretty": 0.1, "super": vader.B_INCR},
        negations=frozenset(vader.NEGATE)
        | {"no", "not", "never", "nothing", "hardly", "barely", "n't", "without", "lacks"},
    )


@functools.cache
def telling_words(domain: str) -> frozenset[str]:
    """Returns single words, lower case, that speak for one domain and not for the other."""
    words = {}
    for name, mine in _file()["domains"].items():
        terms = {
            term.lower() for names in mine["aspects"].values() for term in names if " " not in term
        }
        words[name] = terms | {word.lower() for word in _file()["telling"][name]}
    others = set().union(*(found for name, found in words.items() if name != domain))
    return frozenset(words[domain] - others)

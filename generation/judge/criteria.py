"""The paper's six scores of an analysis (appendix B.2): what earns them, how a model tells them.

People give them in Label Studio (``generation.people``), and LLMs as a JSON object. An LLM's scores
are kept in a file of their own (``generation.judge.scores``), which no report of people's reads.
"""

import dataclasses
import json
from typing import Any

from fsa_jax.runtime.files import shown


@dataclasses.dataclass(frozen=True)
class Criterion:
    """One of the six scores; ``points`` says what earns 0, 1 and 2."""

    name: str
    title: str
    points: tuple[str, str, str]


CRITERIA = (
    Criterion(
        "precision",
        "Precision of targets and aspects",
        ("several are wrong", "one target or aspect is wrong", "all are right"),
    ),
    Criterion(
        "recall",
        "Recall of targets and aspects",
        ("a target or several aspects are missing", "one aspect is missing", "none is missing"),
    ),
    Criterion(
        "sentiment",
        "Accuracy of sentiments, at most the score of precision",
        (
            "one is off by two of the five levels, or several by one",
            "one is off by one level",
            "all are right",
        ),
    ),
    Criterion(
        "persuasiveness",
        "Persuasiveness of the reasoning",
        (
            "one reason supports nothing, or several are weak",
            "one reason is weak",
            "every reason supports its sentiment",
        ),
    ),
    Criterion(
        "exhaustiveness",
        "Exhaustiveness of the reasoning",
        (
            "several telling passages are left out",
            "one telling passage is left out",
            "every telling passage is used",
        ),
    ),
    Criterion(
        "hallucination",
        "Freedom of the reasoning from hallucination",
        (
            "several reasons use words that the review lacks or that do not matter",
            "one reason does",
            "none does",
        ),
    ),
)
NAMES = tuple(criterion.name for criterion in CRITERIA)
LOWEST, HIGHEST = 0, 2
LEVELS = (
    "Sentiments have five levels: very negative, negative, neutral (slight ones too), positive, "
    "very positive."
)
_SCORE = {"type": "integer", "enum": list(range(LOWEST, HIGHEST + 1))}
# What an answer must be, as OpenAI's protocol takes it.
RESPONSE_FORMAT: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "scores",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": dict.fromkeys(NAMES, _SCORE),
            "required": list(NAMES),
            "additionalProperties": False,
        },
    },
}
# Braces that are looked at; whoever writes more writes no scores.
_MOST_BRACES = 64


def cap(scores: dict[str, int]) -> bool:
    """Lowers the score of sentiments to that of precision, as the guide asks.

    Returns:
        Whether it was higher.
    """
    is_higher = scores["sentiment"] > scores["precision"]
    scores["sentiment"] = min(scores["sentiment"], scores["precision"])
    return is_higher


def read_scores(answer: str) -> dict[str, int]:
    """Reads a model's scores: the first JSON object in its answer that has them.

    Args:
        answer: What the model wrote; there may be words around the object, or other objects.

    Raises:
        ValueError: There is none, or a score is none; the message begins with a name of
            ``quality.RULES``.
    """
    best: dict[str, Any] = {}
    for candidate in _objects(answer):
        if len(candidate.keys() & set(NAMES)) > len(best.keys() & set(NAMES)):
            best = candidate
    missing = [name for name in NAMES if name not in best]
    if missing:
        what = "JSON object with the six scores" if len(missing) == len(NAMES) else missing[0]
        raise ValueError(f"unparseable: no {what} in the answer")
    return {name: _score(name, best[name]) for name in NAMES}


def _objects(text: str) -> "list[dict[str, Any]]":
    decoder = json.JSONDecoder()
    found = []
    place = -1
    for _ in range(_MOST_BRACES):
        if (place := text.find("{", place + 1)) < 0:
            break
        try:
            value, _ = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            continue
        found.append(value)
    return found


def _score(name: str, value: Any) -> int:
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.isdecimal() and len(text) < 4:
        text = int(text)
    is_number = isinstance(text, int | float) and not isinstance(text, bool)
    if not is_number or text not in _SCORE["enum"]:
        raise ValueError(
            f"out_of_range: {name} is {shown(value)}; a score is {LOWEST}, 1 or {HIGHEST}"
        )
    return int(text)

"""Writes ANL and RW text from what ``analysis`` found, and is the teacher's front door."""

import hashlib

from generation.lexicon import knowledge
from generation.lexicon.analysis import LEVELS, Judgement, analyze

_FEELINGS = (
    ("I really disliked", "I was very unhappy with", "I was extremely disappointed with"),
    ("I did not like", "I was unhappy with", "I was disappointed with"),
    (
        "I had mixed feelings about",
        "I have no strong opinion on",
        "I was neither happy nor unhappy with",
    ),
    ("I liked", "I was happy with", "I was pleased with"),
    ("I really loved", "I was very happy with", "I was extremely pleased with"),
)
_OVERALL = (
    "Overall, I had a very bad experience with this {whole}.",
    "Overall, I had a bad experience with this {whole}.",
    "Overall, I have mixed feelings about this {whole}.",
    "Overall, I had a good experience with this {whole}.",
    "Overall, I had a very good experience with this {whole}.",
)
_VERBS_TEXT = """
love loved enjoy enjoyed like liked hate hated dislike disliked recommend appreciate appreciated
"""
_VERBS = frozenset(_VERBS_TEXT.split())


def analysis_text(review: str, domain: str) -> str:
    """Writes the answer to the analysis prompt.

    It has one block of four lines per opinion, and a blank line between blocks.

    Args:
        review: An English review.
        domain: ``restaurant`` or ``laptop``.
    """
    known = knowledge.load(domain)
    found = analyze(review, known)
    if not found:
        found = [Judgement(known.whole, False, known.general, 2, [], None, "")]
    return "\n\n".join(
        f'Opinion Target {number}: "{item.target}"\nAspect: "{item.aspect}"\n'
        f"Sentiment: {LEVELS[item.level]}\nReasoning: {_reasoning(item)}"
        for number, item in enumerate(found, 1)
    )


def rewrite_text(review: str, domain: str) -> str:
    """Writes the answer to the rewriting prompt.

    It tells the opinions in the first person, each with its feeling and reason.

    Args:
        review: An English review.
        domain: ``restaurant`` or ``laptop``.
    """
    known = knowledge.load(domain)
    found = analyze(review, known)
    sentences = [_first_person(item) for item in found]
    mean = sum(item.level for item in found) / len(found) if found else 2.0
    return " ".join([*sentences, _OVERALL[round(mean)].format(whole=known.whole)])


def _reasoning(item: Judgement) -> str:
    if not item.phrases:
        return "The review states facts and uses no words of sentiment."
    sentiment = LEVELS[item.level].lower() + ("" if item.level == 2 else " sentiment")
    about = (
        f"the {item.target}" if item.named else f"the {item.target}, which the review does not name"
    )
    if item.cue:
        quote = _quote(item.phrases[0])
        return (
            f'The review uses no word of sentiment, but "{quote}" implies {item.cue.means}, '
            f"a {sentiment} toward {about}."
        )
    words = "word" if len(item.phrases) == 1 and " " not in item.phrases[0] else "words"
    verb = "expresses" if words == "word" else "express"
    return f"The {words} {_quotes(item.phrases)} {verb} {sentiment} toward {about}."


def _first_person(item: Judgement) -> str:
    feeling = _pick(_FEELINGS[item.level], item.target + item.clause)
    thing = item.target if item.target.lower().startswith(("the ", "my ")) else f"the {item.target}"
    if item.cue:
        return f'{feeling} {thing}, since "{_quote(item.phrases[0])}" means {item.cue.means}.'
    verb = next((phrase for phrase in item.phrases if phrase.lower().split()[-1] in _VERBS), None)
    if verb:
        return f"{feeling} {thing}: I {_quote(verb).lower()} it."
    return f"{feeling} {thing}, which I would describe as {_quotes(item.phrases)}."


def _quotes(phrases: list[str]) -> str:
    quoted = [f'"{_quote(phrase)}"' for phrase in phrases[:3]]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _quote(phrase: str, limit: int = 120) -> str:
    """Shortens a quotation at a word's end and keeps it on one line without quotes of its own."""
    phrase = " ".join(phrase.replace('"', "'").split()).rstrip(".!?,;: ")
    return phrase if len(phrase) <= limit else phrase[:limit].rsplit(" ", 1)[0] + " …"


def _pick(choices: tuple[str, ...], seed: str) -> str:
    # A stable choice: Python's own hash of a string differs from one process to the next.
    return choices[hashlib.sha256(seed.encode("utf-8", "replace")).digest()[0] % len(choices)]

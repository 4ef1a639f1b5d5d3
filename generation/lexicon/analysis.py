"""Reads a review: splits it into clauses and finds who is judged, how strongly, and by which words.

A *clause* here is a stretch of text that holds one judgement as far as the rules can tell: a
sentence, split at words of contrast, and at commas and "and" where both sides name a target and
judge it.
"""

import dataclasses
import math
import re

from generation.lexicon.knowledge import Cue, Knowledge

LEVELS = ("Very Negative", "Negative", "Mild Sentiment", "Positive", "Very Positive")
# Longer reviews are read up to here, which is far more than the 128 tokens that a student sees.
MAX_CHARACTERS = 4000
MAX_OPINIONS = 8

_TOKEN = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*|\d+(?:[.,:]\d+)*|!|\S")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\s*\n+\s*|(?<=[a-z]{2}[.!?])(?=[A-Z])")
_CONTRAST = re.compile(
    r"[,;]?\s+(?:but|however|although|though|yet|except|whereas|while|unfortunately|otherwise)\b,?|\s*;\s*|\s+[-–—]+\s+",
    re.IGNORECASE,
)
_SOFT = re.compile(r",\s+(?:and\s+)?|\s+and\s+", re.IGNORECASE)
_PRONOUN = re.compile(r"\b(?:it|they|them|this|that|he|she|him|her|these|those)\b", re.IGNORECASE)
_NAMED = re.compile(
    r"\b(?:the|my|our|their|its|his|her)\s+((?:[a-z]+(?:-[a-z]+)?\s+)?[a-z]+(?:-[a-z]+)?)\s+"
    r"(?:is|was|are|were|tastes?|tasted|looks?|looked|works?|worked|feels?|felt|seems?|seemed)\b",
    re.IGNORECASE,
)
_NOT_NAMES_TEXT = """
whole only first second last next other same one ones rest way most best worst time times reason
problem issue thing things lot bit fact end day night week year people wife husband friend friends
family kids son daughter mother sister brother boyfriend girlfriend guy girl man woman who which
what where when it they he she we you i all both some any experience downside upside bottom line
"""
_NOT_NAMES = frozenset(_NOT_NAMES_TEXT.split())
_LIKE = re.compile(
    r"\b(?:i|we|you|they|really|n't|not|also|do|did|will|kids|husband|wife)\s+(?:\w+\s+)?(likes?|liked)\b",
    re.I,
)


@dataclasses.dataclass(slots=True)
class Judgement:
    """One opinion found in a review.

    Attributes:
        target: What is judged, as the text names it; the domain's whole where it names nothing.
        named: Whether the text names the target.
        aspect: Entity and attribute, such as ``Food, Quality``.
        level: Index into ``LEVELS``, 0 to 4.
        phrases: The words that judge, as they stand in the text; the clause where the judgement is
            implicit.
        cue: The phrase rule that judged, or None where sentiment words did.
        clause: The text that it was read from.
    """

    target: str
    named: bool
    aspect: str
    level: int
    phrases: list[str]
    cue: Cue | None
    clause: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Word:
    at: int
    value: float
    phrase: str
    word: str
    boosted: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Target:
    at: int
    text: str
    aspect: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Clause:
    text: str
    targets: list[_Target]
    words: list[_Word]
    cue: Cue | None


def analyze(text: str, knowledge: Knowledge) -> list[Judgement]:
    """Returns the opinions of a review in the order of its text, at most ``MAX_OPINIONS``.

    Args:
        text: Any English review; what is not English yields few or no opinions.
        knowledge: Of the review's domain.
    """
    found: list[Judgement] = []
    last: _Target | None = None
    for clause in _clauses(text[:MAX_CHARACTERS], knowledge):
        for judgement in _judge(clause, last, knowledge):
            _add(found, judgement)
        last = clause.targets[-1] if clause.targets else last
    return found[:MAX_OPINIONS]


def _clauses(text: str, knowledge: Knowledge) -> list[_Clause]:
    clauses: list[_Clause] = []
    for sentence in _SENTENCE_END.split(text):
        for part in _CONTRAST.split(sentence):
            if part and part.strip():
                clauses.extend(_split_soft(part.strip(), knowledge))
    return clauses


def _split_soft(text: str, knowledge: Knowledge) -> list[_Clause]:
    """Splits at a comma or "and" wherever both sides name a target and judge it."""
    whole = _read(text, knowledge)
    if len(whole.targets) < 2 or len(whole.words) < 2:
        return [whole]
    for match in _SOFT.finditer(text):
        left, right = _read(text[: match.start()], knowledge), _read(text[match.end() :], knowledge)
        if left.targets and left.words and right.targets and right.words:
            return [left, *_split_soft(right.text, knowledge)]
    return [whole]


def _read(text: str, knowledge: Knowledge) -> _Clause:
    tokens = [(match.start(), match.group()) for match in _TOKEN.finditer(text)]
    targets, taken = _targets(text, tokens, knowledge)
    words = _words(text, tokens, taken, knowledge)
    lower = text.lower().replace("’", "'")
    cue = next((cue for cue in knowledge.cues if cue.pattern.search(lower)), None)
    return _Clause(text, targets, words, cue)


def _targets(
    text: str, tokens: list[tuple[int, str]], knowledge: Knowledge
) -> tuple[list[_Target], set[int]]:
    """Returns the targets, and the indices of the tokens that they consist of."""
    targets: list[_Target] = []
    taken: set[int] = set()
    lower = [token.lower() for _, token in tokens]
    index = 0
    while index < len(tokens):
        for length in (3, 2, 1):
            aspect = (
                knowledge.terms.get(" ".join(lower[index : index + length]))
                if index + length <= len(tokens)
                else None
            )
            if aspect is None:
                continue
            start, last = tokens[index][0], tokens[index + length - 1]
            # Neighbouring terms are one name: "chicken sandwich", "laptop screen"; the last one
            # says what it is.
            if (
                targets
                and index - 1 in taken
                and text[tokens[index - 1][0] + len(tokens[index - 1][1]) : start] == " "
            ):
                start = targets.pop().at
            targets.append(_Target(start, text[start : last[0] + len(last[1])], aspect))
            taken.update(range(index, index + length))
            index += length - 1
            break
        index += 1
    if not targets and (match := _NAMED.search(text)):
        name = match.group(1)
        parts = name.lower().split()
        if not any(
            part in _NOT_NAMES or part in knowledge.valences or part in knowledge.boosters
            for part in parts
        ):
            targets.append(_Target(match.start(1), name, knowledge.general))
    return targets, taken


def _words(
    text: str, tokens: list[tuple[int, str]], taken: set[int], knowledge: Knowledge
) -> list[_Word]:
    """Returns the words that judge, weighed with what stands before them."""
    lower = [token.lower().replace("’", "'") for _, token in tokens]
    shouting = sum(token.isupper() and len(token) > 2 for _, token in tokens) < max(
        1, len(tokens) / 2
    )
    liked = {match.start(1) for match in _LIKE.finditer(text)}
    words = []
    for index, (at, token) in enumerate(tokens):
        if index in taken or lower[index] in knowledge.boosters:
            continue
        value = 1.7 if at in liked else knowledge.valences.get(lower[index])
        if value is None or (value == 0 and lower[index] not in _NEUTRAL):
            continue
        first, boosted, negated = index, False, False
        for before in range(index - 1, max(-1, index - 4), -1):
            word = lower[before]
            if word in knowledge.boosters and before == first - 1:
                boost = knowledge.boosters[word]
                value += (
                    math.copysign(boost, value)
                    if boost > 0
                    else -math.copysign(min(abs(boost) * 2, abs(value)), value)
                )
                boosted, first = boosted or boost > 0.2, before
            elif word in knowledge.negations or word.endswith("n't"):
                negated, first = True, before
                break
            elif word in ",.;:!?" or before in taken:
                break
        if token.isupper() and len(token) > 2 and shouting:
            value, boosted = value + math.copysign(0.733, value), True
        if negated:
            value, boosted = value * -0.74, False
        words.append(
            _Word(at, value, text[tokens[first][0] : at + len(token)], lower[index], boosted)
        )
    return words


_NEUTRAL = frozenset({"average", "okay", "ok", "ordinary"})


def _judge(clause: _Clause, last: _Target | None, knowledge: Knowledge) -> list[Judgement]:
    if clause.words and not (clause.cue and abs(sum(word.value for word in clause.words)) < 1.0):
        return _judge_by_words(clause, last, knowledge)
    if clause.cue:
        return [_judge_by_cue(clause, clause.cue, last, knowledge)]
    return []


def _judge_by_words(clause: _Clause, last: _Target | None, knowledge: Knowledge) -> list[Judgement]:
    marks = min(3, clause.text.count("!")) * 0.292
    if not clause.targets:
        target = _stand_in(clause, last, knowledge)
        named = target is not None
        aspect = target.aspect if target else _implied_aspect(clause.words, knowledge)
        name = target.text if target else knowledge.whole
        return [_by_words(name, named, aspect, clause.words, marks, clause)]
    near: dict[int, list[_Word]] = {index: [] for index in range(len(clause.targets))}
    for word in clause.words:
        near[min(near, key=lambda index: _distance(clause.targets[index], word))].append(word)
    return [
        _by_words(target.text, True, target.aspect, near[index] or clause.words, marks, clause)
        for index, target in enumerate(clause.targets)
    ]


def _distance(target: _Target, word: _Word) -> int:
    # A word mostly judges what stands before it ("the soup was good"), unless it is right in front
    # ("good soup").
    end = target.at + len(target.text)
    return word.at - end if word.at >= end else 2 * (target.at - word.at - len(word.word))


def _by_words(
    name: str, named: bool, aspect: str, words: list[_Word], marks: float, clause: _Clause
) -> Judgement:
    total = sum(word.value for word in words)
    total += math.copysign(marks, total) if total else 0.0
    score = total / math.sqrt(total * total + 15)
    boosted = any(word.boosted for word in words)
    level = 2
    if abs(score) >= 0.12:
        strong = abs(score) >= 0.61 or (boosted and abs(score) >= 0.4)
        level = (4 if strong else 3) if score > 0 else (0 if strong else 1)
    return Judgement(
        name,
        named,
        aspect,
        level,
        list(dict.fromkeys(word.phrase for word in words)),
        None,
        clause.text,
    )


def _judge_by_cue(
    clause: _Clause, cue: Cue, last: _Target | None, knowledge: Knowledge
) -> Judgement:
    aspect = cue.aspect or knowledge.general
    same = [target for target in clause.targets if target.aspect == cue.aspect]
    target = same[0] if same else clause.targets[0] if clause.targets else None
    if target is None and cue.aspect is None:
        target = (
            _stand_in(clause, last, knowledge)
            if last and last.aspect == knowledge.general
            else None
        )
    level = 3 if cue.value > 0 else 1
    if target is None:
        return Judgement(knowledge.whole, False, aspect, level, [clause.text], cue, clause.text)
    return Judgement(target.text, True, target.aspect, level, [clause.text], cue, clause.text)


def _stand_in(clause: _Clause, last: _Target | None, knowledge: Knowledge) -> _Target | None:
    """Returns the target of the clause before, where this one goes on about it."""
    implied = _implied_aspect(clause.words, knowledge) if clause.words else knowledge.general
    fits = last is not None and implied in (knowledge.general, last.aspect)
    return last if fits and _PRONOUN.search(clause.text) else None


def _implied_aspect(words: list[_Word], knowledge: Knowledge) -> str:
    return next(
        (knowledge.implied[word.word] for word in words if word.word in knowledge.implied),
        knowledge.general,
    )


def _add(found: list[Judgement], new: Judgement) -> None:
    """Adds an opinion, or joins it to an earlier one on the same thing that points the same way."""
    for old in found:
        same = (
            old.target.lower() == new.target.lower()
            and old.aspect == new.aspect
            and old.cue is new.cue is None
        )
        if same and (old.level - 2) * (new.level - 2) > 0:
            old.phrases += [phrase for phrase in new.phrases if phrase not in old.phrases]
            old.level = max(old.level, new.level) if old.level > 2 else min(old.level, new.level)
            return
    found.append(new)

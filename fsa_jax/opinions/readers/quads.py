"""The two formats of quad data sets, one sentence a line.

ABSA-QUAD: ``sentence####[['target', 'category', 'polarity', 'opinion'], …]``. ACOS: ``sentence``, a
tab, and then ``a_from,a_to CATEGORY s o_from,o_to``, tab by tab: places count words, ``-1,-1`` is
implicit, and s is 0 (negative), 1 (neutral) or 2 (positive).
"""

import re
from collections.abc import Iterator
from typing import Any

from fsa_jax.opinions.readers.source import literal
from fsa_jax.opinions.sentences import (
    NOWHERE,
    Log,
    Opinion,
    Place,
    Sentence,
    is_blank,
    mark_implicit,
)
from fsa_jax.runtime.files import shown

_ACOS_POLARITIES = {"0": "negative", "1": "neutral", "2": "positive"}
_ACOS_QUAD = re.compile(r"(-?\d+),(-?\d+) (\S+) (\S+) (-?\d+),(-?\d+)")


class AbsaQuad:
    """ABSA-QUAD's ``####`` lines."""

    DESCRIPTION = "ABSA-QUAD text: sentence####[[target, category, polarity, opinion], …]"

    @staticmethod
    def looks_like(head: str) -> bool:
        """Whether the beginning of a file reads like this format."""
        return "####" in head.split("\n", 1)[0]

    @staticmethod
    def read(text: str, log: Log) -> list[Sentence]:
        """Reads a file's text; see ``fsa_json.read``."""
        sentences = []
        for number, line in _lines(text):
            sentence, mark, written = line.rpartition("####")  # a text may hold the mark
            quads = literal(written.strip()) if mark else None
            if not isinstance(quads, list):
                log.drop(number, "", "no `####` with a list of quads behind it")
                continue
            if is_blank(sentence):
                log.drop(number, "", "the text in front of `####` is empty")
                continue
            name = str(number)
            found = [_absa_quad(quad, sentence, number, log) for quad in quads]
            sentences.append(Sentence(name, sentence, tuple(q for q in found if q is not None)))
        return mark_implicit(sentences, annotated=True)


class Acos:
    """ACOS's tab-separated lines."""

    DESCRIPTION = "ACOS tsv: sentence, then `from,to CATEGORY polarity from,to` by tabs"

    @staticmethod
    def looks_like(head: str) -> bool:
        """Whether the beginning of a file reads like this format."""
        fields = head.split("\n", 1)[0].split("\t")
        return len(fields) > 1 and all(_ACOS_QUAD.fullmatch(field.strip()) for field in fields[1:])

    @staticmethod
    def read(text: str, log: Log) -> list[Sentence]:
        """Reads a file's text; see ``fsa_json.read``."""
        sentences = []
        for number, line in _lines(text):
            sentence, *quads = line.split("\t")
            if is_blank(sentence):
                log.drop(number, "", "the text in front of the first tab is empty")
                continue
            if not quads:
                log.drop(number, "", "no tab with quads behind it")
                continue
            found = [
                _acos_quad(quad.strip(), sentence, number, log) for quad in quads if quad.strip()
            ]
            opinions = tuple(quad for quad in found if quad is not None)
            sentences.append(Sentence(str(number), sentence, opinions))
        return mark_implicit(sentences, annotated=True)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line


def _absa_quad(quad: Any, text: str, line: int, log: Log) -> Opinion | None:
    if not isinstance(quad, list | tuple) or [type(field) for field in quad] != [str] * 4:
        log.fault(line, "", f"{shown(quad)} is no [target, category, polarity, opinion]")
        return None
    target, category, polarity, words = quad
    place: Place | None = NOWHERE
    if not _is_implicit(target):
        phrase = _plain("target", target, text, line, log)
        place = log.target(line, "", "target", text, phrase, None, None)
    if place is None:
        return None
    spoken = NOWHERE
    if not _is_implicit(words):
        phrase = _plain("opinion", words, text, line, log)
        spoken = log.span(line, "", "opinion", text, phrase, None, None)
    opinion = Opinion(*place, category, polarity, *spoken)
    return opinion if log.allows(line, "", opinion) else None


def _is_implicit(phrase: str) -> bool:
    return phrase.strip() in ("NULL", "")


def _plain(field: str, phrase: str, text: str, line: int, log: Log) -> str:
    """Takes the backslash out of a phrase where that alone keeps it from being in the text."""
    plain = phrase.replace("\\", "")
    if phrase in text or plain not in text:
        return phrase
    log.repair(line, "", f"{field} {shown(phrase)} is in the text without its backslash")
    return plain


def _acos_quad(quad: str, text: str, line: int, log: Log) -> Opinion | None:
    match = _ACOS_QUAD.fullmatch(quad)
    if match is None:
        log.fault(line, "", f"{shown(quad)} is no `from,to CATEGORY polarity from,to`")
        return None
    a_from, a_to, category, polarity, o_from, o_to = match.groups()
    if polarity not in _ACOS_POLARITIES:
        log.fault(line, "", f"unknown polarity {shown(polarity)}: 0, 1 or 2 is expected")
        return None
    try:
        opinion = Opinion(
            *_words("target", int(a_from), int(a_to), text, line, log),
            category,
            _ACOS_POLARITIES[polarity],
            *_words("opinion", int(o_from), int(o_to), text, line, log),
        )
    except ValueError as error:
        log.fault(line, "", str(error))
        return None
    return opinion if log.allows(line, "", opinion) else None


def _words(field: str, first: int, last: int, text: str, line: int, log: Log) -> Place:
    """Turns places of words into characters; words are what single blanks separate."""
    if first < 0:
        return NOWHERE
    words = text.split(" ")
    if last > len(words) or last < first:
        raise ValueError(f"{field} {first},{last} is outside the {len(words)} words of the text")
    if last == first:
        log.guess(line, "", f"{field} {first},{last} is empty, so it is read as implicit")
        return NOWHERE
    start = sum(len(word) + 1 for word in words[:first])
    phrase = " ".join(words[first:last])
    if is_blank(phrase):
        raise ValueError(f"{field} {first},{last} is a blank between words")
    return log.span(line, "", field, text, phrase, start, start + len(phrase))

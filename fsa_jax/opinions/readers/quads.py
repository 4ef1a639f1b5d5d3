"""The two formats of quad data sets, one sentence a line.

ABSA-QUAD: `sentence####[['target', 'category', 'polarity', 'opinion'], …]`. ACOS: `sentence`, a
tab, and then `a_from,a_to CATEGORY s o_from,o_to`, tab by tab: places count words, `-1,-1` is
implicit, and s is 0 (negative), 1 (neutral) or 2 (positive).
"""

import ast
import re
from typing import Any

from fsa_jax.opinions.sentences import NOWHERE, Log, Opinion, Place, Sentence, mark_implicit

_ACOS_POLARITIES = {"0": "negative", "1": "neutral", "2": "positive"}
_ACOS_QUAD = re.compile(r"(-?\d+),(-?\d+) (\S+) (\S+) (-?\d+),(-?\d+)")


class AbsaQuad:
    """ABSA-QUAD's `####` lines."""

    DESCRIPTION = "ABSA-QUAD text: sentence####[[target, category, polarity, opinion], …]"

    @staticmethod
    def looks_like(head: str) -> bool:
        """Whether the beginning of a file reads like this format."""
        return "####" in head.split("\n", 1)[0]

    @staticmethod
    def read(text: str, log: Log) -> list[Sentence]:
        """Reads a file's text; see `fsa_json.read`."""
        sentences = []
        for number, line in _lines(text):
            sentence, mark, written = line.partition("####")
            try:
                quads = ast.literal_eval(written.strip()) if mark else None
            except (ValueError, SyntaxError):
                quads = None
            if not isinstance(quads, list):
                log.fault(number, "", "no `####` with a list of quads behind it")
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
        """Reads a file's text; see `fsa_json.read`."""
        sentences = []
        for number, line in _lines(text):
            sentence, *quads = line.split("\t")
            found = [_acos_quad(quad.strip(), sentence, number, log) for quad in quads if quad]
            opinions = tuple(quad for quad in found if quad is not None)
            sentences.append(Sentence(str(number), sentence, opinions))
        return mark_implicit(sentences, annotated=True)


def _lines(text: str):
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line


def _absa_quad(quad: Any, text: str, line: int, log: Log) -> Opinion | None:
    if not isinstance(quad, list | tuple) or [type(field) for field in quad] != [str] * 4:
        log.fault(line, "", f"{quad!r} is no [target, category, polarity, opinion]")
        return None
    target, category, polarity, words = quad
    opinion = Opinion(
        *_phrase("target", target, text, line, log),
        category,
        polarity,
        *_phrase("opinion", words, text, line, log),
    )
    return opinion if log.allows(line, "", opinion) else None


def _phrase(field: str, phrase: str, text: str, line: int, log: Log) -> Place:
    if phrase.strip() in ("NULL", ""):
        return NOWHERE
    plain = phrase.replace("\\", "")
    if phrase not in text and plain in text:
        log.repair(line, "", f"{field} {phrase!r} is in the text without its backslash")
        phrase = plain
    return log.span(line, "", field, text, phrase, None, None)


def _acos_quad(quad: str, text: str, line: int, log: Log) -> Opinion | None:
    match = _ACOS_QUAD.fullmatch(quad)
    if match is None:
        log.fault(line, "", f"{quad!r} is no `from,to CATEGORY polarity from,to`")
        return None
    a_from, a_to, category, polarity, o_from, o_to = match.groups()
    if polarity not in _ACOS_POLARITIES:
        log.fault(line, "", f"unknown polarity {polarity!r}: 0, 1 or 2 is expected")
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
        log.repair(line, "", f"{field} {first},{last} is empty, so it is read as implicit")
        return NOWHERE
    start = sum(len(word) + 1 for word in words[:first])
    phrase = " ".join(words[first:last])
    return (phrase, start, start + len(phrase))

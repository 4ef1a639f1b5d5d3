"""Cleans review texts, and says why one is left out."""

import dataclasses
import hashlib
import html
import re
import unicodedata
from collections.abc import Callable

from generation import quality
from generation.records import clean_unicode

_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>")
_COMMENT = re.compile(r"<!--.{0,2000}?-->", re.DOTALL)
_BREAK = re.compile(r"<\s*(?:br|/p|/div|/li)\s*/?>", re.IGNORECASE)
# What stands escaped may be meant as text ("press &lt;Enter&gt;"), so that only the elements which
# shape a text, and which no reviewer writes about, are taken for markup there.
_SHAPING_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|center|code|div|em|font|h[1-6]|hr|i|img|li|ol|p|pre|s|small"
    r"|span|strike|strong|sub|sup|table|tbody|td|th|tr|tt|u|ul)(?:\s[^<>]{0,200})?/?>",
    re.IGNORECASE,
)
# Only with the semicolon: HTML's older forms without it would turn "this&amount" into "this&ount".
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# Dumps escape what was escaped; more rounds than this are no accident of a dump.
_MOST_ESCAPES = 5
_PATH = re.compile(r"\b[A-Za-z]:\\|\\\\")
# Amazon's marks for a video and for a product named in a review.
_VIDEO = re.compile(r"\[\[VIDEO_?ID:[^\[\]]{0,100}\]\]")
_PRODUCT = re.compile(r"\[\[ASIN:\s*\w{10}\s*([^\[\]]{0,300})\]\]")
_SPACES = re.compile(r"[^\S\n]+")
_BLANKS = re.compile(r"\s*\n\s*\n\s*")
_ASCII_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a text must be to stay.

    Attributes:
        min_words, max_words: Length in words parted by white space.
        max_tokens: Length by ``count_tokens``, or None.
        count_tokens: The teacher's tokenizer, or None.
        english: Whether other languages are left out.
    """

    min_words: int = 5
    max_words: int = 400
    max_tokens: int | None = None
    count_tokens: Callable[[str], int] | None = None
    english: bool = True


def clean(text: str) -> str:
    """Returns a text without HTML, control characters and needless white space.

    Markup and entities may be escaped, once or several times. The words stay as they are.
    """
    text = clean_unicode(text)
    if "\\" in text:
        text = _unescape_backslashes(text)
    if "<" in text:
        text = _TAG.sub("", _BREAK.sub("\n", _COMMENT.sub("", text)))
    if "&" in text:
        text = unescape(text)
        if "<" in text:
            text = _SHAPING_TAG.sub("", _BREAK.sub("\n", _COMMENT.sub("", text)))
    if "[[" in text:
        text = _PRODUCT.sub(r"\1", _VIDEO.sub("", text))
    text = _LINE_ENDS.sub("\n", text)
    if not text.isascii():
        text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _CONTROL)
    elif not text.isprintable():
        text = _ASCII_CONTROL.sub("", text)
    text = _BLANKS.sub("\n\n", _SPACES.sub(" ", text))
    return text.strip()


def _unescape_backslashes(text: str) -> str:
    """Undoes how the csv files of ``yelp_review_full`` write line ends and quotation marks."""
    text = text.replace('\\""', '"')
    # A text with line ends of its own, or with a path such as C:\new, means the letters.
    return text if "\n" in text or _PATH.search(text) else text.replace("\\n", "\n")


def unescape(text: str) -> str:
    """Returns a text with its HTML entities as characters, however often they were escaped."""
    for _ in range(_MOST_ESCAPES):
        plain = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
        if plain == text:
            break
        text = plain
    return text


# Controls, unassigned and private characters. Format characters stay: emoji are joined by them.
_CONTROL = frozenset({"Cc", "Cn", "Co", "Cs"})


def reject(text: str, limits: Limits) -> str:
    """Names the filter that leaves a cleaned text out, or returns an empty string."""
    words = text.count(" ") + text.count("\n") + 1
    if words < limits.min_words or not text:
        return "too short"
    # Counting what is split is exact; the line above is a cheap bound for the common case.
    if words > limits.max_words and len(text.split()) > limits.max_words:
        return "too long"
    if (
        limits.max_tokens is not None
        and limits.count_tokens is not None
        and limits.count_tokens(text) > limits.max_tokens
    ):
        return "too long"
    if limits.english and not quality.is_english(text):
        return "other language"
    return ""


def fingerprint(text: str) -> int:
    """Returns 64 bits that are equal for texts that differ in case and white space only."""
    normal = " ".join(text.lower().split())
    return int.from_bytes(hashlib.blake2b(normal.encode(), digest_size=8).digest(), "big")

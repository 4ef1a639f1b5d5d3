"""Finding what a model wrote in the sentence that it read.

SentencePiece normalises characters (NFKC) and blanks, and writes `` ⁇ `` for a character that its
vocabulary lacks; a small model also changes case. So a phrase is looked up exactly, then
normalised, then without regard to case, and last with every blank optional and every ⁇ standing
for any mark.

The same word can be written with composed letters (é) or with letters and their accents behind them
(e + U+0301): these are one text, and a letter is never found without its accent. Offsets always
count the characters of the sentence as it stands.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator

Span = tuple[int, int]
UNKNOWN = "⁇"
# What a vocabulary may lack: marks like { } < ~ \ ^ and what is not ASCII, but no plain letters, so
# that ⁇ never stands for a word.
LOST = r"[^A-Za-z0-9\s]+"


def canonical(text: str) -> str:
    """Returns the one spelling (NFC) that composed and decomposed letters share."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def locate(text: str, phrase: str, used: dict[str, int] | None = None) -> Span | None:
    """Finds the place that a phrase names.

    Args:
        text: The sentence.
        phrase: What the model wrote.
        used: Counts how often each phrase was asked for, so that the second mention of a phrase
            takes its second place in the sentence; updated.

    Returns:
        Offsets (start, end) in the sentence, or ``None`` if it does not hold the phrase.
    """
    spans = candidates(text, phrase)
    if not spans:
        return None
    if used is None or len(spans) == 1:
        return spans[0]
    turn = used.get(phrase, 0)
    used[phrase] = turn + 1
    return spans[min(turn, len(spans) - 1)]


def candidates(text: str, phrase: str) -> list[Span]:
    """Returns all places that a phrase may name, found by the strictest rule that finds any."""
    phrase = phrase.strip()
    if not phrase:
        return []
    spans = find_spans(text, phrase)
    if spans:
        return spans
    folded, origin = _fold(text, lower=False)
    spans = _back(find_spans(folded, _fold(phrase, lower=False)[0]), origin)
    if spans:
        return spans
    folded, origin = _fold(text, lower=True)
    return _back(find_spans(folded, _fold(phrase, lower=True)[0]), origin) or _loose(text, phrase)


def occurrences(text: str, phrase: str) -> list[Span]:
    """Returns all places of a phrase in order, overlapping ones and parts of words among them."""
    spans = _occurrences(text, phrase)
    if spans or (text.isascii() and phrase.isascii()):
        return spans
    letters = [(canonical(text[slice(*span)]), span) for span in _letters(text)]
    origin = [span for letter, span in letters for _ in letter]
    folded = "".join(letter for letter, _ in letters)
    return _back(_occurrences(folded, canonical(phrase)), origin)


def _occurrences(text: str, phrase: str) -> list[Span]:
    spans: list[Span] = []
    start = text.find(phrase) if phrase else -1
    while start >= 0:
        spans.append((start, start + len(phrase)))
        start = text.find(phrase, start + 1)
    if text.isascii():
        return spans
    return [span for span in spans if not _cuts_letter(text, *span)]


def find_spans(text: str, phrase: str) -> list[Span]:
    """Finds a phrase in a text.

    Args:
        text: The sentence.
        phrase: What to find, exactly as written.

    Returns:
        The spans (start, end) of the places that begin and end at a word's border, in order; where
        there are none, the spans of all places (so that "food" is not found inside "seafood" as
        long as the word itself occurs).
    """
    spans = _occurrences(text, phrase)
    if len(spans) < 2:
        return spans
    return [span for span in spans if _at_word_borders(text, *span)] or spans


def _at_word_borders(text: str, start: int, end: int) -> bool:
    cuts_left = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    cuts_right = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return not (cuts_left or cuts_right)


def _cuts_letter(text: str, start: int, end: int) -> bool:
    """Whether a span begins or ends between a letter and its accents."""
    return any(
        0 < place < len(text) and unicodedata.combining(text[place]) for place in (start, end)
    )


def _letters(text: str) -> Iterator[Span]:
    """Yields the spans that normal forms change each by itself: letters with their accents."""
    start = 0
    for index in range(1, len(text)):
        if text[index].isascii() or _starts_letter(text[start:index], text[index]):
            yield start, index
            start = index
    if text:
        yield start, len(text)


def _starts_letter(before: str, character: str) -> bool:
    if unicodedata.combining(character):
        return False
    together = unicodedata.normalize("NFKC", before + character)
    return together == unicodedata.normalize("NFKC", before) + unicodedata.normalize(
        "NFKC", character
    )


# A sentence is asked for many phrases in a row.
@functools.lru_cache(maxsize=16)
def _fold(text: str, lower: bool) -> tuple[str, list[Span]]:
    """Normalises a text, and says for each character of the result where it came from."""
    characters: list[str] = []
    origin: list[Span] = []
    for span in _letters(text):
        folded = unicodedata.normalize("NFKC", text[slice(*span)])
        for piece in folded.lower() if lower else folded:
            if piece.isspace():
                if not characters or characters[-1] == " ":
                    continue
                piece = " "
            characters.append(piece)
            origin.append(span)
    while characters and characters[-1] == " ":
        characters.pop()
        origin.pop()
    return "".join(characters), origin


def _back(spans: list[Span], origin: list[Span]) -> list[Span]:
    return [(origin[start][0], origin[end - 1][1]) for start, end in spans]


def _loose(text: str, phrase: str) -> list[Span]:
    folded, origin = _fold(text, lower=True)
    # ⁇ is looked at before folding, which would make two question marks of it.
    known = [_fold(part, lower=True)[0].replace(" ", "") for part in phrase.split(UNKNOWN)]
    if not any(known) or sum(map(len, known)) > len(folded):
        return []
    wanted = [re.escape(character) for character in known[0]]
    for part in known[1:]:
        wanted += [LOST, *map(re.escape, part)]
    pattern = re.compile(r"\s?".join(wanted))
    spans = [match.span() for match in pattern.finditer(folded)]
    return _back([span for span in spans if not _cuts_letter(folded, *span)], origin)

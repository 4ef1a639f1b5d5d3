"""Composed and decomposed letters are one text, and offsets count the sentence as it stands."""

import random
import unicodedata

import pytest

from fsa_jax.opinions.spans import candidates, canonical, find_spans, locate, occurrences

WORDS = [
    "café",
    "crème brûlée",
    "phở bò",  # two accents on one letter
    "한국식",  # syllables of two and three letters
    "ёлка",
    "ड़ा",  # composed, and yet NFC writes it decomposed
    "Ångström",  # with the sign of the unit, which NFC replaces
    "x̄ value",  # nothing composed exists
]
FORMS = ["NFC", "NFD"]


def written(form, text):
    return unicodedata.normalize(form, text)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("of_text", FORMS)
@pytest.mark.parametrize("of_phrase", FORMS)
def test_both_spellings_are_found_where_they_stand(word, of_text, of_phrase):
    text = written(of_text, f"The {word} was fine , the crêpe too , that {word} !")
    phrase = written(of_phrase, word)
    first = len(written(of_text, "The "))
    length = len(written(of_text, word))
    spans = candidates(text, phrase)
    assert [text[a:b] for a, b in spans] == [written(of_text, word)] * 2
    assert spans[0] == (first, first + length)
    assert spans == occurrences(text, phrase)
    used = {}
    assert [locate(text, phrase, used), locate(text, phrase, used)] == spans
    assert locate(text, phrase.upper()) == spans[0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("whole", "part"), [("café", "cafe"), ("brûlée", "brul"), ("x̄", "x"), ("phở", "pho")]
)
def test_a_letter_is_not_found_without_its_accent(form, whole, part):
    text = written(form, f"The {whole} .")
    assert candidates(text, part) == find_spans(text, part) == occurrences(text, part) == []


def test_random_parts_of_random_texts_are_found():
    draw = random.Random(3)
    letters = ["e", "é", "ê", "ệ", "a", "å", "ﬁ", "½", " ", "한", "x̄", "İ", "ß", ".", "😍"]
    for _ in range(1000):
        pieces = [draw.choice(letters) for _ in range(draw.randrange(1, 14))]
        start = draw.randrange(len(pieces))
        end = draw.randrange(start, len(pieces)) + 1
        of_text, of_phrase = draw.choice(FORMS), draw.choice(FORMS)
        text = written(of_text, "".join(pieces))
        phrase = written(of_phrase, "".join(pieces[start:end])).strip()
        spans = candidates(text, phrase)
        assert bool(spans) is bool(phrase)
        for a, b in [*spans, *occurrences(text, phrase)]:
            assert canonical(text[a:b]) == canonical(phrase)

"""Texts are cleaned without touching their words, and each filter is named."""

import pytest

from generation.reviews import cleaning


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Good<br />food", "Good\nfood"),
        ("<b>Good</b> <!-- ad --> food", "Good food"),
        ("fish &amp;amp; chips", "fish & chips"),
        ("press &lt;Enter&gt; twice", "press <Enter> twice"),
        ("a &lt;b&gt;bold&lt;/b&gt; claim", "a bold claim"),
        ("this&amount", "this&amount"),
        ("5 < 6 and 7 > 6", "5 < 6 and 7 > 6"),
        ("[[VIDEOID:abc]]See [[ASIN:B000000000 this case]]", "See this case"),
        ("one\\ntwo", "one\ntwo"),
        ("in C:\\new\\files", "in C:\\new\\files"),
        ("a\r\nb\x07 \t c\n\n\n\nd", "a\nb c\n\nd"),
        ("café \u200d 👩\u200d🍳", "café \u200d 👩\u200d🍳"),
    ],
)
def test_clean(raw, clean):
    assert cleaning.clean(raw) == clean


@pytest.mark.parametrize(
    ("text", "limits", "reason"),
    [
        ("", {}, "too short"),
        ("Good food here", {}, "too short"),
        ("The food was good and cheap", {}, ""),
        ("The food was good and cheap", {"max_words": 5}, "too long"),
        ("The food was good and cheap", {"max_tokens": 3, "count_tokens": len}, "too long"),
        ("Das Essen war sehr gut und die Bedienung freundlich", {}, "other language"),
        ("Das Essen war sehr gut und die Bedienung freundlich", {"english": False}, ""),
    ],
)
def test_reasons(text, limits, reason):
    assert cleaning.reject(text, cleaning.Limits(**limits)) == reason


def test_duplicates_differ_in_case_and_space_only():
    same = {cleaning.fingerprint(text) for text in ("Good  food", "good food\n", "GOOD\tFOOD")}
    assert len(same) == 1
    assert cleaning.fingerprint("good foods") not in same
    assert same.pop() < 2**64

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
        ("good<br />food &amp; <b>wine</b>", "good\nfood & wine"),
        ("a < b and b > c", "a < b and b > c"),
        ("tab\tand\x00nul\x07bell", "tab andnulbell"),
        ("one\r\ntwo\u2028three\n\n\n\nfour", "one\ntwo\nthree\n\nfour"),
        (
            "family \U0001f468\u200d\U0001f469\u200d\U0001f467 \ud83d",
            "family \U0001f468\u200d\U0001f469\u200d\U0001f467 \ufffd",
        ),
        ('we ate \\""well\\"" here.\\n\\nThen', 'we ate "well" here.\n\nThen'),
        (r"it is in C:\new and \n", r"it is in C:\new and \n"),
        ("own lines\nand a \\n", "own lines\nand a \\n"),
        ("&lt;script&gt; stays text", "<script> stays text"),
        ("press &lt;Enter&gt; if 3 &lt; 4", "press <Enter> if 3 < 4"),
        ("good.&lt;br /&gt;&lt;br /&gt;Not so", "good.\n\nNot so"),
        ("&lt;p class=&quot;x&quot;&gt;it is&lt;/p&gt; &lt;b&gt;big&lt;/b&gt;", "it is\n big"),
        ("&amp;amp;lt;br&amp;amp;gt;deep &amp;quot;escapes&amp;quot;", 'deep "escapes"'),
        ("AT&amp;T, R&D, this&amount and &nosuch;", "AT&T, R&D, this&amount and &nosuch;"),
        ("<!-- none -->it&#39;s &#x201C;fine&#x201D;", "it's “fine”"),
        (
            "[[VIDEOID:1a2b3c]] see [[ASIN:B00ABCDEFG Red Case (new)]] [[1]]",
            "see Red Case (new) [[1]]",
        ),
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
        ("La comida estaba muy rica y el servicio fue excelente con todos", {}, "other language"),
        ("great food great price great staff great everything", {}, ""),
        ("word " * 500, {}, "too long"),
    ],
)
def test_reasons(text, limits, reason):
    assert cleaning.reject(text, cleaning.Limits(**limits)) == reason


def test_duplicates_differ_in_case_and_space_only():
    same = {cleaning.fingerprint(text) for text in ("Good  food", "good food\n", "GOOD\tFOOD")}
    assert len(same) == 1
    assert cleaning.fingerprint("good foods") not in same
    assert same.pop() < 2**64

"""Marks of one annotator: opinions with offsets in their sentences, and what is unfinished."""

import pytest
from annotators import link, region

from fsa_jax.opinions.sentences import Opinion
from generation.people import marks
from generation.people.label_studio import Annotation, Item

TEXT = "The soup was hot.\nGood soup, slow service!"
SOUP = region("1", TEXT, (23, 27), "Target", "FOOD#QUALITY", "positive")
GOOD = region("2", TEXT, (18, 22), "Opinion words")


def read(*results, text=TEXT, domain="restaurant"):
    flat = [each for one in results for each in (one if isinstance(one, list) else [one])]
    item = Item(1, "r1", {"text": text, "domain": domain})
    flat = [each if "value" in each else each | {"value": {}} for each in flat]
    return marks.read(Annotation(0, "ann", False, None, None, flat), item), item


@pytest.mark.parametrize("ends", [("1", "2"), ("2", "1")])
def test_opinion_words_are_linked_in_either_direction(ends):
    (first, second), item = read(SOUP, GOOD, link(*ends))
    assert first.opinions == set()
    assert second.sentence("r1:1").opinions == (
        Opinion("soup", 5, 9, "FOOD#QUALITY", "positive", "Good", 0, 4),
    )
    assert second.sentence("r1:1").implicit is False
    assert item.complaints == first.complaints == second.complaints == []


def test_null_has_no_place_and_an_opinion_without_words_is_implicit():
    null = region("3", TEXT, (0, 3), "NULL", "RESTAURANT#GENERAL", "negative")
    (first, _), _ = read(null)
    sentence = first.sentence("r1:0")
    assert sentence.opinions == (Opinion(category="RESTAURANT#GENERAL", polarity="negative"),)
    assert sentence.implicit is True


def test_a_target_of_two_categories_is_marked_twice_and_words_have_two_targets():
    again = region("4", TEXT, (23, 27), "Target", "FOOD#PRICES", "positive")
    (_, second), _ = read(SOUP, again, GOOD, link("2", "1"), link("2", "4"))
    assert [(o.category, o.opinion) for o in second.sentence("x").opinions] == [
        ("FOOD#PRICES", "Good"),
        ("FOOD#QUALITY", "Good"),
    ]


def test_offsets_that_a_browser_counts_otherwise_are_found_by_the_words():
    text = "🍲🍲 fine.\n" + TEXT
    results = region("1", text, (32, 36), "Target", "FOOD#QUALITY", "positive")
    for result in results:  # two units of UTF-16 for each emoji
        result["value"] |= {"start": 34, "end": 38}
    (_, _, third), item = read(results, text=text)
    assert third.sentence("x").opinions[0].target == "soup"
    assert third.sentence("x").opinions[0].start == 5
    assert not item.complaints


@pytest.mark.parametrize(
    ("results", "complaint"),
    [
        (
            region("1", TEXT, (23, 27), "Target", None, "positive"),
            "'soup' has none as its category",
        ),
        (region("1", TEXT, (23, 27), "Target", "FOOD#QUALITY"), "'soup' has none as its polarity"),
        (
            region("1", TEXT, (23, 27), "Target", "CPU#PRICE", "positive"),
            "'soup' has CPU#PRICE as its category; choose one that is offered",
        ),
        (
            region("1", TEXT, (23, 27), "Target", "FOOD#QUALITY", "mixed"),
            "'soup' has mixed as its polarity; choose one that is offered",
        ),
        (GOOD, "'Good' is linked to no target; link the opinion words to theirs"),
        ([*GOOD, link("2", "gone")], "'Good' is linked to no target"),
        (SOUP + region("1", TEXT, (23, 27), "Opinion words"), "'soup' is both target and opinion"),
        ([SOUP[1]], "'soup' has no label; label or delete it"),
    ],
)
def test_what_is_unfinished_is_a_complaint_of_its_sentence(results, complaint):
    (first, second), item = read(results)
    assert second.complaints[0].startswith(f"ann: {complaint}")
    assert first.complaints == item.complaints == []


def test_words_of_another_sentence_and_passages_over_two_are_complained_of():
    hot = region("5", TEXT, (13, 16), "Opinion words")
    (first, _), _ = read(SOUP, hot, link("5", "1"))
    assert first.complaints == [
        "ann: 'hot' is linked to a target of another sentence; remove the link"
    ]
    (first, _), _ = read(region("6", TEXT, (13, 22), "Target", "FOOD#QUALITY", "positive"))
    assert first.complaints == ["ann: 'hot.' spans several sentences; mark within one line"]


def test_a_passage_of_another_text_spoils_the_review():
    _, item = read(region("1", "The beer!", (4, 8), "Target", "FOOD#QUALITY", "positive"))
    assert item.complaints == ["ann: 'beer' is not in the text; mark it again"]


def test_a_sentence_can_be_left_out():
    (first, second), _ = read(SOUP, region("7", TEXT, (0, 3), "Leave this sentence out"))
    assert (first.is_left_out, second.is_left_out) == (True, False)

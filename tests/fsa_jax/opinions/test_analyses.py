# ruff: noqa: E501 - texts as they come
import json
import re

import pytest

from fsa_jax.opinions.analyses import Block, blocks, keep_parts, segments, survey, without_labels

BLOCK = Block("wine list", "Drinks", "Very Positive", "It is great.")


@pytest.mark.parametrize(
    "text",
    [
        'Opinion Target 1: "wine list"\nAspect: Drinks\nSentiment: Very Positive\nReasoning: It is great.',
        "opinion target: wine list\naspect: Drinks\nsentiment: Very Positive \nreasoning: It is great.",
        "1. Opinion Target: wine list\n   Aspect: Drinks\n   Sentiment: Very Positive\n   Reasoning: It is great.",
        "**Opinion Target 1:** wine list\n**Aspect:** Drinks\n**Sentiment:** Very Positive\n**Reasoning:** It is great.",
        "- Target: 'wine list'\n- Aspect 1: Drinks\n- Sentiment 1: Very Positive\n- Reasoin: It is great.",
        "Opinion Target 1: 'wine list' Aspect: Drinks Sentiment: Very Positive Reasoning: It is great.",
        'Opinion Target 1: "wine list" -- Aspect: Drinks - Sentiment: Very Positive -- Reasoning: It is great.',
        '{\n "OpinionTarget": "wine list",\n "Aspect": "Drinks",\n "Sentiment": "Very Positive",\n "Reasoning": "It is great."\n}',
        "Opinion Target 1: wine list\n\nAspect: Drinks\n\nSentiment: Very Positive\n\nReasoning: It is\ngreat.",
        "Sure!\n\nOpinion Target 1: wine list\nAspect: Drinks\nSentiment: Very Positive\nReasoning: It is great.\n\nNote: that is all: no more.",
    ],
)
def test_the_deviations_of_teachers(text):
    assert blocks(text) == [BLOCK]


def test_several_aspects_share_their_target():
    text = (
        "Opinion Target 1: bar\nAspect: A\nSentiment: Mild\nReasoning: x\n\n"
        "Aspect: B\nSentiment: Negative\nReasoning: y\n\nOpinion Target 2: soup\nSentiment: Positive"
    )
    assert blocks(text) == [
        Block("bar", "A", "Mild", "x"),
        Block("bar", "B", "Negative", "y"),
        Block("soup", "", "Positive", ""),
    ]


def test_quotes_inside_a_value_stay():
    (segment,) = segments('Reasoning: "great" says it, and "lovely"')
    assert segment.value == '"great" says it, and "lovely"'
    (segment,) = segments('Opinion Target 2: "bar"')
    assert segment.value == "bar"


def test_dropped_parts_leave_the_others_as_they_were():
    text = (
        "Opinion Target 1: bar\nAspect: A\nReasoning: x\n  more of x\nSentiment: Mild\n\nThe end."
    )
    assert without_labels(text) == "Reasoning: x\n  more of x"
    assert keep_parts(text, ["target", "sentiment"]) == "Opinion Target 1: bar\nSentiment: Mild"
    assert keep_parts("I liked it.", ["target"]) == ""


def test_what_cannot_be_read_is_reported():
    found = survey(["Opinion Target 1: bar\nSentiment: Mild", "I liked it .", ""])
    assert (found.texts, found.blocks, found.complete, found.unread) == (3, 1, 0, (1, 2))


def real_analyses(real_data):
    lines = (real_data / "corpus" / "mixtral_400.json").read_text("utf-8-sig").splitlines()
    texts = [json.loads(line)["mixtral_response"] for line in lines]
    return [
        text for text in texts if re.search(r"(?im)^\W*\d*\W*(opinion ?target|sentiment)", text)
    ]


def independent_count(text):
    """Blocks by another rule: lines of which the first word is Sentiment, and a colon soon after."""
    count = 0
    for line in text.split("\n"):
        words = re.findall(r"[A-Za-z]+", line)
        head = line.split(":")[0] if ":" in line else ""
        if words and words[0].lower() == "sentiment" and head and len(head) < 30:
            count += 1
    return count


def test_real_analyses_are_read(real_data):
    texts = real_analyses(real_data)
    assert len(texts) == 180
    expected = [independent_count(text) for text in texts]
    found = [len(blocks(text)) for text in texts]
    agreed = sum(min(pair) for pair in zip(expected, found, strict=True))
    assert sum(expected) > 750
    assert agreed / sum(expected) >= 0.99
    assert sum(found) <= 1.03 * sum(expected)
    report = survey(texts)
    assert report.unread == ()
    assert report.complete / report.blocks > 0.95

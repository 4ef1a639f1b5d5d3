# ruff: noqa: E501 - texts as they come
import json
import re

import pytest

from fsa_jax.opinions.analyses import LABELS, Block, blocks, keep_parts, level, segments, survey

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
    assert keep_parts(text, ["reasoning"]) == "Reasoning: x\n  more of x"
    assert keep_parts(text, ["target", "sentiment"]) == "Opinion Target 1: bar\nSentiment: Mild"
    assert keep_parts("I liked it.", ["target"]) == ""
    table = (
        "| Target | Sentiment | Reason |\n|---|---|---|\n| bar | Mild | x |\n| hall | Mild | y |"
    )
    assert (
        keep_parts(table, LABELS) == "Target: bar\nSentiment: Mild\n\nTarget: hall\nSentiment: Mild"
    )


# Shapes that two parsers of before read differently, each with the right reading.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            'Opinion Target 1: "phone"\nAspect 1: Look\nSentiment: Positive\nReasoning: "neat"\n\n'
            'Aspect 2: Sound\nSentiment 2: Negative\nReasoin: "thin and dull"',
            [
                Block("phone", "Look", "Positive", "neat"),
                Block("phone", "Sound", "Negative", "thin and dull"),
            ],
            id="misspelt reasoning",
        ),
        pytest.param(
            "Opinion Target 1:\nAspect: Diet, Care\nSentiment: Positive\nReasoning: They cooked for me.",
            [Block("", "Diet, Care", "Positive", "They cooked for me.")],
            id="a target that no words name",
        ),
        pytest.param(
            "Opinion Target 1: soup\nSentiment: Mild\n\n"
            'Opinion Target (implicit): "how it is run"\nAspect: Staff\nSentiment: Negative',
            [Block("soup", "", "Mild"), Block("how it is run", "Staff", "Negative")],
            id="a qualified label",
        ),
        pytest.param(
            "Here it is.\n\n| # | **Opinion Target** | Aspect | Sentiment | Reasoning |\n"
            "|---|:---|---|---|---|\n| 1 | bar | Drinks | Very Positive | It is good. |\n"
            "| 2 | | Noise | Negative | It is loud. |\n| 3 | hall | Size | Mild | |\n\nOverall: nice.",
            [
                Block("bar", "Drinks", "Very Positive", "It is good."),
                Block("bar", "Noise", "Negative", "It is loud."),
                Block("hall", "Size", "Mild"),
            ],
            id="a table",
        ),
        pytest.param(
            "Target | Sentiment\n--- | ---\nbar | Positive\n\n| Opinion Target | hall |\n"
            "| --- | --- |\n| Sentiment | Negative |",
            [Block("bar", "", "Positive"), Block("hall", "", "Negative")],
            id="a table without borders, and one on its side",
        ),
        pytest.param(
            "Opinion Target 1: this | that\nSentiment: Positive\nReasoning: a | b | c",
            [Block("this | that", "", "Positive", "a | b | c")],
            id="bars that draw no table",
        ),
        pytest.param(
            "Response:\n[\"Opinion Target 1: 'bar' Aspect: Drinks Sentiment: Positive Reasoning: It is good.\",\n"
            "\"Opinion Target 2: 'hall' Aspect: Noise Sentiment: Negative Reasoning: It is loud.\"]",
            [
                Block("bar", "Drinks", "Positive", "It is good."),
                Block("hall", "Noise", "Negative", "It is loud."),
            ],
            id="blocks as texts of a list",
        ),
        pytest.param(
            'Opinion Target 1: "knob", Aspect: Feel, Sentiment: Negative, Reasoning: It is rough.\n'
            'Opinion Target 2: "lid", Aspect: Fit, Sentiment: Positive, Reasoning: It is snug.',
            [
                Block("knob", "Feel", "Negative", "It is rough."),
                Block("lid", "Fit", "Positive", "It is snug."),
            ],
            id="a block on a line",
        ),
        pytest.param(
            "Opinion Target 1: bar\nSentiment: Mild\nReasoning: x\n\n"
            "Answer the question: Opinion Target 1: hall\nSentiment: Negative",
            [Block("bar", "", "Mild", "x"), Block("hall", "", "Negative")],
            id="words in front of a target",
        ),
        pytest.param(
            "Opinion Target 1: fee\nAspect: Cost\nSentiment: Positive\nReasoning: It is low.\n\n"
            "Sentiment: Neutral\nReasoning: It is said in passing.",
            [
                Block("fee", "Cost", "Positive", "It is low."),
                Block("fee", "", "Neutral", "It is said in passing."),
            ],
            id="two sentiments are two blocks",
        ),
        pytest.param(
            "Opinion Target 1: fee\nSentiment: Positive\nReasoning: It is low.\n\n---\n\n"
            "Review: Another one.\n\nOpinion Target 1: desk\nSentiment: Negative\nReasoning: y\n* * *\nBye",
            [Block("fee", "", "Positive", "It is low."), Block("desk", "", "Negative", "y")],
            id="a drawn line ends the reasoning",
        ),
        pytest.param(
            'Opinion Target 1: fee\nSentiment: Positive\nReasoning: It is low.\nQuotations: "so low"\n'
            "Confidence: 90%",
            [Block("fee", "", "Positive", "It is low.")],
            id="further fields are remarks",
        ),
        pytest.param(
            "Opinion Target 1: fee\nSentiment: Positive\n\nResponse Format:\n"
            '{\n"OpinionTarget": "TargetName1",\n"Sentiment": "SentimentValue1"\n}',
            [Block("fee", "", "Positive")],
            id="a form to fill in is no block",
        ),
        pytest.param(
            "Opinion Target 1: fee\nSentiment: Positive\n\n"
            'opinionTargets: ["fee", "desk"]\nopinionSentiments: ["Positive", "Negative"]\n'
            'opinionReasoning: ["a", "b"]',
            [Block("fee", "", "Positive")],
            id="lists over several blocks are no block",
        ),
        pytest.param(
            "* Opinion Targets*:\n\t+ fee\n\t+ desk\n* Sentiments*:\n\t+ Positive\n\t+ Negative",
            [],
            id="bullet lists over several blocks are no block",
        ),
        pytest.param(
            'Opinion Target 1: "soups" of the house\nAspect: Taste, i.e., how they are.\n'
            "Sentiment: Mild",
            [Block('"soups" of the house', "Taste, i.e., how they are.", "Mild")],
            id="quotes and stops of the text stay",
        ),
        pytest.param(
            "Opinion Target 1: soup\nOpinion Target 2: bar\n\nSubmit Your Answer\n"
            "Opinion Target 1: soup\nSentiment: Positive\n\nPart 2:\n\nOpinion Target 2: bar\nSentiment: Mild",
            [Block("soup", "", "Positive"), Block("bar", "", "Mild")],
            id="remarks between blocks",
        ),
    ],
)
def test_one_reading_of_each_shape(text, expected):
    assert blocks(text) == expected


def test_no_reasoning_is_left_where_it_is_dropped():
    text = (
        "Opinion Target 1: bar\nSentiment: Mild\nReasoin: secret\n\n"
        "Opinion Target 2: hall -- Sentiment: Negative -- Reasoning: secret\n"
        'opinionReasoning: ["secret"]\n\nFinal answer:'
    )
    assert keep_parts(text, LABELS) == (
        "Opinion Target 1: bar\nSentiment: Mild\n\nOpinion Target 2: hall\nSentiment: Negative"
    )
    assert keep_parts(text, ["reasoning"]).count("secret") == 3


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Very Positive", "very positive"),
        ("positive", "positive"),
        ("NEGATIVE.", "negative"),
        ("Extremely negative", "very negative"),
        ("Mild Sentiment", "neutral"),
        ("Mildly negative", "neutral"),
        ("Slightly positive (mild)", "neutral"),
        ("Neutral", "neutral"),
        ("Mixed, positive and negative", "neutral"),
        ("positive and negative", "neutral"),
        ("Strong positive", "very positive"),
        ("extreme negative", "very negative"),
        ("Intense, negative", "very negative"),
        ("not positive", None),
        ("non-negative", None),
        ("Positive, not neutral", "positive"),
        ("isn't negative, neutral", "neutral"),
        ("neither positive nor negative", "neutral"),
        ("not positive or negative", "neutral"),
        ("not only positive but very positive", "very positive"),
        ("Positive (a negative word is missing)", "positive"),
        ("Negative (not positive)", "negative"),
        ("(positive)", "positive"),
        ("Negative (mild)", "neutral"),
        ("Not specified", None),
        ("", None),
    ],
)
def test_levels(words, expected):
    assert level(words) == expected
    assert Block("soup", "Taste", words).level == expected


@pytest.mark.parametrize(
    ("lines", "reasoning"),
    [
        ("The\nreviewer says so.\nnoteworthy, too", "The reviewer says so. noteworthy, too"),
        ("It is\nconsiderate, and\npleased them", "It is considerate, and pleased them"),
        ("They were\nresponsive as\nnoted above", "They were responsive as noted above"),
        ("Such\nreview words\nplease all", "Such review words please all"),
        ("It is low.\nNote: that is all.", "It is low."),
        ("It is low.\nConfidence rating: 9", "It is low."),
        ("It is low.\n- https://example.org", "It is low."),
        ("It is low.\n\n- Please note that it is made up.", "It is low."),
    ],
)
def test_a_line_of_reasoning_is_a_remark_only_with_a_remark_s_mark(lines, reasoning):
    (block,) = blocks(f"Opinion Target: fee\nSentiment: Positive\nReasoning: {lines}")
    assert block.reasoning == reasoning


@pytest.mark.parametrize(
    ("lines", "sentiment"),
    [
        ("Sentiment Polarity: Negative", "Negative"),
        ("Sentiment label: Negative", "Negative"),
        ("**Sentiment Level:** Negative", "Negative"),
        ("Sentiment: Negative\nSentiment Score: -0.8", "Negative"),
        ("Sentiment Score: 0.1\nSentiment: Negative", "Negative"),
        ("Sentiment Polarity: Negative\nSentiment Intensity: Strong", "Negative, Strong"),
    ],
)
def test_a_sentiment_s_polarity_and_measure_are_one_sentiment(lines, sentiment):
    text = f"Opinion Target: fee\nAspect: Cost\n{lines}\nReasoning: It is low."
    assert blocks(text) == [Block("fee", "Cost", sentiment, "It is low.")]


@pytest.mark.parametrize(
    "text",
    [
        "**Opinion Target 1**\nfee\n**Aspect**\nCost\n**Sentiment**\nPositive\n**Reasoning**\nLow.",
        "### Opinion Target 1\nfee\n### Aspect\nCost\n### Sentiment\nPositive\n### Reasoning\nLow.",
    ],
)
def test_labels_may_be_headings(text):
    assert blocks(text) == [Block("fee", "Cost", "Positive", "Low.")]
    assert blocks("Reasoning:\nOpinion target\nis not said, nor a\nsentiment") == []


def test_many_forms_in_one_text():
    text = """Sure, here is the analysis:

**Opinion Target 1:** "sushi roll"
**Aspect:** Food, Quality
**Sentiment:** Very Positive
**Reasoning:** It is called "divine".
It goes on here.

2. Opinion Target: staff
- Aspect 1: Service
- Sentiment 1: Negative
- Reasoning 1: They were slow.
- Aspect 2: Kindness
- Sentiment 2: Mild
- Reasoin: Unclear.

Opinion Target 3: 'price', Aspect: Value, Sentiment: Positive, Reasoning: cheap

Opinion Target 4: "nothing"
Aspect: none

Overall the review is mixed."""
    assert [(block.target, block.aspect, block.level) for block in blocks(text)] == [
        ("sushi roll", "Food, Quality", "very positive"),
        ("staff", "Service", "negative"),
        ("staff", "Kindness", "neutral"),
        ("price", "Value", "positive"),
    ]
    assert blocks(text)[0].reasoning == 'It is called "divine". It goes on here.'
    assert blocks("") == blocks("no blocks at all") == []


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

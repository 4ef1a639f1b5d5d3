# ruff: noqa: E501 - answers as they come
"""What LLMs answer: lists in prose, and labels in words."""

import random
import time

import pytest

from fsa_jax.opinions.questions import ASC_LABELS, TSC_LABELS
from fsa_jax.opinions.scoring.llm_answers import read_answer, read_label
from fsa_jax.opinions.units import ASA, QUAD, TSA, parse_reference

TEXT = "The wine list and the food of the bar [downstairs] were fine ."
PAIR = "('food', 'positive')"


def keys(answer):
    return [(unit["target"], unit["polarity"]) for unit in answer.units]


@pytest.mark.parametrize(
    "raw",
    [
        f"[{PAIR}]",
        f"[{PAIR},]",
        '[["food", "Positive"]]',
        f"```python\n[{PAIR}]\n```",
        f"labels = [{PAIR}]",
        f"[{PAIR}]\n\nNote: the service [not named] is left out.",
        f"[{PAIR}] [end]",
        f"As asked in [Label]: [{PAIR}]",
        f"Here is the list [1]: [{PAIR}]\n[1] Sentiment analysis.",
        f"[Output] [{PAIR}] (see [the guide])",
        f"[Here it is: [{PAIR}] as asked]",
        f"[{PAIR}]\nFor another sentence: [('bar', 'negative')]",
        f"[{PAIR}] ]]",
        f"[[ [{PAIR}]",
    ],
)
def test_the_first_list_that_parses_counts(raw):
    answer = read_answer(raw, TSA, TEXT)
    assert keys(answer) == [("food", "positive")]
    assert answer.junk == []
    assert answer.reference == [("food", "positive")]


TWO = [("food", "positive"), ("wine list", "negative")]


@pytest.mark.parametrize(
    "raw",
    [
        # Lists that go on with one another.
        "[('food', 'positive')], [('wine list', 'negative')]",
        "[('food', 'positive')]\n[('wine list', 'negative')]\n[('wine list', 'negative')]",
        # An empty list is the answer only where nothing else is.
        "Explicit: []. Implicit: [('food', 'positive'), ('wine list', 'negative')]",
        "[] was the first thought; [('food', 'positive'), ('wine list', 'negative')] []",
        # Objects.
        '[{"target": "food", "polarity": "positive"}, {"polarity": "negative", "target": "wine list"}]',
        '{"target": "food", "polarity": "positive"}\n{"target": "wine list", "polarity": "negative"}',
        # Quotes, brackets and stops.
        "[(“food”, “positive”), (“wine list”, “negative”)]",
        "('food', 'positive'), ('wine list', 'negative')",
        "- 'food', 'positive'\n- 'wine list', 'negative'",
        "[('food', 'Positive.'), ('wine list', '**negative**')]",
        "[('food', 'positive'), ('wine list', 'negative')",
        # A target text with a unit on each line.
        "food | positive\nwine list | negative",
        "1. food | positive\n2. wine list | negative",
        "- food | Positive;\n\n- wine\n  list | negative",
    ],
)
def test_both_units_are_read_of_what_is_no_proper_list(raw):
    answer = read_answer(raw, TSA, TEXT)
    assert (keys(answer), answer.junk) == (TWO, [])


def test_line_ends_part_units_for_llms_alone():
    raw = "The units:\nfood | positive\nwine list | negative\nThat is all."
    answer = read_answer(raw, TSA, TEXT)
    assert (keys(answer), answer.junk) == (TWO, ["The units:", "That is all."])
    # The paper's rule knows no line ends.
    assert answer.reference == parse_reference(raw, TSA, TEXT) == []


def test_quads_are_read_of_what_is_no_proper_list():
    raw = "[('food quality', 'food', 'didn't', 'negative'), ('food quality', 'bar', 'fine', 'pos"
    answer = read_answer(raw, QUAD, "The food didn't last .")
    assert [(unit["target"], unit["opinion"]) for unit in answer.units] == [("food", "didn't")]
    assert answer.junk == ["('food quality', 'bar', 'fine', 'pos"]


def test_brackets_in_targets_end_no_list():
    answer = read_answer("[('bar [downstairs]', 'neutral'), ('a ] b', 'neutral')] [x]", TSA, TEXT)
    assert keys(answer) == [("bar [downstairs]", "neutral"), ("a ] b", "neutral")]
    assert answer.reference == [("bar [downstairs]", "neutral")]


@pytest.mark.parametrize(
    ("raw", "units", "junk"),
    [
        ("[]", 0, 0),
        ("There are none: []", 0, 0),
        ("[('food', 'positive'), ('bar', 'good'), 'bar', ('a', 'b', 'c')]", 1, 3),
        ("[('', 'positive'), ('food', '')]", 0, 2),
        ("[1, 2", 0, 1),
        ("[1, 2]", 0, 2),
        ("[__import__('os')]", 0, 1),
        ("[('the bar's wine', 'positive')]", 1, 0),
        ("[('the bar's wine', positive)]", 0, 1),
        ("[('food', 'positive'), ('wi", 1, 1),
        ("[('food', 'positive'), ('it's', 'x'), ('it's', 'y')]", 1, 2),
        ("[('food', 'positive')], [('bar', 'good'), ('wine list', 'neutral')]", 2, 1),
        ("I cannot\ndo that.", 0, 1),
        ("['\\d', ('food', 'positive')]", 1, 1),
        ("I cannot do that.", 0, 1),
        ("food | positive ; bar | negative", 2, 0),
        ("[note] food | positive", 1, 0),
        ("", 0, 0),
    ],
)
def test_what_is_no_unit_is_told(raw, units, junk):
    answer = read_answer(raw, TSA, TEXT)
    assert (len(answer.units), len(answer.junk)) == (units, junk)


def test_targets_are_looked_up_in_the_sentence():
    raw = "[('Wine list', 'positive'), ('soup', 'negative'), ('food', 'neutral')]"
    answer = read_answer(raw, TSA, TEXT)
    assert [unit["target"] for unit in answer.units] == ["wine list", "soup", "food"]
    assert [unit["start"] for unit in answer.units] == [4, None, 22]
    # The paper's rule takes the exact words of the sentence only.
    assert answer.reference == [("food", "neutral")]
    assert read_answer(raw, TSA, "").reference is None
    assert read_answer("[('FOOD#QUALITY', 'positive')]", ASA, TEXT).reference == [
        ("food quality", "positive")
    ]
    quad = read_answer("[('food quality', 'food', 'NULL', 'positive')]", QUAD, TEXT)
    assert quad.units[0]["opinion"] == "NULL"


def test_any_brackets_end_in_an_answer():
    draw = random.Random(0)
    pieces = ["[", "]", "(", ")", "'food'", "'positive'", ",", "\\x", "{", " ", "[]", "\n", "0"]
    for _ in range(2000):
        raw = "".join(draw.choices(pieces, k=draw.randrange(40)))
        answer = read_answer(raw, TSA, TEXT)
        assert isinstance(answer.units, list)
    for raw in ("[" * 5000 + "]" * 5000, "[]" * 5000 + "[", "[x]" * 5000):
        read_answer(raw, TSA, TEXT)


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        ("Negative.", "negative"),
        ("**Positive**", "positive"),
        ("'neutral'", "neutral"),
        ("positive (the food is praised, and nothing negative is said)", "positive"),
        ("Negative, since no positive word is used", "negative"),
        ("neutral because it is neither positive nor negative", "neutral"),
        ("The sentiment towards the food is positive.", "positive"),
        ("It is not positive, it is negative", "negative"),
        ("not positive, it is negative", "negative"),
        ("This isn't positive; it is negative", "negative"),
        ("Not negative but positive", "positive"),
        ("Neither positive nor negative, so neutral", "neutral"),
        ("Rather than positive, I would say: negative", "negative"),
        ("It is non-negative: neutral.", "neutral"),
        ("Positive would be wrong: negative", "negative"),
        ("Positive is not right; the label is negative.", "negative"),
        ("Positive? No, negative.", "negative"),
        ("The food is positive, the service negative. Label: negative", "negative"),
        ("Label: positive\nAlthough the service is described in negative words.", "positive"),
        ("The customer speaks positively of it.", "positive"),
        ("There are conflicting opinions", "conflict"),
        ("I see nothing negative in it, so positive", "positive"),
        ("There is no doubt it is positive.", "positive"),
        ("It is without any doubt negative.", "negative"),
        ("There's no question that it's neutral", "neutral"),
        ("The label is positive, negative words are absent", "positive"),
        ("Positive; negative words are missing", "positive"),
        # No label for sure.
        ("The sentiment is mixed: positive and negative", None),
        ("Label: positive/negative", None),
        ("The answer is **positive** or **neutral**.", None),
        ("Positive, negative.", None),
        ("Sentiment: negative, neutral and positive", None),
        ("There is no doubt it is not positive.", None),
        ("I cannot say", None),
        ("Not positive.", None),
        ("I would not call it positive", None),
        ("not positive it is negative", None),
        ("Positive aspects and negative aspects are both there", None),
        ("positivenegative", None),
        ("", None),
    ],
)
def test_labels_are_read_from_words(raw, label):
    assert read_label(raw, TSC_LABELS) == label


@pytest.mark.parametrize("denial", ["not {}", "isn't {}", "never {}", "hardly {}", "not at all {}"])
@pytest.mark.parametrize("wrong", TSC_LABELS)
@pytest.mark.parametrize("rest", [", it is {}", "; rather {}", ": {}", " but {}", ""])
def test_what_is_denied_is_never_the_answer(denial, wrong, rest):
    right = next(label for label in TSC_LABELS if label != wrong)
    raw = f"It is {denial.format(wrong)}{rest.format(right)}"
    assert read_label(raw, TSC_LABELS) == (right if rest else None)


def test_a_label_outside_the_set_is_none():
    assert read_label("conflict", ASC_LABELS) is None
    assert read_label("The words conflict; it is negative", ASC_LABELS) == "negative"


@pytest.mark.parametrize("words", ["positive ", "label: positive, ", "not positive "])
def test_an_answer_without_end_is_read_in_seconds(words):
    started = time.process_time()
    read_label(words * 6_000, TSC_LABELS)
    assert time.process_time() - started < 8

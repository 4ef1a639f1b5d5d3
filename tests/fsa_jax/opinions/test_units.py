import collections
import random

import pytest

from fsa_jax.opinions.data_sets import DATA_SETS
from fsa_jax.opinions.readers import load_file
from fsa_jax.opinions.sentences import Opinion, Sentence
from fsa_jax.opinions.spans import candidates, locate
from fsa_jax.opinions.units import (
    ASA,
    QUAD,
    TSA,
    gold_units,
    linearize,
    parse,
    parse_places,
    parse_reference,
    unit_key,
)
from tasks.vocabulary import get_vocabulary

TEXT = "The wine list , the AC / DC menu ; or A|B deals are great , the wine~bar {sic} is not"


def sentence(*opinions):
    return Sentence("s", TEXT, tuple(opinions))


@pytest.mark.parametrize(
    ("output", "units", "junk"),
    [
        ("", [], []),
        ("wine list | positive", [("wine list", "positive")], []),
        ("wine list|positive;menu|negative", [("wine list", "positive"), ("menu", "negative")], []),
        # Targets that hold what divides units and fields.
        ("menu ; or A|B deals | positive", [("menu ; or A|B deals", "positive")], []),
        ("A|B | positive ; menu | neutral", [("A|B", "positive"), ("menu", "neutral")], []),
        # Case, blanks, and characters that the vocabulary lacks.
        ("Wine  List | Positive", [("wine list", "positive")], []),
        ("AC/DC menu | neutral", [("AC / DC menu", "neutral")], []),
        ("wine ⁇ bar | negative", [("wine~bar", "negative")], []),
        # What the sentence does not hold stays as it is.
        ("pizza | positive", [("pizza", "positive")], []),
        ("foo ; menu | positive", [("menu", "positive")], ["foo"]),
        ("foo ; pizza | positive", [("pizza", "positive")], ["foo"]),
        ("foo", [], ["foo"]),
        ("menu | great ; bar", [], ["menu | great", "bar"]),
        (" | positive", [], ["| positive"]),
        ("menu | wine | positive", [], ["menu | wine | positive"]),
        ("menu | positive negative", [], ["menu | positive negative"]),
        ("menu | positive ;", [("menu", "positive")], []),
        (";;;", [], []),
        ("menu | positive | positive", [], ["menu | positive | positive"]),
    ],
)
def test_parsing_target_texts(output, units, junk):
    found, left = parse(output, TSA, TEXT)
    assert [unit_key(unit, TSA) for unit in found] == units
    assert left == junk
    for unit in found:
        if unit["start"] is not None:
            assert TEXT[unit["start"] : unit["end"]] == unit["target"]


def test_the_reference_rule_is_literal():
    assert parse_reference("menu|positive; Menu | positive ;x|positive", TSA, TEXT) == [
        ("menu", "positive")
    ]
    assert parse_reference(" | neutral", TSA, TEXT) == [("", "neutral")]
    assert parse_reference("menu | Positive;menu | wine | positive", TSA, TEXT) == []
    assert parse_reference("anything | positive", ASA, TEXT) == [("anything", "positive")]


def test_words_are_preferred_to_parts_of_words():
    text = "seafood , food and Food"
    assert locate(text, "food") == (10, 14)
    assert locate("seafood only", "food") == (3, 7)
    assert candidates(text, "FOOD") == [(10, 14), (19, 23)]
    used = {}
    twice = "wine , wine"
    assert [locate(twice, "wine", used) for _ in range(3)] == [(0, 4), (7, 11), (7, 11)]
    assert locate(text, "") is None
    assert locate(text, "⁇") is None
    assert locate("the wine list", "⁇ list") is None
    assert locate("the caf\u00e9 ~ bar", "caf ⁇   ⁇ bar") == (4, 14)


def test_categories_are_told_by_their_space():
    from dataclasses import replace

    kind = replace(ASA, categories=frozenset({"food quality", "food ; quality"}))
    assert parse("Food  Quality | positive", kind, "")[0][0]["category"] == "food quality"
    assert parse("food ; quality | positive", kind, "")[0][0]["category"] == "food ; quality"
    lossy = replace(ASA, categories=frozenset({"a~b", "food general"}))
    assert parse("a ⁇ b | positive", lossy, "")[0][0]["category"] == "a~b"
    assert parse("⁇ | positive", lossy, "")[0][0]["category"] == "⁇"
    units, junk = parse("x ; food colour | positive", kind, "")
    assert (units[0]["category"], junk) == ("food colour", ["x"])


def test_quads_with_dividers_inside_and_implicit_parts():
    opinion = Opinion("A|B deals", 40, 49, "FOOD#QUALITY", "positive", "great", 54, 59)
    hidden = Opinion(None, None, None, "FOOD#GENERAL", "negative")
    gold = gold_units(sentence(opinion, hidden), QUAD)
    text = linearize(gold, QUAD)
    assert text == (
        "food quality | A|B deals | great | positive ; food general | NULL | NULL | negative"
    )
    units, junk = parse(text, QUAD, TEXT)
    assert [unit_key(u, QUAD) for u in units] == [unit_key(u, QUAD) for u in gold]
    assert junk == []


def test_random_targets_come_back():
    """Any part of a sentence, dividers and all, written and parsed again."""
    draw = random.Random(1)
    words = ["wine", "a", "|", ";", "~", "é", "positive", "| positive", "list", "ﬁsh", "⁇"]
    lost = total = 0
    for _ in range(2000):
        text = " ".join(draw.choice(words) for _ in range(draw.randrange(3, 12)))
        opinions = []
        for _ in range(draw.randrange(1, 4)):
            start = draw.randrange(len(text))
            end = draw.randrange(start + 1, len(text) + 1)
            if text[start:end].strip() == text[start:end]:
                polarity = draw.choice(["positive", "negative"])
                opinions.append(Opinion(text[start:end], start, end, None, polarity))
        gold = gold_units(Sentence("s", text, tuple(opinions)), TSA)
        output = linearize(gold, TSA)
        found, _ = parse(output, TSA, text)
        expected = collections.Counter(unit_key(unit, TSA) for unit in gold)
        got = collections.Counter(unit_key(unit, TSA) for unit in found)
        total += expected.total()
        # Only a target that holds a whole unit's end can be cut at the wrong place.
        if not any("| positive" in unit["target"] for unit in gold):
            lost += (expected - got).total() if ";" not in output.replace(" ; ", "") else 0
    assert total > 2000
    assert lost / total < 0.05


@pytest.mark.parametrize("name", DATA_SETS)
def test_all_real_gold_survives_its_text_and_the_real_tokenizer(real_data, name):
    """100% of the (target or category, polarity) and quads, offsets where unambiguous."""
    vocabulary = get_vocabulary(str(real_data / "t5_vocab" / "spiece.model"))
    data_set = DATA_SETS[name]
    files = sorted({file for files in data_set.splits.values() for file in files})
    if not all((real_data / file).is_file() for file in files):
        pytest.skip(f"the files of {name} are not there")
    kind = data_set.kind
    units = misplaced = 0
    for file in files:
        for item in load_file(real_data / file, data_set.form):
            gold = gold_units(item, kind)
            text = linearize(gold, kind)
            expected = collections.Counter(unit_key(unit, kind) for unit in gold)
            for output in (text, vocabulary.decode(vocabulary.encode(text))):
                found, junk = parse(output, kind, item.text)
                assert junk == [], (item.id, output)
                assert collections.Counter(unit_key(unit, kind) for unit in found) == expected
                for unit, other in zip(gold, found, strict=True):
                    if "target" not in kind.fields or unit.get("start") is None:
                        continue
                    places = candidates(item.text, unit["target"])
                    if len(places) == 1:
                        assert (unit["start"], unit["end"]) == (other["start"], other["end"])
                    else:
                        misplaced += other["start"] != unit["start"]
            units += len(gold)
    assert units > 1000
    # Targets that stand more than once in their sentence, and not in the order of the opinions.
    assert misplaced / 2 / units < 0.02


def test_each_unit_is_written_where_its_place_says():
    text = "The wine list is great; the service a | b was slow"
    output = "junk ; wine list | positive ;  a | b | negative ; service | Negative ; rest"
    placed, junk = parse_places(output, TSA, text)
    assert [output[slice(*place)] for _, place in placed] == [
        "wine list | positive",
        "a | b | negative",
        "service | Negative",
    ]
    assert ([unit for unit, _ in placed], junk) == parse(output, TSA, text)

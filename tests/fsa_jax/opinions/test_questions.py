"""What is asked about sentences: ids, right answers, texts and sub-sets."""

import pytest

from fsa_jax.opinions.data_sets import DATA_SETS
from fsa_jax.opinions.questions import CLASSIFICATIONS, data_set_of, questions
from fsa_jax.opinions.sentences import Opinion, Sentence

PIE_AND_TEA = Sentence(
    "s1",
    "Pie good, tea bad.",
    (
        Opinion("tea", 10, 13, "DRINKS#QUALITY", "negative"),
        Opinion(None, None, None, "FOOD#QUALITY", "neutral"),
        Opinion("Pie", 0, 3, "FOOD#QUALITY", "positive"),
    ),
    implicit=True,
)


def test_all_units_of_a_sentence_are_one_question():
    (question,) = questions("tsa_rest14", [(PIE_AND_TEA, True)])
    assert (question.id, question.text, question.unit) == ("s1", PIE_AND_TEA.text, None)
    assert [unit["target"] for unit in question.gold] == ["Pie", "tea"]
    assert question.subsets == {"implicit": True, "multiple": True, "hard": True}


def test_units_are_numbered_in_the_order_of_the_gold():
    found = list(questions("tsc_rest14", [(PIE_AND_TEA, False)]))
    assert [question.id for question in found] == ["s1#0", "s1#1"]
    assert [question.gold[0]["target"] for question in found] == ["Pie", "tea"]
    assert found[1].text == "Pie good, tea bad.\nOpinion target: tea"
    found = list(questions("asc_rest16", [(PIE_AND_TEA, False)]))
    assert [question.id for question in found] == ["s1#0", "s1#1", "s1#2"]
    assert found[0].text == "Pie good, tea bad.\nAspect category: drinks quality"


def test_a_sentence_is_multiple_by_its_implicit_opinions_too():
    opinions = (Opinion("tea", 0, 3, None, "negative"), Opinion(polarity="positive"))
    (question,) = questions("tsa_rest14", [(Sentence("s", "tea , mostly", opinions), False)])
    assert len(question.gold) == 1
    assert question.subsets == {"implicit": None, "multiple": True, "hard": False}


def test_what_cannot_be_asked():
    torn = Sentence("s9", "tea", (Opinion("tea", 0, 3, "DRINKS#QUALITY", "conflict"),))
    assert len(list(questions("tsc_rest14", [(torn, False)]))) == 1
    with pytest.raises(ValueError, match="sentence s9: 'conflict' is none of negative, neutral"):
        list(questions("asc_rest16", [(torn, False)]))
    with pytest.raises(ValueError, match=r"no benchmark task 'tsa_rest16': tsa_rest14, .*tsc_"):
        data_set_of("tsa_rest16")


def test_every_classification_asks_about_a_data_set():
    for name, asked in CLASSIFICATIONS.items():
        kind = DATA_SETS[asked.data_set].kind
        assert kind.name == {"tsc": "tsa", "asc": "asa"}[name.partition("_")[0]]
        assert set(asked.labels) <= set(kind.polarities)

"""The lexicon teacher behind the teachers' interface."""

import sys

import pytest

from generation import prompting
from generation.lexicon import knowledge
from generation.records import Review
from generation.teachers.base import Request
from generation.teachers.lexicon import LexiconTeacher


def requests():
    review = Review("1", "restaurant", 4.0, "The food was great but the staff was rude.", "test")
    return [
        Request(f"key-{prompt.kind}", review, prompt, []) for prompt in prompting.load_all("anl,rw")
    ]


def test_answers_come_in_order_each_by_its_prompts_kind():
    asked = requests()
    answers = list(LexiconTeacher().answers(asked))
    assert [answer.request for answer in answers] == asked
    anl, rw = (answer.response for answer in answers)
    assert anl.startswith('Opinion Target 1: "food"')
    assert "Opinion Target" not in rw
    assert {answer.finish_reason for answer in answers} == {"stop"}


def test_the_revision_is_that_of_the_rules():
    assert LexiconTeacher("mine").spec.revision == knowledge.version()
    assert LexiconTeacher("mine").spec.teacher == "mine"


def test_what_is_missing_is_told_before_the_first_row(monkeypatch):
    knowledge.load.cache_clear()
    monkeypatch.setitem(sys.modules, "vaderSentiment", None)
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)
    with pytest.raises(ValueError, match="pip install vaderSentiment"):
        LexiconTeacher().check()

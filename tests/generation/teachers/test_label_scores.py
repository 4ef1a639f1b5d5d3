"""The rule of scores: which tokens are a label's, and what they sum up to."""

import dataclasses

import pytest

from generation.prompting import LabelPrompt
from generation.records import Review
from generation.teachers import label_scores
from generation.teachers.base import Request, Spec, identity
from generation.teachers.label_scores import LabelScore

PROMPT = LabelPrompt("tsc", "1", "label", "Say {input review}:", {}, labels=("good", "bad"))


@pytest.fixture
def request_():
    review = Review("1", "laptop", 3.0, "it", "x")
    return Request("0" * 64, review, PROMPT, PROMPT.messages(review))


def test_a_label_stands_behind_the_prompt_and_a_blank(request_):
    assert label_scores.text_of(request_) == "Say it:"
    assert label_scores.labelled(request_) == {"good": "Say it: good", "bad": "Say it: bad"}


@pytest.mark.parametrize(
    ("prompt", "texts", "shared"),
    [
        ("ab:", {"x": "ab: g", "y": "ab: b"}, 3),
        ("ab:", {"x": "ab: g", "y": "abB"}, 2),  # a tokenizer that joins the colon with a label
        ("ab:", {"x": "ab: g", "y": "Ab: b"}, 0),
        ("ab:", {"x": "ab", "y": "ab: b"}, 2),
        ("ab:$", {"x": "ab: g$", "y": "ab: b$"}, 3),  # one that ends each text with a token
    ],
)
def test_labels_are_scored_behind_what_all_forms_share(prompt, texts, shared):
    assert label_scores.shared(prompt, texts) == shared
    assert label_scores.shared(prompt, dict(reversed(texts.items()))) == shared


def test_scores_are_sums_over_a_labels_own_tokens(request_):
    texts = {"good": [1, 2, 3, 4], "bad": [1, 2, 5]}
    logprobs = {"good": [None, -9.0, -1.5, -0.5], "bad": [None, -9.0, -3.0]}
    answer = label_scores.answer(request_, [1, 2], texts, logprobs, 1, {})
    assert (answer.error, answer.finish_reason) == ("", "stop")
    scores = label_scores.read_response(answer.response)
    assert scores == {"good": LabelScore(-2.0, 2), "bad": LabelScore(-3.0, 1)}
    assert scores["good"].value(per_token=False) == -2.0
    assert scores["good"].value(per_token=True) == -1.0


@pytest.mark.parametrize(
    ("bad", "logprobs", "words"),
    [
        ([1, 2], [None, -1.0], "no_tokens: the label 'bad' adds no token to the prompt"),
        ([1, 2, 3], [None, -1.0, None], "no_log_probability: a token of the label 'bad'"),
        ([1, 2, 3], [None, -1.0, float("-inf")], "no_log_probability: a token of the label 'bad'"),
    ],
)
def test_a_label_that_cannot_be_scored_fails_its_question_alone(request_, bad, logprobs, words):
    texts = {"good": [1, 2, 3, 4], "bad": bad}
    found = {"good": [None, -9.0, -1.5, -0.5], "bad": logprobs}
    answer = label_scores.answer(request_, [1, 2], texts, found, 2, {})
    assert answer.response is None
    assert answer.error.startswith(words)


def test_other_labels_are_another_question():
    spec = Spec("t", "vllm", "m", "", {})
    other = dataclasses.replace(PROMPT, labels=("good",))
    assert identity(spec, other) != identity(spec, PROMPT)
    assert other.sha256 != PROMPT.sha256

"""The prompts of tables 9 and 10, and ours for quads."""

import ast
import re

import pytest

from fsa_jax.opinions.data_sets import sentences_of
from fsa_jax.opinions.questions import TSC_LABELS
from fsa_jax.opinions.scoring.llm_answers import read_answer
from fsa_jax.opinions.units import QUAD, gold_units
from generation.evaluation import asking, in_context


@pytest.mark.parametrize("task", ["tsa_rest14", "asa_rest16"])
def test_in_context_prompt(data, task):
    train = sentences_of(asking.asked_data_set(task), "train", data)
    prompt = in_context.make_prompt(task, train, None, seed=42)
    assert prompt.template.count("Sentence: ") == 9
    assert prompt.template.startswith("Please perform ")
    assert prompt.template.endswith("\n\nSentence: {input review}\nLabel:")
    assert "without any other comments or texts.\n\nSentence: " in prompt.template
    if task == "asa_rest16":
        assert "selected from ['ambience general', 'drinks prices', " in prompt.template
    again = in_context.make_prompt(task, train, None, seed=42)
    assert again.template == prompt.template
    assert in_context.make_prompt(task, train, None, seed=52).template != prompt.template
    if task == "tsa_rest14":
        four = in_context.make_prompt("tsa_laptop14", train, None, 1)
        assert four.template.count("Label: ") == 4


def test_demonstrations_of_quads_are_read_back_as_their_gold(data):
    train = sentences_of(asking.asked_data_set("acos_laptop16"), "train", data)
    template = in_context.make_prompt("acos_laptop16", train, 8, seed=42).template
    shown = re.findall(r"^Sentence: (.*)\nLabel: (.*)$", template, re.MULTILINE)
    assert len(shown) == 8
    gold = {sentence.text: gold_units(sentence, QUAD) for sentence, _ in train}
    for text, label in shown:
        units, junk, _ = read_answer(label, QUAD, text)
        assert junk == []
        assert [[u[k] for k in QUAD.keys] for u in units] == [
            [u[k] for k in QUAD.keys] for u in gold[text]
        ]


def test_more_demonstrations_than_sentences_are_refused(data):
    train = sentences_of(asking.asked_data_set("tsa_rest14"), "train", data)
    words = f"--shots is 100000, but the train set has {len(train)} sentences"
    with pytest.raises(ValueError, match=words):
        in_context.make_prompt("tsa_rest14", train, 100_000, seed=42)


def test_zero_shot_questions(data):
    asked = asking.ask("tsc_rest14", "test_original", data)
    whole = asking.ask("tsa_rest14", "test_original", data)
    assert len(asked) == sum(len(question.gold) for question in whole)
    review = asking.as_review(asked[0], "tsc_rest14")
    target = asked[0].unit["target"]
    short = f"Sentence: {asked[0].sentence.text}\nOpinion target: {target}\nLabel:"
    prompt = in_context.make_prompt("tsc_rest14", [], None, 0)
    (message,) = prompt.messages(review)
    assert message["content"].startswith("Please perform the targeted sentiment classification")
    assert message["content"].endswith(f"\n\n{short}")
    prompt = in_context.label_prompt("tsc_rest14")
    assert prompt.messages(review) == [{"role": "user", "content": short}]
    assert prompt.labels == TSC_LABELS


@pytest.mark.parametrize(
    ("task", "size", "unseen"), [("asa_rest16", 12, (0, 0)), ("asa_laptop16", 198, (17, 39))]
)
def test_every_gold_category_can_be_answered(real_data, task, size, unseen):
    data_set = asking.asked_data_set(task)
    train = sentences_of(data_set, "train", real_data)
    template = in_context.make_prompt(task, train, None, 42).template
    space = ast.literal_eval(re.search(r"should be selected from (\[.*?\])", template).group(1))
    assert len(space) == size
    asked = {
        split: [unit["category"] for question in asking.ask(task, split, real_data)
                for unit in question.gold]
        for split in ("train", "test")
    }  # fmt: skip
    assert set(asked["train"] + asked["test"]) <= set(space)
    # What the train set alone leaves without an answer.
    missing = [category for category in asked["test"] if category not in set(asked["train"])]
    assert (len(set(missing)), len(missing)) == unseen


@pytest.mark.parametrize(("task", "left_out"), [("asqp_rest16", 0), ("acos_laptop16", 1)])
def test_nearly_every_gold_category_of_quads_can_be_answered(real_data, task, left_out):
    """One laptop category of one test sentence is neither SemEval's nor in the train set."""
    train = sentences_of(asking.asked_data_set(task), "train", real_data)
    template = in_context.make_prompt(task, train, None, 42).template
    space = ast.literal_eval(re.search(r"should be selected from (\[.*?\])", template).group(1))
    units = [unit for question in asking.ask(task, "test", real_data) for unit in question.gold]
    assert sum(unit["category"] not in space for unit in units) == left_out

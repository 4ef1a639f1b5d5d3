"""LLMs in context: the prompts of tables 9 and 10, and predictions that the scorer reads."""

import ast
import json
import re

import pytest
import typer.testing

from fsa_jax.opinions.data_sets import sentences_of
from fsa_jax.opinions.questions import questions
from fsa_jax.opinions.scoring.counts import metrics
from fsa_jax.opinions.scoring.files import score_file
from fsa_jax.opinions.sentences import Opinion, Sentence
from generation import commands
from generation.evaluation import in_context
from generation.world.sample import write_sample

CLI = typer.testing.CliRunner()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_sample(folder, seed=1, reviews=20)
    return folder


@pytest.mark.parametrize("task", ["tsa_rest14", "asa_rest16"])
def test_in_context_prompt(data, task):
    train = sentences_of(in_context.asked_data_set(task), "train", data)
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


def test_zero_shot_questions(data):
    asked = in_context.ask("tsc_rest14", "test_original", data)
    whole = in_context.ask("tsa_rest14", "test_original", data)
    assert len(asked) == sum(len(question.gold) for question in whole)
    prompt = in_context.make_prompt("tsc_rest14", [], None, 0)
    (message,) = prompt.messages(in_context.as_review(asked[0], "tsc_rest14"))
    target = asked[0].unit["target"]
    assert message["content"].endswith(
        f"\n\nSentence: {asked[0].sentence.text}\nOpinion target: {target}\nLabel:"
    )


def test_predictions_of_every_task(data, serve, tmp_path):
    server = serve()
    app = typer.Typer()
    app.command()(commands.evaluate)
    for task in ("tsa_laptop14", "asa_rest16", "tsc_rest14", "asc_laptop16"):
        output = tmp_path / task
        command = ["--task", task, "--data-dir", str(data), "--output-dir", str(output)]
        command += ["--teacher", "t", "--backend", "openai", "--model", "scripted"]
        command += ["--base-url", server.url]
        result = CLI.invoke(app, command)
        assert result.exit_code == 0, result.output
        rows = [
            json.loads(r) for r in (output / f"{task}-predictions.jsonl").read_text().splitlines()
        ]
        asked = in_context.ask(task, "test", data)
        assert [row["text"] for row in rows] == [question.sentence.text for question in asked]
        if task.startswith(("tsa", "asa")):
            assert all(row["parsed"] is None for row in rows)
        assert all(row["raw"].startswith("I really liked") for row in rows)
        assert {row["task"] for row in rows} == {task}
        assert set(rows[0]) >= {"id", "task", "raw", "parsed", "gold", "matches", "reason"}


@pytest.mark.parametrize(
    ("task", "said", "accuracy"),
    [
        ("tsc_rest14", "Positive.", 50),
        ("tsc_rest14", "I cannot say", 0),
        ("tsc_rest14", "It is not positive, it is negative", 50),
        ("tsc_rest14", "conflict", 0),
        ("asc_rest16", "conflict", 0),
        ("asc_rest16", "The words conflict: negative", 50),
    ],
)
def test_accuracy_is_over_all_questions(task, said, accuracy, tmp_path):
    """Two questions, a positive and a negative unit; the same is said to both."""
    text = "Good tea , bad food ."
    opinions = [
        Opinion(target, start, start + len(target), category, polarity)
        for target, start, category, polarity in (
            ("tea", 5, "DRINKS#QUALITY", "positive"),
            ("food", 15, "FOOD#QUALITY", "negative"),
        )
    ]
    asked = list(questions(task, [(Sentence("1", text, tuple(opinions)), False)]))
    path = tmp_path / "rows.jsonl"
    rows = [in_context.prediction_row(task, question, said, "") for question in asked]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = metrics(score_file(path).sums())
    assert found["f1"] == found["strict_f1"] == found["precision"] == accuracy
    assert found["parse_failure_rate"] == (0 if any(len(row["parsed"]) for row in rows) else 100)


@pytest.mark.parametrize(
    ("task", "size", "unseen"), [("asa_rest16", 12, (0, 0)), ("asa_laptop16", 198, (17, 39))]
)
def test_every_gold_category_can_be_answered(real_data, task, size, unseen):
    data_set = in_context.asked_data_set(task)
    train = sentences_of(data_set, "train", real_data)
    template = in_context.make_prompt(task, train, None, 42).template
    space = ast.literal_eval(re.search(r"should be selected from (\[.*?\])", template).group(1))
    assert len(space) == size
    asked = {
        split: [unit["category"] for question in in_context.ask(task, split, real_data)
                for unit in question.gold]
        for split in ("train", "test")
    }  # fmt: skip
    assert set(asked["train"] + asked["test"]) <= set(space)
    # What the train set alone leaves without an answer.
    missing = [category for category in asked["test"] if category not in set(asked["train"])]
    assert (len(set(missing)), len(missing)) == unseen


def test_unknown_task_and_missing_files(tmp_path):
    for task in ("tsa_rest16", "tsa", "quad_rest14"):
        with pytest.raises(ValueError, match="use one of tsa_rest14, tsa_laptop14, asa_rest16"):
            in_context.ask(task, "test", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"train\.json does not exist"):
        in_context.ask("tsa_rest14", "train", tmp_path)
    with pytest.raises(ValueError, match="--split is 'all'; use train, validation"):
        in_context.ask("tsa_rest14", "all", tmp_path)


def test_dev_is_the_validation_split(data):
    mine, same = (in_context.ask("tsa_rest14", name, data) for name in ("dev", "validation"))
    assert mine == same

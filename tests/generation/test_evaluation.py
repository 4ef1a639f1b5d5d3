"""LLMs in context: the prompts of tables 9 and 10, and predictions that the scorer reads."""

import json

import pytest
import typer.testing

from fsa_jax.opinions.data_sets import sentences_of
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
        assert "selected from ['ambience general', 'drinks quality', " in prompt.template
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
        rows = [json.loads(r) for r in (output / f"{task}-predictions.jsonl").open()]
        asked = in_context.ask(task, "test", data)
        assert [row["text"] for row in rows] == [question.sentence.text for question in asked]
        if task.startswith(("tsa", "asa")):
            assert all(row["parsed"] is None for row in rows)
        assert all(row["raw"].startswith("I really liked") for row in rows)
        assert {row["task"] for row in rows} == {task}
        assert set(rows[0]) >= {"id", "task", "raw", "parsed", "gold", "matches", "reason"}


def test_labels_are_read_from_words():
    unit = {"target": "soup", "polarity": "negative"}
    named = in_context._classified("Negative.", unit)
    assert named == [{"target": "soup", "polarity": "negative"}]
    assert in_context._classified("I cannot say", unit) == []


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

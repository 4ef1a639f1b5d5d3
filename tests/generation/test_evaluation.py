"""LLMs in context: the prompts of tables 9 and 10, and predictions that the scorer reads."""

import json

import pytest
import typer.testing

from generation import commands
from generation.evaluation import benchmark, in_context
from generation.world.sample import write_sample

CLI = typer.testing.CliRunner()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_sample(folder, seed=1, reviews=20)
    return folder


@pytest.mark.parametrize("task", ["tsa_rest14", "asa_rest16"])
def test_in_context_prompt(data, task):
    _, dataset = in_context.split_name(task)
    train = benchmark.read(data, dataset, "train")
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
    sentences = benchmark.read(data, "rest14", "test_original")
    asked = in_context.questions("tsc_rest14", sentences)
    assert len(asked) == sum(len(sentence.units) for sentence in sentences)
    prompt = in_context.make_prompt("tsc_rest14", sentences, None, 0)
    (message,) = prompt.messages(asked[0].review)
    target = asked[0].unit["target"]
    assert message["content"].endswith(
        f"\n\nSentence: {asked[0].sentence.text}\nOpinion target: {target}\nLabel:"
    )


def test_targets_are_numbered_in_the_order_of_the_text(tmp_path):
    """Students' rows are numbered so too; paired tests match rows by these numbers."""
    folder = tmp_path / "fsa" / "atsa" / "rest14"
    folder.mkdir(parents=True)
    aspects = [
        {"target": "tea", "polarity": "negative", "from": "10", "to": "13"},
        {"target": None, "polarity": "neutral", "from": "0", "to": "0"},
        {"target": "Pie", "polarity": "positive", "from": "0", "to": "3"},
    ]
    item = {"ID": "s1", "sentence": "Pie good, tea bad.", "aspects": aspects}
    (folder / "dev.json").write_text(json.dumps([item]))
    asked = in_context.questions("tsc_rest14", benchmark.read(tmp_path, "rest14", "dev"))
    assert [(q.review.review_id, q.unit["target"]) for q in asked] == [
        ("s1#0", "Pie"),
        ("s1#1", "tea"),
    ]


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
        _, dataset = in_context.split_name(task)
        sentences = benchmark.read(data, dataset, "test")
        if task.startswith(("tsa", "asa")):
            assert [row["text"] for row in rows] == [sentence.text for sentence in sentences]
            assert all(row["parsed"] is None for row in rows)
        else:
            assert len(rows) == sum(len(sentence.units) for sentence in sentences)
        assert all(row["raw"].startswith("I really liked") for row in rows)
        assert {row["task"] for row in rows} == {task}
        assert set(rows[0]) >= {"id", "task", "raw", "parsed", "gold", "matches", "reason"}


def test_labels_are_read_from_words():
    unit = {"target": "soup", "polarity": "negative"}
    named = in_context._classified("Negative.", unit, "target")
    assert named == [{"target": "soup", "polarity": "negative"}]
    assert in_context._classified("I cannot say", unit, "target") == []


def test_gold_units_follow_the_counting_rules(real_data):
    """Numbers of units of the paper's table 2, test and hard together."""
    expected = {"rest14": 1134 + 383, "laptop14": 654 + 290, "rest16": 751 + 504}
    for dataset, number in (expected | {"laptop16": 801 + 382}).items():
        sentences = benchmark.read(real_data, dataset, "test")
        assert sum(len(sentence.units) for sentence in sentences) == number


def test_unknown_task_and_missing_files(tmp_path):
    for task in ("tsa_rest16", "tsa", "quad_rest14"):
        with pytest.raises(ValueError, match="use one of tsa_rest14, tsa_laptop14, asa_rest16"):
            in_context.split_name(task)
    with pytest.raises(FileNotFoundError, match=r"train\.json does not exist"):
        benchmark.read(tmp_path, "rest14", "train")
    with pytest.raises(ValueError, match="--split is 'all'"):
        benchmark.read(tmp_path, "rest14", "all")

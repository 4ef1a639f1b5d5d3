"""`fsa errors`: from predictions to table 7."""

import json

import pytest
import typer.testing
from annotators import choice, write
from scored_rows import make_rows
from scored_rows import write as write_rows

from generation import commands
from generation.people import errors


def run(*words):
    return typer.testing.CliRunner(env={"COLUMNS": "200"}).invoke(
        commands.errors, [*map(str, words)]
    )


def told(result):
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_from_predictions_to_table_7(tmp_path):
    rows = make_rows(1, 60)
    wrong = sum(bool(row["reason"]) for row in rows)
    path = write_rows(tmp_path / "p.jsonl", rows)
    output, figures = tmp_path / "tasks.json", tmp_path / "figures.json"
    words = told(run("sample", f"T5-base={path}", "--output", output, "--count", 1000))
    assert f"T5-base │ tsa_probe │ 60 │ {wrong} │ {wrong}" in words
    assert "it tells whose each prediction is" in words
    assert "exists" in str(run("sample", f"a={path}", "--output", output).exception)
    tasks = json.loads(output.read_text())
    for task in tasks:
        result = [choice("type", "prediction", list(errors.TYPES)[2])]
        task["annotations"] = [{"completed_by": 1, "result": result}]
    tasks.pop()
    annotations = write(output, tasks)
    words = told(run("report", annotations, "--output", figures))
    rate = f"{100 * wrong / 60:.2f}"
    zero = "0.00 (0.00 to 0.00)"
    assert f"T5-base │ {zero} │ {zero} │ {rate} ({rate} to {rate}) │ {wrong - 1} of" in words
    assert "1 tasks of the key are not in the export" in words
    assert json.loads(figures.read_text())["rows"][0]["system"] == "T5-base"


@pytest.mark.parametrize("word", ["predictions.jsonl", "=x", "a="])
def test_a_system_has_a_name_and_a_path(tmp_path, word):
    result = run("sample", word, "--output", tmp_path / "t.json")
    assert f"{word}: give NAME=PATH" in str(result.exception)

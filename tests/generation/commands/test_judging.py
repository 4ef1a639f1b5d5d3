"""`fsa humaneval`: what is written where, and what the tables tell."""

import json

import pytest
import typer.testing
from annotators import annotate, write

from generation import commands
from generation.people import label_studio


def humaneval(*flags):
    return typer.testing.CliRunner().invoke(commands.humaneval, list(map(str, flags)))


def test_export_draws_as_many_as_asked_and_says_what_to_do_with_each_file(folders, tmp_path):
    output = tmp_path / "t.json"
    result = humaneval("export", *folders, "--output", output, "--count", "4")
    assert result.exit_code == 0, result.output
    paths = label_studio.Paths(output)
    told = " ".join(result.output.split())
    assert "restaurant │ 4" in told
    assert f"paste {paths.config} as the labelling interface and import {output}" in told
    assert f"Keep {paths.key} from the annotators" in told
    assert f"next: fsa humaneval report ANNOTATIONS.json --key {paths.key}" in told
    assert len(json.loads(output.read_text())) == 8


@pytest.mark.parametrize("part", ["tasks", "config", "key"])
def test_no_file_of_the_three_is_replaced_unasked(folders, tmp_path, part):
    output = tmp_path / "t.json"
    path = getattr(label_studio.Paths(output), part)
    path.write_text("mine")
    command = ["export", *folders, "--output", output, "--count", "1"]
    assert "pass --overwrite" in str(humaneval(*command).exception)
    assert [each.name for each in tmp_path.glob("t.*")] == [path.name]
    assert humaneval(*command, "--overwrite").exit_code == 0
    assert path.read_text() != "mine"


def test_tasks_are_a_json_file(folders, tmp_path):
    result = humaneval("export", *folders, "--output", tmp_path / "t.jsonl")
    assert "t.jsonl; name a .json file" in str(result.exception)


def test_report_prints_what_it_writes(tasks, tmp_path):
    path = write(tasks, annotate(tasks, lambda teacher, name, who: 2 * (teacher == "good")))
    output = tmp_path / "figures.json"
    result = humaneval("report", path, "--key", label_studio.Paths(tasks).key, "--output", output)
    assert result.exit_code == 0, result.output
    told = " ".join(result.output.split())
    assert "laptop: mean scores, 0 to 2" in told
    assert "bad │ 0.0%" in told
    assert "good │ 100.0%" in told
    assert "20 analyses, 2 annotators; 0 sentiment scores lowered" in told
    assert json.loads(output.read_text())["win_rates"] == {"bad": 0.0, "good": 1.0}

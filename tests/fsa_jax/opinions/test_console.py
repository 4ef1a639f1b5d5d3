"""What the commands print: counts of what they were given, and what could not be read."""

import json

import pytest

from fsa_jax.opinions import console
from fsa_jax.opinions.sentences import Labels

ANALYSIS = """Target: food
Aspect: food quality
Sentiment: positive
Reasoning: It was good."""


def cells(line):
    return [cell.strip() for cell in line.strip("│┃ \n").replace("┃", "│").split("│")]


def test_counts_of_files_stand_under_table_2s_heads(tmp_path, capsys):
    path = tmp_path / "mine.jsonl"
    rows = [
        {"id": "1", "text": "The food was good but the wine was not.", "opinions": []},
        {"id": "2", "text": "Nice place.", "opinions": []},
    ]
    rows[0]["opinions"] = [
        {"target": "food", "polarity": "positive", "start": 4, "end": 8},
        {"target": "wine", "polarity": "negative", "start": 26, "end": 30},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    console.print_files([path], None, Labels(), None)
    lines = [cells(line) for line in capsys.readouterr().out.splitlines()]
    assert ["file", "#Sent", "#Trg", "#Asp", "#Imp", "#Mul"] in lines
    counts = next(line for line in lines if line[0].endswith("mine.jsonl"))
    assert counts[1:3] == ["2", "2"]
    assert counts[-1] == "1"


def survey_of(tmp_path, rows, field="response"):
    path = tmp_path / "ledger.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    console.print_survey(path, field)


def test_a_survey_names_the_lines_without_a_block(tmp_path, capsys):
    rows = [{"response": ANALYSIS}, {"response": "I like it."}, {"response": None}]
    rows += [{"response": "x", "prompt": "rw"}, {"response": "x", "status": "filtered"}]
    survey_of(tmp_path, rows)
    out = capsys.readouterr().out
    assert "3 texts, 1 blocks (1 with all four parts), 2 texts without a block" in out
    assert "lines: 2, 3\n" in out


def test_a_long_survey_shows_the_first_lines_and_counts_the_rest(tmp_path, capsys):
    survey_of(tmp_path, [{"response": "no"}] * 45)
    assert capsys.readouterr().out.rstrip().endswith("40 and 5 more")


@pytest.mark.parametrize("row", [["a"], {"answer": "x"}])
def test_a_survey_of_something_else_names_line_and_field(tmp_path, row):
    with pytest.raises(ValueError, match=r"ledger\.jsonl:2: no JSON object with 'response'"):
        survey_of(tmp_path, [{"response": ANALYSIS}, row])


def test_systems_without_a_task_in_common_are_not_compared():
    with pytest.raises(ValueError, match="no task in common: tsa_rest14 and asa_rest16"):
        console.print_comparison({"tsa_rest14": []}, {"asa_rest16": []})


def test_into_a_pipe_tables_keep_their_width():
    assert console.open_console().width == 240

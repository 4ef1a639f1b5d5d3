"""The report of the human evaluation, by hand."""

import json
import xml.etree.ElementTree

import pytest
import typer.testing
from annotators import annotate, rescore, write

from generation import commands
from generation.people import judging_report
from generation.people.agreement import agreement
from generation.people.judgements import NAMES

CLI = typer.testing.CliRunner()


def test_report_by_hand(tasks):
    def score(teacher, name, who):
        if teacher == "bad":
            return {"precision": 1, "sentiment": 2}.get(name, 0)
        return 1 if (who, name) == (2, "recall") else 2

    path = write(tasks, annotate(tasks, score))
    result = CLI.invoke(commands.humaneval, ["report", str(path), "--output", f"{path}.out"])
    assert result.exit_code == 0, result.output
    found = json.loads(path.with_name("annotations.json.out").read_text())
    good = dict.fromkeys(NAMES, 2.0) | {"recall": 1.5, "average": 11.5 / 6}
    bad = dict.fromkeys(NAMES, 0.0)
    bad |= {"precision": 1.0, "sentiment": 1.0, "average": 2 / 6}
    for domain in ("restaurant", "laptop"):
        assert found["means"][domain]["good"] == pytest.approx(good)
        assert found["means"][domain]["bad"] == pytest.approx(bad)
    assert found["win_rates"] == {"bad": 0.0, "good": 1.0}
    assert (found["analyses"], found["annotators"]) == (20, 2)
    assert found["capped_sentiment_scores"] == 20
    assert found["krippendorff_alpha"]["precision"] == {"alpha": 1.0, "low": 1.0, "high": 1.0}
    units = [[2, 1]] * 10 + [[0, 0]] * 10
    assert found["krippendorff_alpha"]["recall"] == agreement(units, 3)
    assert found["to_discuss"] == []
    assert (found["problems"], found["absent"]) == ([], [])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"a": 1}', "is not a list of tasks"),
        ("no JSON", "is not JSON"),
        ('[{"a": 1}]', "task 1: it has no annotations"),
        ("[3]", "task 1: it has no annotations"),
    ],
)
def test_what_is_no_export_is_told_before_its_key_is_looked_for(tmp_path, content, complaint):
    path = tmp_path / "annotations.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=complaint):
        judging_report.report(path, None)
    path.write_text("[]")
    with pytest.raises(ValueError, match=r"0 files end with .key.json"):
        judging_report.report(path, None)


def test_ties_are_half_a_win(tasks):
    found = judging_report.report(write(tasks, annotate(tasks, lambda *_: 2)), None)
    assert found["win_rates"] == {"bad": 0.5, "good": 0.5}
    assert {each["alpha"] for each in found["krippendorff_alpha"].values()} == {None}


def test_scores_that_are_two_apart_are_to_be_talked_about_under_letters(tasks):
    rows = annotate(tasks, lambda teacher, name, who: 1)
    (result,) = [r for r in rows[4]["annotations"][0]["result"] if r["from_name"] == "recall_b"]
    (other,) = [r for r in rows[4]["annotations"][1]["result"] if r["from_name"] == "recall_b"]
    result["value"]["choices"], other["value"]["choices"] = ["2"], ["0"]
    path = write(tasks, rows)
    (far,) = judging_report.report(path, None)["to_discuss"]
    assert far == {
        "task": "restaurant-0005",
        "analysis": "B",
        "score": "recall",
        "given": {"1": 2, "2": 0},
    }
    told = " ".join(CLI.invoke(commands.humaneval, ["report", str(path)]).output.split())
    assert "restaurant-0005 │ B │ recall │ 1: 2, 2: 0" in told


def test_scores_by_length_of_the_review(tasks, tmp_path):
    lengths = [10, 10, 20, 20, 30, 30, 40, 40, 50, 50]
    rows = annotate(tasks, lambda teacher, name, who: 2)
    for row, words in zip(rows, lengths, strict=True):
        row["data"]["review"] = "word " * words
        for annotation in row["annotations"]:
            rescore(annotation, 0 if words == 50 else 2)
    for annotation in rows[0]["annotations"]:
        rescore(annotation, 1)
    path, figure = write(tasks, rows), tmp_path / "figure3.svg"
    result = CLI.invoke(commands.humaneval, ["report", str(path), "--figure", str(figure)])
    assert result.exit_code == 0, result.output
    found = judging_report.report(path, None)["by_length"]["good"]
    assert [(r["shortest"], r["longest"]) for r in found] == [(n, n) for n in range(10, 51, 10)]
    assert [r["mean"] for r in found] == [1.5, 2, 2, 2, 0]
    assert [(r["low"], r["high"]) for r in found[:2]] == [(1.0, 2.0), (2.0, 2.0)]
    root = xml.etree.ElementTree.parse(figure).getroot()
    assert root.tag.endswith("svg")


def test_a_figure_has_a_form_that_can_be_drawn(tmp_path):
    with pytest.raises(ValueError, match=r"--figure is .*f\.odt; name a \.png"):
        judging_report.draw({}, tmp_path / "f.odt")

"""The report of the human evaluation, by hand."""

import json

import pytest
import typer.testing
from label_studio import annotate, write

from generation import commands
from generation.evaluation import annotations, human_report

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
    good = dict.fromkeys(annotations.NAMES, 2.0) | {"recall": 1.5, "average": 11.5 / 6}
    bad = dict.fromkeys(annotations.NAMES, 0.0)
    bad |= {"precision": 1.0, "sentiment": 1.0, "average": 2 / 6}
    for domain in ("restaurant", "laptop"):
        assert found["means"][domain]["good"] == pytest.approx(good)
        assert found["means"][domain]["bad"] == pytest.approx(bad)
    assert found["win_rates"] == {"bad": 0.0, "good": 1.0}
    assert (found["analyses"], found["annotators"]) == (20, 2)
    assert found["capped_sentiment_scores"] == 20
    assert found["krippendorff_alpha"]["precision"] == 1.0
    assert 0 < found["krippendorff_alpha"]["recall"] < 1


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
        human_report.report(path, None)
    path.write_text("[]")
    with pytest.raises(ValueError, match=r"0 files end with .key.json"):
        human_report.report(path, None)


def test_ties_are_half_a_win_and_cancelled_annotations_do_not_count(tasks):
    rows = annotate(tasks, lambda teacher, name, who: 2 if who == 1 else 0)
    for row in rows:
        row["annotations"][1]["was_cancelled"] = True
        row["annotations"][1]["result"] = []
    found = human_report.report(write(tasks, rows), None)
    assert found["win_rates"] == {"bad": 0.5, "good": 0.5}
    assert found["means"]["laptop"]["good"]["average"] == 2.0
    assert found["cancelled_annotations"] == 10
    assert set(found["krippendorff_alpha"].values()) == {None}

"""The human evaluation: blinded tasks, Label Studio's rules, scores, agreement and bad input."""

import collections
import dataclasses
import json
import shutil
import xml.etree.ElementTree

import pytest
import typer.testing
from annotators import annotate, choice, letters_of, write

from generation import commands, ledger
from generation.people import judging, judging_report, label_studio
from generation.people.judgements import NAMES
from generation.run_folder import RunFolder

CLI = typer.testing.CliRunner()


def test_tasks_are_blinded_and_the_key_tells(folders, tasks):
    rows = [row["data"] for row in json.loads(tasks.read_text())]
    assert collections.Counter(row["domain"] for row in rows) == {"restaurant": 5, "laptop": 5}
    assert "good" not in "".join(row["task"] + "".join(row) for row in rows)
    key = letters_of(tasks)
    assert {letters["a"] for letters in key.values()} == {"good", "bad"}
    answers = {
        (row.review, row.teacher): row.response
        for folder in folders
        for row in ledger.rows(RunFolder(folder).shard(0, 1).ledger)
        if row.prompt == "anl"
    }
    for row in rows:
        for letter, teacher in key[row["task"]].items():
            assert row[f"analysis_{letter}"] == answers[row["review"], teacher].strip()


def test_same_seed_same_files(folders, tmp_path, tasks):
    for seed, same in ((0, True), (1, False)):
        other = tmp_path / f"other{seed}.json"
        judging.export(folders, other, 5, seed)
        assert (other.read_bytes() == tasks.read_bytes()) is same


def test_interface_has_each_score_once_and_tells_the_points(tasks):
    root = xml.etree.ElementTree.parse(label_studio.Paths(tasks).config).getroot()
    scores = list(root.iter("Choices"))
    names = [f"{name}_{letter}" for letter in "ab" for name in NAMES]
    assert [node.get("name") for node in scores] == names
    assert all([c.get("value") for c in node] == ["0", "1", "2"] for node in scores)
    assert all(node.get("required") == "true" for node in scores)
    headers = " ".join(node.get("value") for node in root.iter("Header"))
    assert all(point in headers for c in judging.CRITERIA for point in c.points)


def test_no_score_can_be_given_before_a_passage_is_marked(tasks):
    root = xml.etree.ElementTree.parse(label_studio.Paths(tasks).config).getroot()
    (labels,) = root.iter("Labels")
    hidden = [
        view
        for view in root.iter("View")
        if view.get("visibleWhen") == "region-selected"
        and view.get("whenTagName") == labels.get("name")
    ]
    behind = [node for view in hidden for node in view.iter("Choices")]
    assert behind == list(root.iter("Choices"))


def test_each_review_has_two_annotators_who_see_it(folders, tmp_path):
    output = tmp_path / "assigned.json"
    command = ["export", *map(str, folders), "--output", str(output), "--count", "6"]
    result = CLI.invoke(commands.humaneval, [*command, "--annotators", "ann@x.org, 2,3,4"])
    assert result.exit_code == 0, result.output
    given = [row["data"]["annotators"].split(", ") for row in json.loads(output.read_text())]
    work = collections.Counter(who for pair in given for who in pair)
    assert work == {"ann@x.org": 6, "2": 6, "3": 6, "4": 6}
    assert 'value="For $annotators"' in label_studio.Paths(output).config.read_text()


def test_label_studio_accepts_all(tasks):
    interface = pytest.importorskip("label_studio_sdk.label_interface")
    studio = interface.LabelInterface(label_studio.Paths(tasks).config.read_text())
    studio.validate()
    rows = annotate(tasks, lambda teacher, name, who: 2)
    for row in rows:
        assert studio.validate_task({"data": row["data"]})
        for annotation in row["annotations"]:
            assert studio.validate_annotation(annotation)
    # The validation can fail: a score that is none of the choices, and a task without its review.
    bad = {"result": [choice("recall_a", "analysis_a", 3)]}
    assert not studio.validate_annotation(bad)
    assert not studio.validate_task({"data": {"analysis_a": "x"}})


def rewrite(folder, change):
    """Changes the rows of a run's ledger."""
    path = RunFolder(folder).shard(0, 1).ledger
    kept = [dataclasses.replace(row, **change(row)) for row in ledger.rows(path)]
    path.write_text("".join(row.to_json() + "\n" for row in kept))


def test_analyses_that_were_cut_off_are_judged_too(folders, tmp_path):
    cut = {
        "status": "filtered",
        "reason": "length",
        "response": '<think>long</think> Opinion Target 1: "the',
    }
    lost = {"status": "filtered", "reason": "length: the thinking has no end"}

    def spoil(row):
        if row.domain == "laptop":
            return cut
        return lost | {"response": "<think>well" if row.rating < 3 else None}

    rewrite(folders[1], spoil)
    output = tmp_path / "all.json"
    command = ["export", *map(str, folders), "--output", str(output), "--count", "15"]
    result = CLI.invoke(commands.humaneval, command)
    assert result.exit_code == 0, result.output
    assert "30 analyses of bad were cut off or filtered" in result.output
    key = letters_of(output)
    shown = collections.Counter()
    for row in json.loads(output.read_text()):
        data = row["data"]
        for letter, teacher in key[data["task"]].items():
            text = data[f"analysis_{letter}"]
            assert "<think" not in text
            shown[teacher, text if len(text) < 25 else ""] += 1
    assert shown == {
        ("good", ""): 30,
        ("bad", 'Opinion Target 1: "the'): 15,
        ("bad", judging.NOTHING): 15,
    }
    # A teacher that always answers well wins against it.
    rows = annotate(output, lambda teacher, name, who: 2 if teacher == "good" else 0)
    assert judging_report.report(write(output, rows), None)["win_rates"] == {
        "bad": 0.0,
        "good": 1.0,
    }


def test_requests_without_an_answer_are_told_and_not_drawn(folders, tmp_path):
    seen = []

    def fail_some(row):
        seen.append(row)
        fails = row.prompt == "anl" and sum(r.prompt == "anl" for r in seen) <= 3
        return {"status": "failed", "reason": "http 500", "response": None} if fails else {}

    rewrite(folders[0], fail_some)
    exported = judging.export(folders, tmp_path / "all.json", 10)
    assert exported.unanswered == {"good": 3}
    asked = {row["data"]["review"] for row in json.loads((tmp_path / "all.json").read_text())}
    failed = [row.review for row in seen if row.prompt == "anl"][:3]
    assert not asked & set(failed)


def test_a_review_and_an_answer_are_one_and_the_same(folders, tmp_path):
    shutil.copytree(folders[0], tmp_path / "again")
    with pytest.raises(ValueError, match=r"teacher 'good' has answered review .* name one of them"):
        judging.export([folders[0], tmp_path / "again"], tmp_path / "x.json", 5)
    rewrite(folders[1], lambda row: {"review": f"{row.review} indeed"})
    with pytest.raises(ValueError, match=r"review .* has one text in .*good and another in .*bad"):
        judging.export(folders, tmp_path / "x.json", 5)


def test_too_few_shared_reviews_and_existing_files(folders, tasks, tmp_path):
    with pytest.raises(ValueError, match=r"only 15 restaurant reviews have an answer to 'anl'"):
        judging.export(folders, tmp_path / "more.json", 16)
    with pytest.raises(ValueError, match="no answer to prompt 'odd'"):
        judging.export(folders, tmp_path / "more.json", 1, prompt="odd")
    assert not (tmp_path / "more.json").exists()
    rewrite(folders[0], lambda row: {"status": "failed", "reason": "x"})
    with pytest.raises(ValueError, match="no answer to prompt"):
        judging.export([folders[0]], tmp_path / "more.json", 1)
    command = ["export", *map(str, folders), "--output", str(tasks), "--count", "5"]
    result = CLI.invoke(commands.humaneval, command)
    assert isinstance(result.exception, FileExistsError)
    assert "pass --overwrite" in str(result.exception)

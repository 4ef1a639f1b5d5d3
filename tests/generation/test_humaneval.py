"""The human evaluation: blinded tasks, Label Studio's rules, scores, agreement and bad input."""

import collections
import dataclasses
import json
import math
import random
import xml.etree.ElementTree

import pytest
import typer.testing

from generation import commands, ledger, session
from generation.evaluation import human, human_report
from generation.evaluation.agreement import krippendorff_alpha
from generation.run_folder import RunFolder
from generation.teachers.factory import Choice

CLI = typer.testing.CliRunner()
NAN = float("nan")


@pytest.fixture
def folders(write_reviews, options):
    """Lets the lexicon answer 30 reviews under two names; returns the folders."""
    reviews = write_reviews(30)
    found = []
    for teacher in ("good", "bad"):
        task = options(reviews, teacher)
        session.generate(Choice(teacher, "lexicon"), task, quiet=True)
        found.append(task.folder)
    return found


@pytest.fixture
def tasks(folders, tmp_path):
    """Exports 5 reviews of each domain; returns the path of the tasks."""
    output = tmp_path / "tasks.json"
    command = ["export", *map(str, folders), "--output", str(output), "--count", "5"]
    result = CLI.invoke(commands.humaneval, command)
    assert result.exit_code == 0, result.output
    return output


def annotate(tasks, score, annotators=(1, 2)):
    """Returns the tasks as Label Studio exports them; ``score`` decides each score."""
    rows = json.loads(tasks.read_text())
    key = human.load_key(human.Paths(tasks).key)
    for number, row in enumerate(rows, 1):
        row |= {"id": number, "annotations": []}
        letters = key[row["data"]["task"]].items()
        for who in annotators:
            result = [
                choice(f"{name}_{letter}", f"analysis_{letter}", score(teacher, name, who))
                for letter, teacher in letters
                for name in human_report.NAMES
            ]
            row["annotations"].append({"completed_by": who, "result": result})
    return rows


def choice(name, to, score):
    value = {"choices": [str(score)]}
    return {"from_name": name, "to_name": to, "type": "choices", "value": value}


def write(tasks, rows):
    path = tasks.with_name("annotations.json")
    path.write_text(json.dumps(rows))
    return path


def test_tasks_are_blinded_and_the_key_tells(folders, tasks):
    rows = [row["data"] for row in json.loads(tasks.read_text())]
    assert collections.Counter(row["domain"] for row in rows) == {"restaurant": 5, "laptop": 5}
    assert "good" not in "".join(row["task"] + "".join(row) for row in rows)
    key = human.load_key(human.Paths(tasks).key)
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
        human.export(folders, other, 5, seed)
        assert (other.read_bytes() == tasks.read_bytes()) is same


def test_interface_has_each_score_once_and_tells_the_points(tasks):
    root = xml.etree.ElementTree.parse(human.Paths(tasks).config).getroot()
    scores = [node for node in root if node.tag == "Choices"]
    names = [f"{name}_{letter}" for letter in "ab" for name in human_report.NAMES]
    assert [node.get("name") for node in scores] == names
    assert all([c.get("value") for c in node] == ["0", "1", "2"] for node in scores)
    assert all(node.get("required") == "true" for node in scores)
    headers = " ".join(node.get("value") for node in root if node.tag == "Header")
    assert all(point in headers for c in human.CRITERIA for point in c.points)


def test_label_studio_accepts_all(tasks):
    interface = pytest.importorskip("label_studio_sdk.label_interface")
    studio = interface.LabelInterface(human.Paths(tasks).config.read_text())
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


def test_report_by_hand(tasks):
    def score(teacher, name, who):
        if teacher == "bad":
            return {"precision": 1, "sentiment": 2}.get(name, 0)
        return 1 if (who, name) == (2, "recall") else 2

    path = write(tasks, annotate(tasks, score))
    result = CLI.invoke(commands.humaneval, ["report", str(path), "--output", f"{path}.out"])
    assert result.exit_code == 0, result.output
    found = json.loads(path.with_name("annotations.json.out").read_text())
    good = dict.fromkeys(human_report.NAMES, 2.0) | {"recall": 1.5, "average": 11.5 / 6}
    bad = dict.fromkeys(human_report.NAMES, 0.0)
    bad |= {"precision": 1.0, "sentiment": 1.0, "average": 2 / 6}
    for domain in ("restaurant", "laptop"):
        assert found["means"][domain]["good"] == pytest.approx(good)
        assert found["means"][domain]["bad"] == pytest.approx(bad)
    assert found["win_rates"] == {"bad": 0.0, "good": 1.0}
    assert (found["analyses"], found["annotators"]) == (20, 2)
    assert found["capped_sentiment_scores"] == 20
    assert found["krippendorff_alpha"]["precision"] == 1.0
    assert 0 < found["krippendorff_alpha"]["recall"] < 1


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


def remove_score(rows):
    rows[3]["annotations"][0]["result"].pop(1)


def spoil_score(rows):
    rows[0]["annotations"][0]["result"][0]["value"]["choices"] = ["5"]


def rename_task(rows):
    rows[1]["data"]["task"] = "other-0001"


def drop_annotations(rows):
    for row in rows:
        row["annotations"] = []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (remove_score, "annotations.json, task 4: analysis A has no score for recall; add it"),
        (spoil_score, "task 1: precision_a is '5'; a score is 0, 1 or 2"),
        (rename_task, "task 2: 'other-0001' is not in the key; name the key"),
        (drop_annotations, "holds no annotation; annotate, then export again"),
        (lambda rows: rows[0].pop("annotations"), "task 1: it has no annotations; export as JSON"),
    ],
)
def test_bad_annotations(tasks, change, words):
    rows = annotate(tasks, lambda teacher, name, who: 1)
    change(rows)
    with pytest.raises(ValueError, match=words):
        human_report.report(write(tasks, rows), human.Paths(tasks).key)


def test_bad_files(tasks, tmp_path):
    path = write(tasks, annotate(tasks, lambda teacher, name, who: 1))
    key = human.Paths(tasks).key
    with pytest.raises(ValueError, match=r"annotations\.json is no key; name the …\.key\.json"):
        human_report.report(path, path)
    with pytest.raises(FileNotFoundError, match=r"gone\.json does not exist"):
        human_report.report(tmp_path / "gone.json", None)
    path.write_text("[1,")
    with pytest.raises(ValueError, match=r"annotations\.json is not JSON"):
        human_report.report(path, key)
    path.write_text("{}")
    with pytest.raises(ValueError, match="is not a list of tasks; export as JSON, not JSON-MIN"):
        human_report.report(path, key)
    key.unlink()
    with pytest.raises(ValueError, match=r"0 files end with \.key\.json beside"):
        human_report.report(path, None)


def test_too_few_shared_reviews_and_existing_files(folders, tasks, tmp_path):
    with pytest.raises(ValueError, match=r"only 15 restaurant reviews have a good answer to 'anl'"):
        human.export(folders, tmp_path / "more.json", 16)
    with pytest.raises(ValueError, match="no good answer to prompt 'odd'"):
        human.export(folders, tmp_path / "more.json", 1, prompt="odd")
    assert not (tmp_path / "more.json").exists()
    path = RunFolder(folders[0]).shard(0, 1).ledger
    kept = [dataclasses.replace(row, status="failed", reason="x") for row in ledger.rows(path)]
    path.write_text("".join(row.to_json() + "\n" for row in kept))
    with pytest.raises(ValueError, match="no good answer to prompt"):
        human.export([folders[0]], tmp_path / "more.json", 1)
    command = ["export", *map(str, folders), "--output", str(tasks), "--count", "5"]
    result = CLI.invoke(commands.humaneval, command)
    assert isinstance(result.exception, FileExistsError)
    assert "pass --overwrite" in str(result.exception)


def test_alpha_of_the_published_example():
    """Krippendorff 2011, section C: four observers, twelve units; alpha for ordinal data 0.815."""
    ratings = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
    units = [[int(r) - 1 for r in unit if not math.isnan(r)] for unit in zip(*ratings, strict=True)]
    assert krippendorff_alpha(units, 5) == pytest.approx(0.815, abs=5e-4)


def test_alpha_at_its_ends():
    rng = random.Random(0)
    assert krippendorff_alpha([[0, 0], [1, 1], [2, 2, 2]], 3) == 1.0
    noise = [[rng.randrange(3), rng.randrange(3)] for _ in range(20_000)]
    assert krippendorff_alpha(noise, 3) == pytest.approx(0.0, abs=0.02)
    assert krippendorff_alpha([[0, 2], [2, 0]] * 50, 3) < -0.9
    assert math.isnan(krippendorff_alpha([[1, 1], [1, 1]], 3))
    assert math.isnan(krippendorff_alpha([[0], [2]], 3))

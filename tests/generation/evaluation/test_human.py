"""The human evaluation: blinded tasks, Label Studio's rules, scores, agreement and bad input."""

import collections
import dataclasses
import json
import shutil
import xml.etree.ElementTree

import pytest
import typer.testing

from generation import commands, foreground, ledger
from generation.evaluation import annotations, human, human_report
from generation.run_folder import RunFolder
from generation.teachers.factory import Choice

CLI = typer.testing.CliRunner()


@pytest.fixture
def folders(write_reviews, options):
    """Lets the lexicon answer 30 reviews under two names; returns the folders."""
    reviews = write_reviews(30)
    found = []
    for teacher in ("good", "bad"):
        task = options(reviews, teacher)
        foreground.generate(Choice(teacher, "lexicon"), task, quiet=True)
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
                for name in annotations.NAMES
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
    names = [f"{name}_{letter}" for letter in "ab" for name in annotations.NAMES]
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


def numbered(tasks, annotators=(1, 2)):
    """Two annotators who never agree, as a server exports them: with numbers and times."""
    rows = annotate(tasks, lambda teacher, name, who: who % 2, annotators)
    annotations = [annotation for row in rows for annotation in row["annotations"]]
    for number, annotation in enumerate(annotations, 1):
        annotation |= {"id": number, "updated_at": f"2024-05-01T10:{number:02}:00.000000Z"}
    return rows


def rescore(annotation, score):
    for result in annotation["result"]:
        result["value"]["choices"] = [str(score)]
    return annotation


def tasks_twice(rows):
    return rows + copied(rows)


def annotations_twice(rows):
    for row in rows:
        row["annotations"] += copied(row["annotations"])
    return rows


def an_older_export_behind(rows):
    older = copied(rows)
    for row in older:
        for annotation in row["annotations"]:
            rescore(annotation, 2)["updated_at"] = "2024-04-30T23:59:00+02:00"
    return rows + older


def an_older_export_in_front(rows):
    both = an_older_export_behind(rows)
    return both[len(rows) :] + both[: len(rows)]


def users_as_numbers_and_as_objects(rows):
    other = copied(rows)
    for row in other:
        for annotation in row["annotations"]:
            who = annotation["completed_by"]
            annotation["completed_by"] = {"id": who, "email": f"{who}@example.org"}
    return rows + other


def users_as_objects_and_as_addresses(rows):
    both = users_as_numbers_and_as_objects(rows)
    for row in both[: len(rows)]:
        for annotation in row["annotations"]:
            annotation["completed_by"] = f"{annotation['completed_by']}@Example.org"
    return both


def drafts_without_numbers(rows):
    """Annotations without ids: the second says the same as the first."""
    for row in rows:
        for annotation in row["annotations"]:
            del annotation["id"], annotation["updated_at"]
        row["annotations"] += copied(row["annotations"])
    return rows


def copied(rows):
    return json.loads(json.dumps(rows))


@pytest.mark.parametrize(
    "repeat",
    [
        tasks_twice,
        annotations_twice,
        an_older_export_behind,
        an_older_export_in_front,
        users_as_numbers_and_as_objects,
        users_as_objects_and_as_addresses,
        drafts_without_numbers,
    ],
)
def test_what_an_export_repeats_counts_once(tasks, repeat):
    once = human_report.report(write(tasks, numbered(tasks)), None)
    assert (once["annotators"], once["repeated_annotations"]) == (2, 0)
    assert once["krippendorff_alpha"]["recall"] < -0.9
    again = human_report.report(write(tasks, repeat(numbered(tasks))), None)
    assert again.pop("repeated_annotations") == 20
    assert again == {name: once[name] for name in again}


def test_one_annotators_second_thoughts_are_not_a_second_annotator(tasks):
    rows = numbered(tasks, annotators=(1,))
    for row in rows:
        newer = rescore(copied(row["annotations"])[0], 2)
        newer |= {"id": 100 + row["id"], "updated_at": "2024-05-02T10:00:00Z"}
        row["annotations"].insert(0, newer)
    rows[0]["annotations"][1]["result"].pop()  # an old one need not be whole
    path = write(tasks, rows)
    result = CLI.invoke(commands.humaneval, ["report", str(path)])
    assert result.exit_code == 0, result.output
    told = " ".join(result.output.split())
    assert "20 analyses, 1 annotators" in told
    assert "0 repeated and counted once, 10 replaced by a newer one of the same annotator" in told
    found = human_report.report(path, None)
    assert found["means"]["laptop"]["good"]["average"] == 2.0
    assert set(found["krippendorff_alpha"].values()) == {None}


def test_an_annotation_taken_back_later_does_not_count(tasks):
    rows = numbered(tasks)
    later = copied(rows)
    for row in later:
        row["annotations"][1] |= {
            "was_cancelled": True,
            "updated_at": "2024-05-03T10:00:00Z",
            "result": [],
        }
    found = human_report.report(write(tasks, rows + later), None)
    assert (found["annotators"], found["cancelled_annotations"]) == (1, 10)
    assert found["repeated_annotations"] == 20


@pytest.mark.parametrize("who", [None, True, "", {}, {"id": None}, []])
def test_who_annotated_must_be_told(tasks, who):
    rows = numbered(tasks)
    rows[2]["annotations"][1]["completed_by"] = who
    with pytest.raises(ValueError, match=r"task 3: annotation 6 does not say who made it"):
        human_report.report(write(tasks, rows), None)


@pytest.mark.parametrize("other", ["task", "annotator"])
def test_exports_of_two_servers_are_not_mixed(tasks, other):
    rows = numbered(tasks)
    if other == "task":
        rows[1]["annotations"][0]["id"] = 1
    else:
        rows.append(copied(rows[0]))
        rows[-1]["annotations"][0]["completed_by"] = 9
    with pytest.raises(ValueError, match=r"annotation 1 stands in both.*report each alone"):
        human_report.report(write(tasks, rows), None)


def test_two_scores_for_one_thing_are_refused(tasks):
    rows = numbered(tasks)
    rows[0]["annotations"][0]["result"].append(choice("recall_a", "analysis_a", 2))
    with pytest.raises(ValueError, match="task 1: recall_a is '1 and 2'; a score is 0, 1 or 2"):
        human_report.report(write(tasks, rows), None)


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
    key = human.load_key(human.Paths(output).key)
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
        ("bad", human.NOTHING): 15,
    }
    # A teacher that always answers well wins against it.
    rows = annotate(output, lambda teacher, name, who: 2 if teacher == "good" else 0)
    assert human_report.report(write(output, rows), None)["win_rates"] == {"bad": 0.0, "good": 1.0}


def test_requests_without_an_answer_are_told_and_not_drawn(folders, tmp_path):
    seen = []

    def fail_some(row):
        seen.append(row)
        fails = row.prompt == "anl" and sum(r.prompt == "anl" for r in seen) <= 3
        return {"status": "failed", "reason": "http 500", "response": None} if fails else {}

    rewrite(folders[0], fail_some)
    exported = human.export(folders, tmp_path / "all.json", 10)
    assert exported.unanswered == {"good": 3}
    asked = {row["data"]["review"] for row in json.loads((tmp_path / "all.json").read_text())}
    failed = [row.review for row in seen if row.prompt == "anl"][:3]
    assert not asked & set(failed)


def test_a_review_and_an_answer_are_one_and_the_same(folders, tmp_path):
    shutil.copytree(folders[0], tmp_path / "again")
    with pytest.raises(ValueError, match=r"teacher 'good' has answered review .* name one of them"):
        human.export([folders[0], tmp_path / "again"], tmp_path / "x.json", 5)
    rewrite(folders[1], lambda row: {"review": f"{row.review} indeed"})
    with pytest.raises(ValueError, match=r"review .* has one text in .*good and another in .*bad"):
        human.export(folders, tmp_path / "x.json", 5)


def test_too_few_shared_reviews_and_existing_files(folders, tasks, tmp_path):
    with pytest.raises(ValueError, match=r"only 15 restaurant reviews have an answer to 'anl'"):
        human.export(folders, tmp_path / "more.json", 16)
    with pytest.raises(ValueError, match="no answer to prompt 'odd'"):
        human.export(folders, tmp_path / "more.json", 1, prompt="odd")
    assert not (tmp_path / "more.json").exists()
    rewrite(folders[0], lambda row: {"status": "failed", "reason": "x"})
    with pytest.raises(ValueError, match="no answer to prompt"):
        human.export([folders[0]], tmp_path / "more.json", 1)
    command = ["export", *map(str, folders), "--output", str(tasks), "--count", "5"]
    result = CLI.invoke(commands.humaneval, command)
    assert isinstance(result.exception, FileExistsError)
    assert "pass --overwrite" in str(result.exception)

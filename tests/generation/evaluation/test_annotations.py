"""Label Studio's exports: bad ones are named, what they repeat counts once."""

import json

import pytest
import typer.testing
from label_studio import annotate, choice, numbered, rescore, write

from generation import commands
from generation.evaluation import human, human_report

CLI = typer.testing.CliRunner()


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
    path.write_text("[]")
    key.unlink()
    with pytest.raises(ValueError, match=r"0 files end with \.key\.json beside"):
        human_report.report(path, None)


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

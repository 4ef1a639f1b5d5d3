"""Label Studio's exports: bad ones are named, what they repeat counts once."""

import json

import pytest
import typer.testing
from annotators import annotate, choice, numbered, rescore, write

from generation import commands
from generation.people import judging_report, label_studio

CLI = typer.testing.CliRunner()


def remove_scores(rows):
    del rows[3]["annotations"][0]["result"][2:4]


def spoil_score(rows):
    rows[3]["annotations"][1]["result"][1]["value"]["choices"] = ["5"]


def mark_nothing(rows):
    rows[3]["annotations"][1]["result"].pop(0)


def drop_one(rows):
    rows[3]["annotations"].pop()


def drop_both(rows):
    rows[3]["annotations"] = []


def add_third(rows):
    rows[3]["annotations"].append(rows[3]["annotations"][0] | {"completed_by": 3})


def tear_results(rows):
    rows[3]["annotations"][0]["result"] = {"torn": 1}


def assign_to_others(rows):
    rows[3]["data"]["annotators"] = "1, 3"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (remove_scores, "1 has not scored recall_a and 1 more; add the scores"),
        (spoil_score, "2 has scored precision_a '5'; a score is 0, 1 or 2"),
        (mark_nothing, "2 has marked no passage; mark what matters, then score"),
        (drop_one, "only 1 has annotated it; let a second person do so"),
        (drop_both, "nobody has annotated it; let two people do so"),
        (add_third, "1 and 2 and 3 have annotated it; delete all but two annotations"),
        (assign_to_others, "3 has not annotated it, but 2 has; let 3 do so"),
        (tear_results, "an annotation cannot be read; export as JSON, not JSON-MIN"),
    ],
)
def test_what_is_wrong_with_a_review_is_told_in_a_line_and_the_others_count(tasks, change, words):
    rows = annotate(tasks, lambda teacher, name, who: 1)
    change(rows)
    found = judging_report.report(write(tasks, rows), None)
    (line,) = found["problems"]
    assert line.startswith("task 4 (restaurant-0004): ")
    assert words in line
    assert found["analyses"] == 18


def test_tasks_of_another_project_are_told_and_the_others_count(tasks):
    rows = annotate(tasks, lambda teacher, name, who: 1)
    rows[1]["data"]["task"] = "other-0001"
    del rows[2]["data"]["review"]
    found = judging_report.report(write(tasks, rows), None)
    assert found["problems"] == [
        "task 2: 'other-0001' is not in the key; name the key that was made with the tasks",
        "task 3: its data has no review, so it is of another project; name the export of this one",
    ]
    assert found["absent"] == ["restaurant-0002", "restaurant-0003"]
    assert found["analyses"] == 16
    for row in rows:
        row["data"] = {"text": "x"}
    with pytest.raises(ValueError, match=r"no task is of this project; task 1: its data has no"):
        judging_report.report(write(tasks, rows), None)


def test_nothing_that_counts_is_an_error(tasks):
    rows = annotate(tasks, lambda teacher, name, who: 1)
    for row in rows:
        del row["annotations"][0]["result"][2]
    with pytest.raises(
        ValueError, match=r"no review counts; task 1 \(restaurant-0001\): 1 has not"
    ):
        judging_report.report(write(tasks, rows), None)
    for row in rows:
        row["annotations"] = []
    with pytest.raises(ValueError, match="holds no annotation; annotate, then export again"):
        judging_report.report(write(tasks, rows), None)


def test_bad_files(tasks, tmp_path):
    path = write(tasks, annotate(tasks, lambda teacher, name, who: 1))
    key = label_studio.Paths(tasks).key
    with pytest.raises(ValueError, match=r"annotations\.json is no key; name the …\.key\.json"):
        judging_report.report(path, path)
    with pytest.raises(FileNotFoundError, match=r"gone\.json does not exist"):
        judging_report.report(tmp_path / "gone.json", None)
    path.write_text("[1,")
    with pytest.raises(ValueError, match=r"annotations\.json is not JSON"):
        judging_report.report(path, key)
    path.write_text("{}")
    with pytest.raises(ValueError, match="is not a list of tasks; export as JSON, not JSON-MIN"):
        judging_report.report(path, key)
    path.write_text("[]")
    key.unlink()
    with pytest.raises(ValueError, match=r"0 files end with \.key\.json beside"):
        judging_report.report(path, None)


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
    once = judging_report.report(write(tasks, numbered(tasks)), None)
    assert (once["annotators"], once["repeated_annotations"]) == (2, 0)
    assert once["krippendorff_alpha"]["recall"]["alpha"] < -0.9
    again = judging_report.report(write(tasks, repeat(numbered(tasks))), None)
    assert again.pop("repeated_annotations") == 20
    assert again == {name: once[name] for name in again}


def test_one_annotators_second_thoughts_are_not_a_second_annotator(tasks):
    rows = numbered(tasks)
    for row in rows:
        newer = rescore(copied(row["annotations"])[0], 2)
        newer |= {"id": 100 + row["id"], "updated_at": "2024-05-02T10:00:00Z"}
        row["annotations"].insert(0, newer)
    rows[0]["annotations"][1]["result"].pop()  # an old one need not be whole
    rows[1]["annotations"].pop()
    path = write(tasks, rows)
    result = CLI.invoke(commands.humaneval, ["report", str(path)])
    assert result.exit_code == 0, result.output
    told = " ".join(result.output.split())
    assert "task 2 (restaurant-0002): only 1 has annotated it" in told
    assert "A review with a complaint does not count: 1 left out" in told
    assert "18 analyses, 2 annotators" in told
    assert "0 repeated and counted once, 10 replaced by a newer one of the same annotator" in told
    assert judging_report.report(path, None)["means"]["laptop"]["good"]["average"] == 1.0


def test_an_annotation_taken_back_later_does_not_count(tasks):
    rows = numbered(tasks)
    later = copied(rows[:3])
    for row in later:
        row["annotations"][1] |= {
            "was_cancelled": True,
            "updated_at": "2024-05-03T10:00:00Z",
            "result": [],
        }
    found = judging_report.report(write(tasks, rows + later), None)
    assert (found["analyses"], found["cancelled_annotations"]) == (14, 3)
    assert found["repeated_annotations"] == 6
    assert all("only 1 has annotated it" in line for line in found["problems"])


@pytest.mark.parametrize("who", [None, True, "", {}, {"id": None}, []])
def test_who_annotated_must_be_told(tasks, who):
    rows = numbered(tasks)
    rows[2]["annotations"][1]["completed_by"] = who
    found = judging_report.report(write(tasks, rows), None)
    (line,) = found["problems"]
    assert "task 3 (restaurant-0003): annotation 6 does not say who made it" in line


@pytest.mark.parametrize("other", ["task", "annotator"])
def test_exports_of_two_servers_are_not_mixed(tasks, other):
    rows = numbered(tasks)
    if other == "task":
        rows[1]["annotations"][0]["id"] = 1
    else:
        rows.append(copied(rows[0]))
        rows[-1]["annotations"][0]["completed_by"] = 9
    with pytest.raises(ValueError, match=r"annotation 1 stands in both.*report each alone"):
        judging_report.report(write(tasks, rows), None)


def test_two_scores_for_one_thing_are_none(tasks):
    rows = numbered(tasks)
    rows[0]["annotations"][0]["result"].append(choice("recall_a", "analysis_a", 2))
    (line,) = judging_report.report(write(tasks, rows), None)["problems"]
    assert "1 has scored recall_a '1 and 2'; a score is 0, 1 or 2" in line

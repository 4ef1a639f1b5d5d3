"""Label Studio's projects: who annotates what, and whose annotation counts."""

import collections
import itertools
import json

import pytest

from generation.people import label_studio


def test_work_and_pairs_are_shared_out_evenly():
    given = [row["annotators"] for row in label_studio.assign(60, ["a", "b", "c", "d"])]
    pairs = {", ".join(pair) for pair in itertools.combinations("abcd", 2)}
    assert collections.Counter(given) == dict.fromkeys(pairs, 10)
    for end in (2, 10, 31):
        work = collections.Counter(who for pair in given[:end] for who in pair.split(", "))
        assert max(work.values()) - min(work[who] for who in "abcd") <= 1


def test_two_people_annotate_a_task_or_nobody_is_named():
    assert label_studio.assign(2, []) == [{}, {}]
    for bad in (["ann"], ["ann", "ann"]):
        with pytest.raises(ValueError, match="name two or more people, each once"):
            label_studio.assign(2, bad)


def export(path, *tasks):
    path.write_text(json.dumps(list(tasks)))
    return label_studio.read([path], ["text"])


def task(*annotators, **data):
    annotations = [{"completed_by": who, "result": []} for who in annotators]
    return {"data": {"task": "t", "text": "x"} | data, "annotations": annotations}


@pytest.mark.parametrize(
    ("annotators", "asked", "complaint"),
    [
        ((1, 2), "1, 2", ""),
        ((1, {"id": 2, "email": "Bob@x.org"}), "1, bob@x.org", ""),
        (("ann@x.org", "bob@x.org"), "Ann@x.org,bob@x.org", ""),
        ((1, 2), "1, 3", "3 has not annotated it, but 2 has; let 3 do so"),
        ((1,), "1, 3", "3 has not annotated it; let 3 do so"),
        ((1, 2, 3), "1, 3", "2 has annotated it, which 1 and 3 were asked for"),
    ],
)
def test_those_who_were_asked_have_to_annotate(tmp_path, annotators, asked, complaint):
    item = export(tmp_path / "e.json", task(*annotators, annotators=asked)).items["t"]
    item.check_pair()
    assert complaint in str(item)
    assert bool(item.complaints) == bool(complaint)


def assigned(count, people, done_by):
    """Tasks as exported that were assigned to people, and done by those with these numbers."""
    given = label_studio.assign(count, people)
    numbers = dict(zip(people, done_by, strict=True))
    return [
        task(*(numbers[who] for who in pair["annotators"].split(", ")), task=f"t{n}", **pair)
        for n, pair in enumerate(given)
    ]


def test_numbers_are_recognised_by_who_was_asked_for_what(tmp_path):
    people = ["a@x.org", "b@x.org", "c@x.org", "d@x.org"]
    tasks = assigned(24, people, [7, 5, 9, 12])
    tasks[0]["annotations"][1]["completed_by"] = 9  # has taken the wrong task
    found = export(tmp_path / "e.json", *tasks)
    assert found.taken == {"a@x.org": "7", "b@x.org": "5", "c@x.org": "9", "d@x.org": "12"}
    for item in found.items.values():
        item.check_pair()
    (problem,) = found.problems
    assert problem == "task 1 (t0): 5 has not annotated it, but 9 has; let 5 do so"


def test_one_who_has_done_nothing_is_not_taken_for_another(tmp_path):
    tasks = assigned(6, ["a@x.org", "b@x.org", "c@x.org"], [1, 2, 3])
    for row in tasks:
        row["annotations"] = [a for a in row["annotations"] if a["completed_by"] != 3]
    found = export(tmp_path / "e.json", *tasks)
    assert found.taken == {"a@x.org": "1", "b@x.org": "2"}
    for item in found.items.values():
        item.check_pair()
    assert len(found.problems) == 4
    assert all("c@x.org has not annotated it; let c@x.org do so" in p for p in found.problems)


def test_of_two_who_were_asked_for_the_same_nobody_is_called_by_name(tmp_path):
    tasks = assigned(4, ["a@x.org", "b@x.org"], [1, 2])
    tasks[1]["annotations"].pop()
    found = export(tmp_path / "e.json", *tasks)
    assert found.taken == {}
    for item in found.items.values():
        item.check_pair()
    assert found.problems == ["task 2 (t1): only 1 has annotated it; let a second person do so"]


def test_numbers_are_nobodys_address(tmp_path):
    assert export(tmp_path / "e.json", task(1, 2, annotators="1, 3")).taken == {}


def test_two_exports_of_one_project_are_read_as_one(tmp_path):
    for name, who in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.json").write_text(json.dumps([task(who)]))
    found = label_studio.read([tmp_path / "a.json", tmp_path / "b.json"], ["text"])
    assert [a.annotator for a in found.items["t"].annotations] == ["1", "2"]


def test_a_task_without_data_is_no_task_of_the_project(tmp_path):
    found = export(
        tmp_path / "e.json", task(1), {"annotations": []}, {"data": 3, "annotations": []}
    )
    assert [line.split(":")[0] for line in found.problems] == ["task 2", "task 3"]


@pytest.mark.parametrize("text", ["[1,", "3", '{"tasks": [1]}', '{"tasks": {"a": 1}}', "{}"])
def test_what_is_no_key_is_told(tmp_path, text):
    path = tmp_path / "t.key.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"is no key; name the ….key.json that `fsa x` wrote"):
        label_studio.load_key(path, "fsa x")

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

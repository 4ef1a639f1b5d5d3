"""Wrong predictions drawn: how many, of which strata, and what people see of them."""

import collections
import json
import xml.etree.ElementTree

import pytest
from scored_rows import make_rows, write

from fsa_jax.opinions.scoring.rows import prediction_row
from fsa_jax.opinions.units import TSA
from generation.people import errors, label_studio

TEXT = "the food and the staff"
FOOD = {"target": "food", "polarity": "positive", "start": 4, "end": 8}


def draw(tmp_path, count=30, seed=0, annotators=(), **systems):
    files = {
        name: [write(tmp_path / f"{name}{number}.jsonl", rows) for number, rows in enumerate(seeds)]
        for name, seeds in systems.items()
    }
    output = tmp_path / "tasks.json"
    drawn = errors.sample(files, output, count, seed, annotators)
    tasks = [row["data"] for row in json.loads(output.read_text())]
    key = label_studio.load_key(label_studio.Paths(output).key, "test")
    return drawn, tasks, key


def stratum_of(row):
    names = [name for name in ("implicit", "multiple") if row[name]]
    return " and ".join(names) or "neither"


def test_a_draw_has_the_strata_of_what_is_wrong(tmp_path):
    rows = make_rows(1, 400)
    ((population, number),), tasks, key = draw(tmp_path, count=100, mine=[rows])
    wrong = [row for row in rows if row["reason"]]
    assert population.predictions == 400
    assert population.wrong == collections.Counter(map(stratum_of, wrong))
    assert len(population.wrong) == 4
    drawn = collections.Counter(about["stratum"] for about in key["tasks"].values())
    assert sum(drawn.values()) == number == len(tasks)
    for stratum, size in population.wrong.items():
        assert drawn[stratum] == round(100 * size / len(wrong))
    ids = [about["id"] for about in key["tasks"].values()]
    assert len(set(ids)) == number
    assert set(ids) <= {row["id"] for row in wrong}


def test_what_is_rare_is_drawn_and_what_is_less_than_asked_for_as_a_whole(tmp_path):
    rare = [prediction_row("tsa_x", TSA, "", [FOOD], TEXT, id="r", implicit=True, multiple=False)]
    common = [
        prediction_row("tsa_x", TSA, "", [FOOD], TEXT, id=str(n), implicit=False, multiple=False)
        for n in range(60)
    ]
    ((_, number),), _, key = draw(tmp_path, count=10, mine=[rare + common])
    assert number == 11
    assert "r" in {about["id"] for about in key["tasks"].values()}
    ((_, number),), _, _ = draw(tmp_path, count=1000, mine=[rare + common])
    assert number == 61


def test_people_see_sentence_label_and_prediction_and_not_whose(tmp_path):
    extra = "food | negative ; staff | positive ; what ?"
    rows = [
        prediction_row("tsa_x", TSA, extra, [FOOD], TEXT, id="1", implicit=None, multiple=False),
        prediction_row("tsa_x", TSA, "food | positive", [FOOD], TEXT, id="2"),
        prediction_row("tsa_x", TSA, "", [FOOD], TEXT, id="3"),
    ]
    _, tasks, key = draw(tmp_path, t5=[rows], annotators=["ann", "bob"])
    found = {key["tasks"][task["task"]]["id"]: task for task in tasks}
    assert set(found) == {"1", "3"}
    assert found["1"]["sentence"] == TEXT
    assert found["1"]["label"] == "food | positive"
    assert found["1"]["prediction"] == "food | negative\nstaff | positive\nwhat ?"
    assert found["3"]["prediction"] == "(no opinion)"
    assert found["3"]["annotators"] == "ann, bob"
    assert "t5" not in json.dumps(tasks)


def test_systems_tasks_and_seeds(tmp_path):
    other = [row | {"task": "tsa_other"} for row in make_rows(4, 50)]
    drawn, tasks, key = draw(
        tmp_path, a=[make_rows(1, 50), make_rows(2, 50)], b=[make_rows(3, 50), other]
    )
    assert [(p.system, p.task, p.predictions) for p, _ in drawn] == [
        ("a", "tsa_probe", 100),
        ("b", "tsa_probe", 50),
        ("b", "tsa_other", 50),
    ]
    order = [key["tasks"][task["task"]]["system"] for task in tasks]
    assert order != sorted(order)
    again = draw(tmp_path, a=[make_rows(1, 50), make_rows(2, 50)], b=[make_rows(3, 50), other])
    assert again[1] == tasks
    anew = draw(tmp_path, seed=1, a=[make_rows(1, 50), make_rows(2, 50)], b=[make_rows(3, 50)])
    assert anew[1] != tasks


def test_what_cannot_be_sorted_is_told(tmp_path):
    fine = [prediction_row("tsa_x", TSA, "food | positive", [FOOD], TEXT)]
    with pytest.raises(ValueError, match="no prediction is wrong"):
        draw(tmp_path, a=[fine])
    bare = [{"id": "7", "task": "tsa_x", "gold": [FOOD], "parsed": []}]
    with pytest.raises(ValueError, match=r"a0.jsonl: row '7' lacks its sentence \(text\)"):
        draw(tmp_path, a=[bare])


def test_the_interface_offers_the_three_types():
    root = xml.etree.ElementTree.fromstring(errors.interface(["a", "b"]))
    (choices,) = root.iter("Choices")
    assert [choice.get("value") for choice in choices] == list(errors.TYPES)
    assert choices.get("required") == "true"


def test_label_studio_accepts_the_interface(tmp_path):
    label_interface = pytest.importorskip("label_studio_sdk.label_interface")
    studio = label_interface.LabelInterface(errors.interface())
    studio.validate()
    _, tasks, _ = draw(tmp_path, a=[make_rows(1, 20)])
    assert all(studio.validate_task({"data": task}) for task in tasks)

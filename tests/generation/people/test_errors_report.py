"""Table 7, by hand; and exports that are not whole."""

import json
import random

import pytest
from annotators import choice, write

from generation.people import errors, errors_report, label_studio

ONE, TWO, THREE = errors.TYPES
POPULATION = {
    "system": "t5",
    "task": "tsa",
    "predictions": 200,
    "wrong": {"implicit": 60, "neither": 20},
}


@pytest.fixture
def project(tmp_path):
    """Returns a function that writes key and tasks of what was drawn, and exports the choices.

    What was drawn comes as (system, stratum, choices of annotators).
    """

    def export(*drawn, populations=(POPULATION,), change=lambda rows: None):
        tasks = tmp_path / "tasks.json"
        key, rows = {}, []
        for number, (system, stratum, *chosen) in enumerate(drawn, 1):
            name = f"error-{number:04d}"
            key[name] = {"system": system, "task": "tsa", "stratum": stratum, "id": name}
            data = {"task": name, "sentence": "s", "label": "l", "prediction": "p"}
            annotations = [
                {"completed_by": who, "result": [choice("type", "prediction", each)]}
                for who, each in enumerate(chosen, 1)
            ]
            rows.append({"data": data, "annotations": annotations})
        about = {"seed": 0, "populations": list(populations), "tasks": key}
        label_studio.Paths(tasks).key.write_text(json.dumps(about))
        change(rows)
        return errors_report.report(write(tasks, rows), None)

    return export


def shares(found, row=0):
    return [each["share"] for each in found["rows"][row]["types"].values()]


def test_shares_are_of_all_predictions_and_strata_have_their_weight(project):
    found = project(
        ("t5", "implicit", ONE),
        ("t5", "implicit", ONE),
        ("t5", "implicit", THREE),
        ("t5", "neither", TWO),
        ("t5", "neither", THREE),
    )
    # 60 of 200 are wrong and implicit, two thirds of them of type 1; 20 are neither.
    assert shares(found) == pytest.approx([40 / 200, 10 / 200, 30 / 200])
    row = found["rows"][0]
    assert (row["predictions"], row["wrong"], row["judged"]) == (200, 80, 5)
    assert found["krippendorff_alpha"]["alpha"] is None


def test_where_two_people_differ_each_type_gets_half(project):
    found = project(("t5", "implicit", ONE, THREE), ("t5", "neither", TWO, TWO))
    assert shares(found) == pytest.approx([30 / 200, 20 / 200, 30 / 200])
    assert -1 < found["krippendorff_alpha"]["alpha"] < 1


def test_intervals_hold_the_shares_and_narrow_with_the_sample(project):
    rng = random.Random(0)
    widths = []
    for count in (40, 360):
        population = POPULATION | {"predictions": 1000, "wrong": {"neither": 500}}
        drawn = [("t5", "neither", rng.choice([ONE, TWO, THREE, THREE])) for _ in range(count)]
        found = project(*drawn, populations=[population])["rows"][0]["types"][THREE]
        assert 0 <= found["low"] < found["share"] < found["high"] <= 0.5
        widths.append(found["high"] - found["low"])
    assert widths[0] / widths[1] == pytest.approx(3, rel=0.3)


def test_each_system_has_its_row_and_one_without_errors_has_none(project):
    others = [
        POPULATION | {"system": "perfect", "wrong": {}},
        POPULATION | {"system": "unsorted"},
    ]
    found = project(("t5", "neither", ONE), populations=[POPULATION, *others])
    assert [row["system"] for row in found["rows"]] == ["t5", "perfect", "unsorted"]
    assert shares(found, 1) == [0.0, 0.0, 0.0]
    assert shares(found, 2) == [None, None, None]


def test_what_is_wrong_with_a_task_is_told_in_a_line_and_the_others_count(project):
    def spoil(rows):
        rows[1]["annotations"][0]["result"] = []
        rows[2]["annotations"] = []
        rows[4]["data"]["annotators"] = "1, 9"
        rows[5]["data"]["task"] = "error-9999"

    found = project(
        ("t5", "neither", TWO),
        ("t5", "neither", ONE),
        ("t5", "neither", ONE),
        ("t5", "neither", "Type 4"),
        ("t5", "neither", ONE),
        ("t5", "neither", ONE),
        change=spoil,
    )
    assert found["problems"] == [
        "task 6: 'error-9999' is not in the key; name the key that was made with the tasks",
        "task 2 (error-0002): 1 has chosen no type; choose one",
        "task 3 (error-0003): nobody has annotated it; let somebody do so",
        "task 4 (error-0004): 1 has chosen 'Type 4'; choose one of the three types",
        "task 5 (error-0005): 9 has not annotated it; let 9 do so",
    ]
    assert found["absent"] == ["error-0006"]
    assert found["rows"][0]["judged"] == 1
    with pytest.raises(ValueError, match=r"no task counts; task 1 \(error-0001\): 1 has chosen"):
        project(("t5", "neither", "x"))


def test_the_key_of_another_project_is_told(project, tmp_path):
    project(("t5", "neither", ONE))
    path = tmp_path / "tasks.key.json"
    path.write_text(json.dumps({"tasks": {"error-0001": {"a": "t5"}}}))
    with pytest.raises(ValueError, match=r"key of another project; name that of `fsa errors sam"):
        errors_report.report(tmp_path / "annotations.json", path)

"""Tables: means over seeds of one origin, intervals, differences, and why cells are empty."""

import dataclasses
import statistics

import pytest
from scipy import stats

from fsa_jax.experiments import collecting
from fsa_jax.experiments.store import Store
from fsa_jax.experiments.tables import make_table

ALL = ("tsa_rest14", "all")


def test_cells_are_means_over_seeds_with_students_interval(filled):
    plan, store = filled
    table = make_table(plan, store.read())
    plain, distilled = table.rows
    values = list(plain.cells[ALL].values.values())
    assert list(plain.cells[ALL].values) == [42, 52]
    assert plain.cells[ALL].mean == statistics.fmean(values)
    low, high = stats.t.interval(0.95, 1, statistics.fmean(values), stats.sem(values))
    assert plain.cells[ALL].half_width == pytest.approx((high - low) / 2)
    columns = [cell.values for cell in distilled.cells.values()]
    for seed in (42, 52):
        assert distilled.average.values[seed] == statistics.fmean(c[seed] for c in columns)
        gain = distilled.average.values[seed] - plain.average.values[seed]
        assert distilled.difference.values[seed] == pytest.approx(gain)
        assert gain > 0
    assert plain.difference.mean is None
    assert distilled.average.paper == 47.5
    assert distilled.difference.paper == pytest.approx(2.5)
    assert not table.empty()


def test_other_code_is_marked_and_never_averaged(filled):
    plan, store = filled
    rows = store.read()
    old = [
        dataclasses.replace(row, code_version="old", value=0.0, recorded="2020")
        for row in rows
        if row.system == "plain"
    ]
    table = make_table(plan, [*rows, *old])
    assert table.rows[0].cells == make_table(plan, rows).rows[0].cells
    only_old = [row for row in rows if row.system != "plain" or row.seed != 42]
    mixed = [row for row in only_old if row.system != "plain"] + old
    table = make_table(plan, mixed)
    cell = table.rows[0].cells[ALL]
    assert (cell.mean, cell.marks) == (0.0, "†")
    assert table.rows[1].difference.mean is None
    assert "another version" in table.rows[1].difference.reason
    assert any(note.startswith("†") for note in table.notes)


def test_other_data_is_marked(filled):
    plan, store = filled
    rows = [dataclasses.replace(row, data_fingerprint="before") for row in store.read()]
    table = make_table(plan, rows)
    assert {cell.marks for row in table.rows for cell in row.cells.values()} == {"‡"}
    assert table.rows[1].difference.mean is not None  # of the same data as its baseline
    assert [note[0] for note in table.notes] == ["‡"]


def test_other_configuration_does_not_count(filled):
    plan, store = filled
    rows = [dataclasses.replace(row, config_key="before") for row in store.read()]
    table = make_table(plan, rows)
    assert not any(cell.values for row in table.rows for cell in row.cells.values())


def test_empty_cells_say_why(make_plan, tmp_path, predictions_writer):
    plan = make_plan("""
        tasks: [tsa_rest14, tsc_rest14]
        seeds: [42]
        systems:
          - {name: plain, size: tiny}
          - {name: lacking, size: tiny, weights: t5-base, tasks: [tsc_rest14]}
          - {name: llm, predictions: gpt35/in_context}
          - {name: asked, predictions: mine}
    """)
    predictions_writer(
        tmp_path / "out/predictions/mine/tsa_rest14-predictions.jsonl", "tsa_rest14", 5
    )
    store = Store(tmp_path / "results.sqlite")
    for answers in plan.answers:
        if answers.stage is None:
            collecting.collect(answers, plan, store)
    table = make_table(plan, store.read())
    reasons = {(system, task): reason for system, (task, _), reason in table.empty()}
    assert "rest14/dev.json is missing: put the benchmark" in reasons["plain", "tsa_rest14"]
    assert "learns nothing" in reasons["plain", "tsc_rest14"]
    assert "hf download t5-base" in reasons["lacking", "tsc_rest14"]
    assert "fsa evaluate --teacher NAME --task TASK" in reasons["llm", "tsa_rest14"]
    assert ("asked", "tsa_rest14") not in reasons
    asked = table.rows[-1].cells["tsa_rest14", "all"]
    assert asked.mean == pytest.approx(100 * 2 * 0.5 / 1.5)

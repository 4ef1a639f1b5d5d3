"""The file that documents quote holds the table's figures and what they were measured on."""

import json

from fsa_jax.experiments.report.quoted import write_figures


def test_figures_are_those_of_the_table(reported, tmp_path):
    table, _ = reported()
    write_figures(table, tmp_path / "figures.json", "fsa experiment run small", seconds=12.5)
    found = json.loads((tmp_path / "figures.json").read_text())
    assert found["command"] == "fsa experiment run small"
    assert found["experiment"] == table.plan.experiment.name
    assert [system["name"] for system in found["systems"]] == [r.system.name for r in table.rows]
    for system, row in zip(found["systems"], table.rows, strict=True):
        assert len(system["scores"]) == len(row.cells)
        for column, cell in row.cells.items():
            scores = system["scores"][" ".join(column)]
            assert scores.get("mean") == (None if cell.mean is None else round(cell.mean, 2))
            seeds = {str(seed): round(value, 2) for seed, value in cell.values.items()}
            assert scores.get("by_seed", {}) == seeds
    assert any(system["scores"] for system in found["systems"])

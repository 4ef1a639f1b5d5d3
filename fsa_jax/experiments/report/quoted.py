"""The file of an experiment's figures, for documents that quote them."""

from pathlib import Path
from typing import Any

from fsa_jax.experiments.tables import Cell, Table
from fsa_jax.opinions.figures import circumstances
from fsa_jax.runtime import files, provenance


def write_figures(table: Table, output: Path, command: str, seconds: float | None = None) -> None:
    """Writes the figures of a table as JSON.

    Args:
        table: The experiment's results.
        output: The file.
        command: What measured them, as a user types it.
        seconds: How long that took; None where nobody has timed it.
    """
    rows = [
        {
            "name": row.system.name,
            "scores": {" ".join(column): _figures(cell) for column, cell in row.cells.items()},
            "difference": _figures(row.difference),
        }
        for row in table.rows
    ]
    found = circumstances(command, seconds) | provenance.facts()
    files.write_json(output, found | {"experiment": table.plan.experiment.name, "systems": rows})


def _figures(cell: Cell) -> dict[str, Any]:
    """Mean over seeds, half of its 95% interval, and each seed's value."""
    shown = {"mean": cell.mean, "half_width": cell.half_width}
    found: dict[str, Any] = {k: round(v, 2) for k, v in shown.items() if v is not None}
    if cell.values:
        found["by_seed"] = {str(seed): round(v, 2) for seed, v in sorted(cell.values.items())}
    return found

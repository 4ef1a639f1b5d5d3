"""The file of figures beside a report: scores, time and the machine, for whoever quotes them.

A README that quotes from it cannot drift from what a command has measured, and says on which
processor: roundings differ between processors, and small students learn from them to differ.
"""

import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fsa_jax.opinions.report import System
from fsa_jax.runtime import files, provenance

_MADE_BY = ("fsa_jax", "git", "versions")
_SCORES = ("f1", "precision", "recall", "strict_f1", "parse_failure_rate")


def write_figures(
    systems: Sequence[System], output: Path, command: str, seconds: float | None = None
) -> None:
    """Writes the figures of a report as JSON.

    Args:
        systems: What the report shows.
        output: The file.
        command: What measured them, as a user types it.
        seconds: How long that took; None where nobody has timed it.
    """
    content = circumstances(command, seconds) | {"systems": list(map(_figures, systems))}
    files.write_json(output, content)


def circumstances(command: str, seconds: float | None) -> dict[str, Any]:
    """Returns what figures were measured by, when, in what time and on which machine.

    Args:
        command: As a user types it.
        seconds: How long it took; None where nobody has timed it.
    """
    return {
        "command": command,
        "date": datetime.date.today().isoformat(),
        "seconds": seconds,
        # Other work on the same cores shows in the seconds (mean of a quarter of an hour).
        "load": round(os.getloadavg()[2], 1),
        "machine": provenance.machine(),
    }


def _figures(system: System) -> dict[str, Any]:
    scores = {}
    for split in system.splits:
        found = system.summary(split, _SCORES)
        scores[split] = {key: round(mean, 2) for key, (mean, _) in found.items()} | {
            f"{key}_std": round(spread, 2)
            for key, (_, spread) in found.items()
            if spread is not None
        }
    return {
        "name": system.name,
        **{key: system.runs[0].facts[key] for key in _MADE_BY if key in system.runs[0].facts},
        "seeds": [run.seed for run in system.runs],
        "steps": [run.curve[-1][0] if run.curve else 0 for run in system.runs],
        "scores": scores,
    }

"""One HTML page on runs: loss curves, scores, and predictions next to gold.

Reads what training leaves in run directories (``train/metrics.jsonl``, ``inference_eval/``); needs
neither JAX nor TensorFlow. The page holds its pictures and opens anywhere.
"""

import base64
import contextlib
import dataclasses
import html
import io
import json
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from rich.table import Table

mpl.use("agg")

import matplotlib.pyplot as plt

from fsa_jax.opinions.console import open_console
from fsa_jax.opinions.scoring.files import mean_and_deviation, mean_as_text
from fsa_jax.runtime import files
from fsa_jax.runtime.run_directory import RunDirectory, runs_in

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #ddd;
  vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; } .hit { color: #1a7f37; } .miss { color: #b42318; }
"""
_COLUMNS = {"f1": "F1", "strict_f1": "strict F1", "parse_failure_rate": "unparsed %"}


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run directory holds.

    Attributes:
        facts: What its manifest says.
        curve: (step, loss) of training.
        scores: Metrics by ``<task>`` (dev) or ``<task>-<split>``: those of the best checkpoint
            where the run kept one, else of the one that was tested, else of the last evaluation.
        predictions: Path of the same step's predictions by the same names.
    """

    facts: dict[str, Any]
    curve: list[tuple[int, float]]
    scores: dict[str, dict[str, float]]
    predictions: dict[str, pathlib.Path]

    @property
    def seed(self) -> int | None:
        """The run's seed; None where its manifest does not say."""
        return self.facts.get("seed")


@dataclasses.dataclass(frozen=True)
class System:
    """A run, or the runs of its seeds.

    Attributes:
        name: Shown name.
        runs: One for each seed.
    """

    name: str
    runs: list[Run]

    @property
    def splits(self) -> list[str]:
        """Names of the evaluations that have an F1, as in ``Run.scores``."""
        found = (split for run in self.runs for split in run.scores if "f1" in run.scores[split])
        return list(dict.fromkeys(found))

    def summary(
        self, split: str, names: Iterable[str] = _COLUMNS
    ) -> dict[str, tuple[float, float | None]]:
        """Returns mean and deviation over the seeds of those scores that all of them have."""
        scored = [run.scores[split] for run in self.runs if split in run.scores]
        return {
            name: mean_and_deviation([scores[name] for scores in scored])
            for name in names
            if all(name in scores for scores in scored)
        }


def read_system(folder: pathlib.Path, name: str | None = None) -> System:
    """Reads a run directory, or a folder of a run's seeds.

    Raises:
        FileNotFoundError: There is no training log in it.
        ValueError: One of its files is no run's, or its seeds are not different ones.
    """
    runs = runs_in(folder) or [RunDirectory(folder)]
    return System(name or folder.name, [read_run(run) for run in runs])


def read_run(run: RunDirectory) -> Run:
    """Reads a run directory.

    Raises:
        FileNotFoundError: There is no training log in it.
        ValueError: One of its files is no run's.
    """
    curve = [(row["step"], row["loss"]) for row in run.training_rows()]
    wanted = run.scored_step()
    scores, predictions = {}, {}
    for key, rows in run.evaluations().items():
        if not rows:
            continue
        scores[key] = next((row for row in reversed(rows) if row["step"] == wanted), rows[-1])
        with contextlib.suppress(FileNotFoundError):
            predictions[key] = pathlib.Path(run.predictions(key, step=scores[key]["step"]))
    return Run(run.manifest(), curve, scores, predictions)


def _rows(path: pathlib.Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def write_report(
    folders: Sequence[pathlib.Path],
    output: pathlib.Path,
    titles: Sequence[str] | None = None,
    examples: int = 10,
) -> list[System]:
    """Writes the page, and prints the table of scores.

    Args:
        folders: Run directories, or folders of a run's seeds.
        output: The page.
        titles: Names of the systems; the folders' by default.
        examples: Predictions to show.

    Returns:
        What the folders hold.

    Raises:
        FileNotFoundError: A folder that is no run directory.
        ValueError: Not as many titles as folders.
    """
    if titles and len(titles) != len(folders):
        raise ValueError(f"{len(titles)} names for {len(folders)} run directories")
    systems = [read_system(f, titles[i] if titles else None) for i, f in enumerate(folders)]
    print_scores(systems)
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>fsa_jax report</title>",
        f"<style>{_STYLE}</style><h1>Students and their scores</h1>",
        _score_table(systems),
        "<h2>F1 by test split</h2>" + _picture(_draw_scores(systems), "F1 of each run and split"),
        "<h2>Training loss</h2>" + _picture(_draw_curves(systems), "Training loss by step"),
        _predictions(systems, examples),
        "</html>",
    ]
    files.write_text(output, "\n".join(parts))
    return systems


def print_scores(systems: Sequence[System]) -> None:
    """Prints a table of the scores, a row for each system and split."""
    table = Table(title="scores")
    table.add_column("run")
    table.add_column("split")
    for title in _COLUMNS.values():
        table.add_column(title, justify="right")
    for system in systems:
        for split in system.splits:
            table.add_row(_shown_name(system), _shown_split(split), *_cells(system, split))
    open_console().print(table)


def _shown_name(system: System) -> str:
    return system.name + (f" ({len(system.runs)} seeds)" if len(system.runs) > 1 else "")


def _shown_split(split: str) -> str:
    """Development scores stand under the task's bare name."""
    return split if "-" in split else f"{split} (dev)"


def _cells(system: System, split: str) -> list[str]:
    found = system.summary(split)
    return [mean_as_text(*found[key]) if key in found else "" for key in _COLUMNS]


def _score_table(systems: Sequence[System]) -> str:
    head = "".join(f"<th class='number'>{html.escape(t)}</th>" for t in _COLUMNS.values())
    body = "".join(
        f"<tr><td>{html.escape(_shown_name(system))}</td>"
        f"<td>{html.escape(_shown_split(split))}</td>"
        + "".join(f"<td class='number'>{cell}</td>" for cell in _cells(system, split))
        + "</tr>"
        for system in systems
        for split in system.splits
    )
    return f"<table><tr><th>run</th><th>split</th>{head}</tr>{body}</table>"


def _draw_curves(systems: Sequence[System]) -> Figure:
    figure, axes = plt.subplots(1, len(systems), figsize=(4 * len(systems), 3), squeeze=False)
    for ax, system in zip(axes[0], systems, strict=True):
        for run in system.runs:
            ax.plot([x for x, _ in run.curve], [y for _, y in run.curve], color="#0b62a4", lw=1)
        ax.set(title=_shown_name(system), xlabel="step", ylabel="nats per target token")
        ax.set_ylim(bottom=0)
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def _draw_scores(systems: Sequence[System]) -> Figure:
    splits = list(dict.fromkeys(split for system in systems for split in system.splits))
    scored = [system for system in systems if system.splits]
    figure, ax = plt.subplots(figsize=(8, 3.2))
    width = 0.8 / max(len(scored), 1)
    for i, system in enumerate(scored):
        means = {split: system.summary(split)["f1"] for split in system.splits}
        places = [splits.index(split) + (i - (len(scored) - 1) / 2) * width for split in means]
        heights = [mean for mean, _ in means.values()]
        deviations = [deviation or 0.0 for _, deviation in means.values()]
        errors = deviations if len(system.runs) > 1 else None
        bars = ax.bar(places, heights, width, yerr=errors, label=_shown_name(system), capsize=2)
        ax.bar_label(bars, fmt="%.1f", fontsize=8)
    ax.set(ylabel="F1 (%)", ylim=(0, 100))
    ax.set_xticks(range(len(splits)), map(_shown_split, splits), rotation=15, ha="right")
    ax.spines[["top", "right"]].set_visible(False)
    if scored:
        ax.legend(loc="upper right", fontsize=8)
    figure.tight_layout()
    return figure


def _picture(figure: Figure, description: str) -> str:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    plt.close(figure)
    encoded = base64.b64encode(data.getvalue()).decode()
    return f"<img alt='{html.escape(description)}' src='data:image/png;base64,{encoded}'>"


def _predictions(systems: Sequence[System], count: int) -> str:
    """A table of the first run's predictions on its test split: misses and hits in turn."""
    for name, run in ((system.name, run) for system in systems for run in system.runs):
        tests = [split for split in run.predictions if split.endswith("-test")]
        for split in tests or list(run.predictions):
            rows = [row for row in _rows(run.predictions[split]) if row.get("gold") is not None]
            if rows:
                title = f"<h2>Predictions of {html.escape(name)} on {html.escape(split)}</h2>"
                return title + _prediction_table(_in_turn(rows, count))
    return ""


def _in_turn(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    hits = [row for row in rows if not row.get("reason")]
    misses = [row for row in rows if row.get("reason")]
    half = min(len(hits), count // 2)
    return hits[:half] + misses[: count - half]


def _prediction_table(rows: list[dict[str, Any]]) -> str:
    body = ""
    for row in rows:
        kind = "miss" if row.get("reason") else "hit"
        cells = (row.get("text") or row["id"], _units(row["gold"]), row["raw"])
        body += "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells)
        body += f"<td class='{kind}'>{html.escape(_reason(row.get('reason')))}</td></tr>"
    head = "<tr><th>text</th><th>gold</th><th>the student wrote</th><th>verdict</th></tr>"
    return f"<table>{head}{body}</table>"


def _reason(reason: Any) -> str:
    if not reason:
        return "right"
    return reason if isinstance(reason, str) else "; ".join(map(str, reason))


def _units(units: Any) -> str:
    shown = []
    for unit in units:
        values = unit.values() if isinstance(unit, dict) else unit
        shown.append(" | ".join(str(value) for value in values if not isinstance(value, int)))
    return " ; ".join(shown)

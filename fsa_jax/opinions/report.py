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
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from rich.console import Console
from rich.table import Table

mpl.use("agg")

import matplotlib.pyplot as plt

from fsa_jax.runtime import files
from fsa_jax.runtime.run_directory import RunDirectory

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
      name: Shown name.
      curve: (step, loss) of training.
      scores: Metrics by ``<task>`` (dev) or ``<task>-<split>``: those of the best checkpoint where
        the run kept one, else of the one that was tested, else of the last evaluation.
      predictions: Path of the same step's predictions by the same names.
    """

    name: str
    curve: list[tuple[int, float]]
    scores: dict[str, dict[str, float]]
    predictions: dict[str, pathlib.Path]


def read_run(folder: pathlib.Path, name: str | None = None) -> Run:
    """Reads a run directory.

    Raises:
      FileNotFoundError: There is no training log in it.
      ValueError: One of its files is no run's.
    """
    run = RunDirectory(folder)
    curve = [(row["step"], row["loss"]) for row in run.training_rows()]
    evaluations = {key: rows for key, rows in run.evaluations().items() if rows}
    tested = [rows[-1]["step"] for key, rows in evaluations.items() if "-" in key]
    best = run.best_step() or max(tested, default=None)
    scores, predictions = {}, {}
    for key, rows in evaluations.items():
        scores[key] = next((row for row in reversed(rows) if row["step"] == best), rows[-1])
        with contextlib.suppress(FileNotFoundError):
            predictions[key] = pathlib.Path(run.predictions(key, step=scores[key]["step"]))
    return Run(name or folder.name, curve, scores, predictions)


def _rows(path: pathlib.Path):
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def write_report(
    folders: Sequence[pathlib.Path],
    output: pathlib.Path,
    titles: Sequence[str] | None = None,
    examples: int = 10,
) -> None:
    """Writes the page, and prints the table of scores.

    Args:
      folders: Run directories.
      output: The page.
      titles: Names of the runs; the folders' by default.
      examples: Predictions to show.

    Raises:
      FileNotFoundError: A folder that is no run directory.
      ValueError: Not as many titles as folders.
    """
    if titles and len(titles) != len(folders):
        raise ValueError(f"{len(titles)} names for {len(folders)} run directories")
    runs = [read_run(f, titles[i] if titles else None) for i, f in enumerate(folders)]
    print_scores(runs)
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>fsa_jax report</title>",
        f"<style>{_STYLE}</style><h1>Students and their scores</h1>",
        _score_table(runs),
        "<h2>F1 by test split</h2>" + _picture(_draw_scores(runs), "F1 of each run and split"),
        "<h2>Training loss</h2>" + _picture(_draw_curves(runs), "Training loss by step"),
        _predictions(runs, examples),
        "</html>",
    ]
    files.write_text(output, "\n".join(parts))


def print_scores(runs: Sequence[Run]) -> None:
    """Prints a table of the scored runs, a row for each run and split."""
    table = Table(title="scores")
    table.add_column("run")
    table.add_column("split")
    for title in _COLUMNS.values():
        table.add_column(title, justify="right")
    for run, split, scores in _scored(runs):
        table.add_row(run.name, split, *_cells(scores))
    Console().print(table)


def _scored(runs: Sequence[Run]):
    """Yields (run, shown split, scores): development scores stand under the task's bare name."""
    for run in runs:
        for split, scores in run.scores.items():
            if "f1" in scores:
                yield run, split if "-" in split else f"{split} (dev)", scores


def _cells(scores: dict[str, float]) -> list[str]:
    return [f"{scores[key]:.2f}" if key in scores else "" for key in _COLUMNS]


def _score_table(runs: Sequence[Run]) -> str:
    head = "".join(f"<th class='number'>{html.escape(t)}</th>" for t in _COLUMNS.values())
    body = "".join(
        f"<tr><td>{html.escape(run.name)}</td><td>{html.escape(split)}</td>"
        + "".join(f"<td class='number'>{cell}</td>" for cell in _cells(scores))
        + "</tr>"
        for run, split, scores in _scored(runs)
    )
    return f"<table><tr><th>run</th><th>split</th>{head}</tr>{body}</table>"


def _draw_curves(runs: Sequence[Run]):
    drawn = [run for run in runs if run.curve]
    figure, axes = plt.subplots(1, len(drawn), figsize=(4 * len(drawn), 3), squeeze=False)
    for ax, run in zip(axes[0], drawn, strict=True):
        ax.plot(*zip(*run.curve, strict=True), color="#0b62a4")
        ax.set(title=run.name, xlabel="step", ylabel="nats per target token")
        ax.set_ylim(bottom=0)
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def _draw_scores(runs: Sequence[Run]):
    found = list(_scored(runs))
    splits = list(dict.fromkeys(split for _, split, _ in found))
    names = list(dict.fromkeys(run.name for run, _, _ in found))
    figure, ax = plt.subplots(figsize=(8, 3.2))
    width = 0.8 / max(len(names), 1)
    for i, name in enumerate(names):
        own = {split: scores["f1"] for run, split, scores in found if run.name == name}
        places = [splits.index(split) + (i - (len(names) - 1) / 2) * width for split in own]
        bars = ax.bar(places, list(own.values()), width, label=name)
        ax.bar_label(bars, fmt="%.1f", fontsize=8)
    ax.set(ylabel="F1 (%)", ylim=(0, 100))
    ax.set_xticks(range(len(splits)), splits, rotation=15, ha="right")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper right", fontsize=8)
    figure.tight_layout()
    return figure


def _picture(figure, description: str) -> str:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    plt.close(figure)
    encoded = base64.b64encode(data.getvalue()).decode()
    return f"<img alt='{html.escape(description)}' src='data:image/png;base64,{encoded}'>"


def _predictions(runs: Sequence[Run], count: int) -> str:
    """A table of the first run's predictions on its test split: misses and hits in turn."""
    for run in runs:
        names = [name for name in run.predictions if name.endswith("-test")]
        for name in names or list(run.predictions):
            rows = [row for row in _rows(run.predictions[name]) if row.get("gold") is not None]
            if rows:
                title = f"<h2>Predictions of {html.escape(run.name)} on {html.escape(name)}</h2>"
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

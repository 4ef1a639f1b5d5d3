"""Pictures of an experiment: lines over an axis, differences from the baseline, training curves."""

import io
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from fsa_jax.experiments.declaration import System
from fsa_jax.experiments.known import count_name, zero_shot_of
from fsa_jax.experiments.stages import Stage
from fsa_jax.experiments.tables import Cell, Row, Table

_COLOURS = ("#0b62a4", "#c2571a", "#2a8f4f", "#8a3fa0", "#a0392f", "#5b6770", "#b58900", "#1f8a99")
_LOG_FIELDS = ("reviews",)
_STYLES = ("--", ":", "-.", (0, (1, 4)))
_MOST_LABELS = 12
_METRICS = {"f1": "F1", "strict_f1": "strict F1"}


def draw(table: Table) -> bytes:
    """The experiment's figure: its panels where it declares any, else differences by system."""
    experiment = table.plan.experiment
    panels = [panel for panel in experiment.figure if any(_panel(table, panel))]
    figure, axes = _canvas(max(1, len(panels)), table)
    if panels:
        for axis, panel in zip(axes, panels, strict=True):
            _draw_lines(axis, table, panel, experiment.figure[panel])
    else:
        _draw_differences(axes[0], table)
    return _png(figure)


def _canvas(count: int, table: Table) -> tuple[Any, list[Any]]:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    lines = table.plan.experiment.figure
    height = 3.6 if lines else 1.6 + 0.26 * len(table.rows)
    figure, axes = pyplot.subplots(1, count, figsize=(5.6 * count, height), squeeze=False)
    return figure, list(axes[0])


def _png(figure: Any) -> bytes:
    from matplotlib import pyplot

    figure.tight_layout()
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=140)
    pyplot.close(figure)
    return data.getvalue()


def _panel(table: Table, panel: str) -> Iterator[Row]:
    return (row for row in table.rows if row.system.panel == panel)


def _draw_lines(axis: Any, table: Table, panel: str, title: str) -> None:
    """One line for each series, with 95% intervals; the paper's points are hollow.

    A row that has no place on the axis is a level, and so is a baseline of another panel.
    """
    inside = list(_panel(table, panel))
    field = next((next(iter(row.system.x)) for row in inside if row.system.x), "")
    series: dict[str, list[Row]] = {}
    for row in inside:
        if field in row.system.x:
            series.setdefault(row.system.series, []).append(row)
    places = _places([row.system for rows in series.values() for row in rows], field)
    for colour, (name, rows) in zip(_colours(len(series)), series.items(), strict=True):
        points = [(places[row.system.x[field]], row.average) for row in rows]
        drawn = [(x, cell.mean, cell.half_width or 0.0) for x, cell in points if cell.values]
        if drawn:
            x, mean, half = zip(*drawn, strict=True)
            axis.errorbar(x, mean, half, marker="o", ms=4, capsize=3, color=colour, label=name)
        known = [(x, cell.paper) for x, cell in points if cell.paper is not None]
        if known:
            axis.plot(
                *zip(*known, strict=True), "D", mfc="none", color=colour, label=f"{name}, paper"
            )
    levels = [row for row in inside if field not in row.system.x]
    levels += _baseline_elsewhere(table, panel)
    for style, row in zip(itertools.cycle(_STYLES), levels, strict=False):
        for value, name in ((row.average.mean, ""), (row.average.paper, ", paper")):
            if value is not None:
                axis.axhline(value, color="#777", ls=style, lw=1, label=row.system.series + name)
                break
    if field in _LOG_FIELDS:
        axis.set_xscale("log")
    axis.set_xticks(list(places.values()), [_label(field, value) for value in places])
    axis.minorticks_off()
    axis.set(xlabel=title, ylabel=f"average {_metric(table)} (%)")
    _finish(axis)


def _baseline_elsewhere(table: Table, panel: str) -> list[Row]:
    """The one baseline of a whole panel that has no point in it, where there is such."""
    bases = [table.plan.experiment.baseline_of(row.system) for row in _panel(table, panel)]
    names = {base.name for base in bases if base is not None and base.panel != panel}
    if len(names) != 1 or None in bases:
        return []
    return [row for row in table.rows if row.system.name in names]


def _places(systems: Sequence[System], field: str) -> dict[Any, float]:
    """Where values stand on the axis: numbers where they are, names one after the other."""
    values: list[Any] = list(dict.fromkeys(system.x[field] for system in systems))
    if all(isinstance(value, int | float) for value in values):
        return {value: float(value) for value in sorted(values)}
    return {value: float(place) for place, value in enumerate(values)}


def _label(field: str, value: Any) -> str:
    if field == "reviews":
        return count_name(value).upper()
    return str(value)


def _draw_differences(axis: Any, table: Table) -> None:
    """Ours with its interval and the paper's, from the top in the order of the table."""
    rows = [row for row in table.rows if row.difference.values or row.difference.paper is not None]
    for height, row in enumerate(reversed(rows)):
        cell: Cell = row.difference
        if cell.mean is not None:
            half = cell.half_width or 0.0
            axis.errorbar(cell.mean, height, xerr=half, fmt="o", ms=5, capsize=3, color=_COLOURS[0])
        if cell.paper is not None:
            axis.plot(cell.paper, height, "D", mfc="none", color=_COLOURS[1], ms=5)
    axis.axvline(0, color="#999", lw=0.8, zorder=0)
    axis.set_yticks(range(len(rows)), [row.system.name for row in reversed(rows)], fontsize=8)
    axis.plot([], [], "o", color=_COLOURS[0], label="here, 95% interval")
    if any(row.difference.paper is not None for row in rows):
        axis.plot([], [], "D", mfc="none", color=_COLOURS[1], label="paper")
    baseline = table.plan.experiment.baseline or "no baseline"
    axis.set(xlabel=f"average {_metric(table)}, difference from “{baseline}”")
    axis.set_ylim(-0.7, max(len(rows), 1) - 0.3)
    _finish(axis)


def _metric(table: Table) -> str:
    metric = table.plan.experiment.metric
    if metric == "f1" and all(map(zero_shot_of, table.plan.experiment.tasks)):
        return "accuracy"  # one answer against one unit
    return _METRICS.get(metric, metric.replace("_", " "))


def _finish(axis: Any) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25)
    if axis.get_legend_handles_labels()[1]:
        axis.legend(fontsize=8, frameon=False)


def _colours(count: int) -> list[str]:
    return [_COLOURS[i % len(_COLOURS)] for i in range(count)]


def draw_curves(table: Table) -> dict[str, bytes]:
    """Training losses: a picture of pretraining, and one for each task; only of what has begun."""
    panels: dict[str, list[Stage]] = {}
    for stage in table.plan.stages:
        if stage.kind in ("pretrain", "finetune"):
            panels.setdefault(stage.task or "pretraining", []).append(stage)
    curves = {title: list(_curves(stages)) for title, stages in panels.items()}
    return {title: _draw_curves(title, found) for title, found in curves.items() if found}


def _draw_curves(title: str, found: Sequence[tuple[str, list[tuple[int, float]]]]) -> bytes:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(4.8, 3.4))
    for colour, (name, points) in zip(_colours(len(found)), found, strict=True):
        label = name if len(found) <= _MOST_LABELS else None
        axis.plot(*zip(*points, strict=True), color=colour, lw=1.1, alpha=0.8, label=label)
    axis.set(title=title, xlabel="step", ylabel="nats per target token")
    axis.set_ylim(bottom=0)
    _finish(axis)
    if axis.get_legend():
        axis.legend(fontsize=6, frameon=False)
    return _png(figure)


def _curves(stages: Sequence[Stage]) -> Iterator[tuple[str, list[tuple[int, float]]]]:
    """Name and points of each stage, of its first seed that has trained."""
    for stage in stages:
        for run in stage.run_directories.values():
            try:
                rows = run.training_rows()
            except (FileNotFoundError, ValueError):
                continue
            points = [(row["step"], row["loss"]) for row in rows if "loss" in row]
            if points:
                yield stage.name.removeprefix(f"{stage.task} "), points
                break

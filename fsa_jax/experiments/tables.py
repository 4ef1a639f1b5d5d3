"""From rows of the store to a table: means, intervals, differences, tests, the paper beside them.

A cell averages over seeds of one origin alone (configuration, data, code). Where several are there,
the newest code counts, and the cell is marked; an average over several origins is never made.
"""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

from fsa_jax.experiments.collecting import origin
from fsa_jax.experiments.declaration import System
from fsa_jax.experiments.planning import TEST, Answers, Plan
from fsa_jax.experiments.running import standing
from fsa_jax.experiments.store import Result
from fsa_jax.opinions.scoring.significance import half_width

OTHER_CODE = "†"
OTHER_DATA = "‡"
MARKS = {
    OTHER_CODE: "made by another version of the code than the present one",
    OTHER_DATA: "made from other data than is there now",
}
Column = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Cell:
    """One value of a table.

    Attributes:
        values: By seed; empty where there is none.
        paper: What the paper reports.
        reason: Why there is no value.
        marks: Out of ``MARKS``.
        p_value: Of the paired test against the baseline; None where there is none.
    """

    values: Mapping[int, float] = dataclasses.field(default_factory=dict)
    paper: float | None = None
    reason: str = ""
    marks: str = ""
    p_value: float | None = None

    @property
    def mean(self) -> float | None:
        """Mean over the seeds."""
        return statistics.fmean(self.values.values()) if self.values else None

    @property
    def half_width(self) -> float | None:
        """Half of the 95% interval of the mean, by Student's t; None below two seeds."""
        return half_width(list(self.values.values()))


@dataclasses.dataclass(frozen=True)
class Row:
    """A system's cells.

    Attributes:
        system: Whose.
        cells: By column; where the system is not scored, there is none.
        average: Over the columns, seed by seed.
        difference: Of the averages, this less the baseline's, seed by seed.
    """

    system: System
    cells: Mapping[Column, Cell]
    average: Cell
    difference: Cell


@dataclasses.dataclass(frozen=True)
class Table:
    """An experiment's results.

    Attributes:
        plan: The plan.
        columns: (task, sub-set) pairs.
        rows: In the order of the declaration.
        notes: Lines that belong under it.
    """

    plan: Plan
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def empty(self) -> list[tuple[str, Column, str]]:
        """System, column and reason of each cell without a value."""
        return [
            (row.system.name, column, cell.reason)
            for row in self.rows
            for column, cell in row.cells.items()
            if not cell.values
        ]


def make_table(
    plan: Plan, results: Sequence[Result], failures: Mapping[str, str] | None = None
) -> Table:
    """Makes the table of an experiment.

    Args:
        plan: The plan.
        results: Rows of the store.
        failures: Why stages failed, by their keys.
    """
    experiment = plan.experiment
    by_place: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        if result.metric == experiment.metric and result.split == TEST:
            by_place.setdefault((result.system, result.task), []).append(result)
    rows: list[Row] = []
    for system in experiment.systems:
        cells: dict[Column, Cell] = {}
        paper = iter(system.paper)
        for answers in (a for a in plan.answers if a.system.name == system.name):
            found = by_place.get((system.name, answers.task), [])
            for subset in experiment.subsets:
                cell = _cell(answers, plan, [r for r in found if r.subset == subset], failures)
                cells[answers.task, subset] = dataclasses.replace(cell, paper=next(paper, None))
        rows.append(Row(system, cells, _average(cells), Cell()))
    by_name = {row.system.name: row for row in rows}
    finished = []
    for row in rows:
        base = experiment.baseline_of(row.system)
        other = by_name[base.name] if base is not None else None
        finished.append(dataclasses.replace(row, difference=_difference(row, other)))
    return Table(plan, experiment.columns, tuple(finished), _notes(finished, plan))


def _cell(
    answers: Answers, plan: Plan, found: Sequence[Result], failures: Mapping[str, str] | None
) -> Cell:
    key, data, code = origin(answers, plan)
    found = [row for row in found if row.config_key == key]
    if not found:
        return Cell(reason=why_empty(answers, failures))
    origins = {(row.data_fingerprint, row.code_version) for row in found}
    newest = max(found, key=lambda row: row.recorded)
    chosen = (data, code)
    if chosen not in origins:
        chosen = (newest.data_fingerprint, newest.code_version)
    marks = OTHER_DATA * (chosen[0] != data) + OTHER_CODE * (chosen[1] != code)
    values = {
        row.seed: row.value for row in found if (row.data_fingerprint, row.code_version) == chosen
    }
    return Cell(dict(sorted(values.items())), marks=marks)


def why_empty(answers: Answers, failures: Mapping[str, str] | None = None) -> str:
    """Says why a system has no answers to a task."""
    if answers.reason:
        return answers.reason
    stage, nobody = answers.stage, "no sentence of the test set is in this sub-set"
    if stage is None:
        if answers.files():
            return nobody
        return (
            f"no predictions TASK-predictions.jsonl below {answers.folder}, which `fsa evaluate "
            f"--teacher NAME --task TASK --output-dir {answers.folder}` writes"
        )
    if failures and stage.key in failures:
        return failures[stage.key]
    now = standing(stage)
    if now.state == "failed":
        return f"failed: {now.reason}"
    missing = [line for need in (*stage.needs, stage) for line in need.missing()]
    if missing and now.state == "waiting":
        return missing[0]
    if now.state == "finished":
        return nobody
    return {"waiting": "not run yet", "running": "being run"}.get(now.state, now.state)


def _average(cells: Mapping[Column, Cell]) -> Cell:
    paper = [cell.paper for cell in cells.values() if cell.paper is not None]
    known = statistics.fmean(paper) if paper and len(paper) == len(cells) else None
    if not cells or any(not cell.values for cell in cells.values()):
        return Cell(paper=known, reason="a column is empty")
    seeds = set.intersection(*(set(cell.values) for cell in cells.values()))
    values = {
        seed: statistics.fmean(cell.values[seed] for cell in cells.values())
        for seed in sorted(seeds)
    }
    marks = "".join(mark for mark in MARKS if any(mark in cell.marks for cell in cells.values()))
    return Cell(values, known, "" if values else "the columns share no seed", marks)


def _difference(row: Row, base: Row | None) -> Cell:
    if base is None:
        return Cell(reason="the baseline itself" if row.average.values else "no baseline")
    ours, theirs = row.average, base.average
    paper = None
    if ours.paper is not None and theirs.paper is not None:
        paper = ours.paper - theirs.paper
    shared = sorted(set(ours.values) & set(theirs.values))
    if set(ours.marks) != set(theirs.marks):
        return Cell(paper=paper, reason="of another version than the baseline")
    values = {seed: ours.values[seed] - theirs.values[seed] for seed in shared}
    return Cell(values, paper, "" if values else "no seed that the baseline has too")


def _notes(rows: Sequence[Row], plan: Plan) -> tuple[str, ...]:
    marks = {mark for row in rows for cell in row.cells.values() for mark in cell.marks}
    notes = [f"{mark} {meaning}: not to be compared." for mark, meaning in MARKS.items()]
    kept = [note for note in notes if note[0] in marks]
    return (*plan.experiment.notes, *kept)

"""Paired tests of a table's systems against their baseline, sentence by sentence."""

import dataclasses
import functools
from pathlib import Path

import numpy as np

from fsa_jax.experiments.collecting import prediction_file
from fsa_jax.experiments.planning import Answers
from fsa_jax.experiments.tables import Column, Row, Table
from fsa_jax.opinions.scoring.files import Scored, compare, score_file
from fsa_jax.opinions.scoring.predictions import kind_of

DRAWS = 2000


def with_tests(table: Table, draws: int = DRAWS) -> Table:
    """Returns the table with the p-value of each cell against the baseline's.

    Sentences of all seeds are exchanged at random between the two systems. A cell has none where
    prediction files are gone, or seeds or sentences differ.
    """
    answers = {(a.system.name, a.task): a for a in table.plan.answers}
    rows = {row.system.name: row for row in table.rows}
    tested = []
    for row in table.rows:
        base = table.plan.experiment.baseline_of(row.system)
        other = rows[base.name] if base is not None else None
        cells = {}
        for column, cell in row.cells.items():
            value = None
            if other is not None and column in other.cells:
                value = _p_value(column, row, other, answers, draws)
            cells[column] = dataclasses.replace(cell, p_value=value)
        tested.append(dataclasses.replace(row, cells=cells))
    return dataclasses.replace(table, rows=tuple(tested))


def _p_value(
    column: Column, row: Row, base: Row, answers: dict[tuple[str, str], Answers], draws: int
) -> float | None:
    task, subset = column
    mine, other = row.cells[column], base.cells[column]
    seeds = sorted(set(mine.values) & set(other.values))
    if not seeds or mine.marks != other.marks:
        return None
    sides = []
    for name in (row.system.name, base.system.name):
        files = [prediction_file(answers[name, task], seed) for seed in seeds]
        if None in files:
            return None
        sides.append([_part(str(file), task, subset) for file in files])
    if not len(sides[0][0].ids):
        return None
    try:
        return compare(sides[0], sides[1], draws=draws)[1]
    except ValueError:  # other sentences
        return None


@functools.lru_cache(maxsize=4096)
def _part(file: str, task: str, subset: str) -> Scored:
    """A prediction file, scored, and of it the sentences of a sub-set."""
    scored = _whole(file, task)
    if subset == "all":
        return scored
    chosen = scored.flags["hard"] == 0 if subset == "original" else scored.flags[subset] == 1
    return dataclasses.replace(
        scored,
        ids=tuple(np.array(scored.ids, dtype=object)[chosen]),
        counts=scored.counts[chosen],
        flags={name: flags[chosen] for name, flags in scored.flags.items()},
    )


@functools.lru_cache(maxsize=1024)
def _whole(file: str, task: str) -> Scored:
    return score_file(Path(file), kind_of(task))

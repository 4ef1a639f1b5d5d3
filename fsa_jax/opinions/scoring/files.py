"""Scoring prediction files: all scores of a system, sub-sets, seeds, and pairs of systems.

A file is read once, row by row; what stays in memory are a dozen counts for each row.
"""

import array
import dataclasses
import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from fsa_jax.opinions.scoring.counts import COLUMNS, Polarities, count, metrics
from fsa_jax.opinions.scoring.predictions import SUBSETS, read_predictions
from fsa_jax.opinions.scoring.rows import Row, explain, match
from fsa_jax.opinions.scoring.significance import bootstrap_interval, paired_test
from fsa_jax.opinions.scoring.sources import Source, check_seeds, find_sources, source_of
from fsa_jax.opinions.units import Kind
from fsa_jax.runtime.files import shown

GROUPS = ("polarity", "implicit", "multiple", "hard", "original")
_INDEX = {name: index for index, name in enumerate(COLUMNS)}


@dataclasses.dataclass(frozen=True)
class Scored:
    """One prediction file, scored.

    Attributes:
        source: The file, and whose answers it holds.
        task: Its task.
        kind: What the task asks for.
        ids: Ids of the sentences.
        counts: Counts of each row, shape (rows, len(COLUMNS)), float64.
        flags: For each sub-set, which rows are in it (1), not (0), or unknown (-1); shape (rows,).
        polarities: Sums of counts over the units of one polarity, shape (len(COLUMNS),).
    """

    source: Source
    task: str
    kind: Kind
    ids: tuple[str, ...]
    counts: np.ndarray
    flags: Mapping[str, np.ndarray]
    polarities: Mapping[str, np.ndarray]

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    def sums(self, group: str | None = None) -> np.ndarray:
        """Returns the summed counts of all rows or of a sub-set, shape (len(COLUMNS),)."""
        if group is None:
            wanted: Any = slice(None)
        elif group == "original":
            wanted = self.flags["hard"] == 0
        else:
            wanted = self.flags[group] == 1
        sums: np.ndarray = self.counts[wanted].sum(axis=0)
        return sums


def f1_columns(counts: np.ndarray, strict: bool = False) -> np.ndarray:
    """Picks the counts that F1 needs.

    Args:
        counts: Shape (rows, len(COLUMNS)).
        strict: Whether by the strict rule; by the reference rule if not.

    Returns:
        Right answers, answers, gold units found and gold units, shape (rows, 4).
    """
    strict_names = ("matches", "answers", "matches", "gold")
    names = strict_names if strict else ("predicted_hits", "predicted", "gold_hits", "gold")
    return counts[:, [_INDEX[name] for name in names]]


def f1_of_sums(sums: np.ndarray) -> np.ndarray:
    """Returns F1 in percent for many sums of counts at once.

    Args:
        sums: Sums of the columns of ``f1_columns``, shape (draws, 4).

    Returns:
        Shape (draws,).
    """
    right, answers, found, gold = sums.astype(np.float64).T
    precision = np.divide(right, answers, out=np.ones_like(gold), where=answers > 0)
    recall = np.divide(found, gold, out=np.ones_like(gold), where=gold > 0)
    both = precision + recall
    harmonic: np.ndarray = np.zeros_like(both)
    np.divide(2 * precision * recall, both, out=harmonic, where=both > 0)
    harmonic *= 100
    return harmonic


def score_file(path: Path, kind: Kind | None = None, misses: TextIO | None = None) -> Scored:
    """Reads and scores a prediction file.

    Args:
        path: JSON lines of prediction rows.
        kind: What the task asks for; ``None`` tells it by the rows.
        misses: Takes a JSON line for each row that is not perfect, with the reason.

    Raises:
        ValueError: A line is no prediction row, the file has none, or rows of several tasks,
            or two with one id.
    """
    ids: list[str] = []
    seen: set[str] = set()
    counts = array.array("d")
    flags = array.array("b")
    polarities = Polarities()
    row: Row = {}
    for row, kind in read_predictions(path, kind):  # noqa: B020 - told by the first row
        name = row.get("id")
        if name not in (None, ""):
            if str(name) in seen:
                raise ValueError(f"{path}: id {shown(name)} is there twice; one file, one answer")
            seen.add(str(name))
        ids.append(str(row.get("id", len(ids))))
        keys = row["keys"]
        counts.extend(count(keys, kind, polarities))
        if misses is not None and not keys.perfect:
            miss = {"file": str(path)} | _miss(row, kind)
            misses.write(json.dumps(miss, ensure_ascii=False) + "\n")
        flags.extend(row["flags"])
    if kind is None or not ids:
        raise ValueError(f"{path} has no prediction rows")
    return Scored(
        source_of(path),
        str(row["task"]),
        kind,
        tuple(ids),
        np.frombuffer(counts, np.float64).reshape(-1, len(COLUMNS)),
        dict(zip(SUBSETS, np.frombuffer(flags, np.int8).reshape(-1, len(SUBSETS)).T, strict=True)),
        polarities.columns(),
    )


def _miss(row: Row, kind: Kind) -> dict[str, Any]:
    """The per-example form: the reason is written here, whoever wrote the row."""
    matches = match(row["parsed"], row["gold"], kind)
    unparsed = row.get("unparsed") or []
    reason = explain(row["parsed"], unparsed, row["gold"], matches, kind)
    names = ["id", "task", "text", "raw", "parsed", "gold"]
    names += ["label_scores"] if "label_scores" in row else []
    return {name: row.get(name) for name in names} | {"matches": matches, "reason": reason}


def score_paths(
    paths: Iterable[Path], kind: Kind | None = None, misses: TextIO | None = None
) -> dict[str, list[Scored]]:
    """Scores files, run directories and other folders of files; see ``find_sources``.

    Returns:
        The scored files by task; several files of the same sentences are its seeds, ordered by seed
        where all tell theirs. Where files of a task hold different sentences, as those of several
        splits do, their names tell them apart.

    Raises:
        FileNotFoundError: There is no prediction file.
        ValueError: A line is no prediction row, or files of the same sentences are no seeds.
    """
    found: defaultdict[str, list[Scored]] = defaultdict(list)
    for source in find_sources(paths):
        scored = score_file(source.path, kind, misses)
        found[scored.task].append(scored)
    return {name: seeds for task in found for name, seeds in _same_sentences(found[task])}


def _same_sentences(files: Sequence[Scored]) -> list[tuple[str, list[Scored]]]:
    """Puts files of the same sentences together, under the task's name if all are of the same."""
    groups: list[list[Scored]] = []
    for scored in files:
        for group in groups:
            if _may_be_seeds(scored, group[0]):
                group.append(scored)
                break
        else:
            groups.append([scored])
    for group in groups:
        check_seeds(scored.source for scored in group)
        if all(scored.source.seed is not None for scored in group):
            group.sort(key=lambda scored: scored.source.seed or 0)
    if len(groups) == 1:
        return [(files[0].task, groups[0])]
    # Runs name their evaluations; the names of other files are whatever somebody gave them.
    named = [next((s for s in group if s.source.run), group[0]) for group in groups]
    names = [scored.source.evaluation for scored in named]
    if len(set(names)) < len(names):
        names = [str(group[0].path) for group in groups]
    task = files[0].task
    labels = [name if name.startswith(task) else f"{task} {name}" for name in names]
    return list(zip(labels, groups, strict=True))


def _may_be_seeds(first: Scored, second: Scored) -> bool:
    """Whether two files hold the same sentences; two splits of runs stay two even then."""
    mine, other = first.source, second.source
    if mine.run and other.run and mine.evaluation != other.evaluation:
        return False
    return first.ids == second.ids or sorted(first.ids) == sorted(second.ids)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Returns the mean and the sample standard deviation, which one value does not have."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def mean_as_text(mean: float, deviation: float | None) -> str:
    """Returns a mean as tables show it, with its deviation where there is one."""
    return f"{mean:.2f}" + ("" if deviation is None else f" ±{deviation:.2f}")


def summarize(
    seeds: Sequence[Scored], groups: Sequence[str] = (), draws: int = 1000
) -> Iterator[dict[str, Any]]:
    """Yields the scores of a task as table rows: all of it, then each sub-set.

    Args:
        seeds: The task's files.
        groups: Names out of ``GROUPS``.
        draws: Draws of the bootstrap interval of F1; 0 for none. Sentences of all seeds are drawn.

    Yields:
        ``group`` (all, implicit, …, or a polarity), ``seeds``, and for each score its mean over the
        seeds and ``<score>_std``; for the first row ``f1_interval`` and ``strict_f1_interval`` as
        well. A sub-set that is empty has no scores, only ``rows`` and ``gold_units``, both 0.
    """
    first = _summary("all", [metrics(seed.sums()) for seed in seeds])
    if draws:
        pooled = np.concatenate([seed.counts for seed in seeds])
        for prefix, strict in (("", False), ("strict_", True)):
            first[f"{prefix}f1_interval"] = bootstrap_interval(
                f1_columns(pooled, strict), f1_of_sums, draws
            )
    yield first
    for group in groups:
        if group == "polarity":
            for name in sorted({name for seed in seeds for name in seed.polarities}):
                empty = np.zeros(len(COLUMNS))
                yield _summary(name, [metrics(s.polarities.get(name, empty)) for s in seeds], True)
        else:
            sums = [seed.sums(group) for seed in seeds]
            if any(part[_INDEX["rows"]] for part in sums):
                yield _summary(group, list(map(metrics, sums)))
            else:
                yield {"group": group, "seeds": len(seeds), "rows": 0, "gold_units": 0}


def _summary(
    group: str, found: Sequence[Mapping[str, float]], by_unit: bool = False
) -> dict[str, Any]:
    row: dict[str, Any] = {"group": group, "seeds": len(found)}
    for name in found[0]:
        # Parts of a unit have no counts of their own by polarity.
        if by_unit and name.startswith(("soft", "extraction", "polarity", "parse", "rows")):
            continue
        row[name], row[f"{name}_std"] = mean_and_deviation([values[name] for values in found])
    return row


def compare(
    first: Sequence[Scored], second: Sequence[Scored], strict: bool = False, draws: int = 10_000
) -> tuple[float, float]:
    """Tests whether two systems differ on one task.

    Args:
        first: Files of the first system, one for each seed.
        second: As many of the second; files are paired in order, sentences by id.
        strict: Whether by strict F1; by reference F1 if not.
        draws: Random exchanges.

    Returns:
        The difference in F1 and the two-sided p-value.

    Raises:
        ValueError: The systems do not have the same seeds or sentences.
    """
    if len(first) != len(second):
        raise ValueError(
            f"{_named(first)} cannot be paired with {_named(second)}: name a folder, or repeat "
            "--against for each file"
        )
    pairs = [(a.counts, _aligned(a, b)) for a, b in zip(first, second, strict=True)]
    mine, other = (
        f1_columns(np.concatenate([pair[side] for pair in pairs]), strict) for side in (0, 1)
    )
    return paired_test(mine, other, f1_of_sums, draws)


def _named(seeds: Sequence[Scored]) -> str:
    return f"{len(seeds)} of {seeds[0].task} ({', '.join(seed.path.name for seed in seeds)})"


def pooled_f1(seeds: Sequence[Scored], strict: bool = False) -> float:
    """Returns the F1 over the sentences of all seeds together, which ``compare`` compares."""
    sums = sum(seed.sums() for seed in seeds)
    return float(f1_of_sums(f1_columns(np.asarray(sums)[None], strict))[0])


def _aligned(first: Scored, second: Scored) -> np.ndarray:
    if first.ids == second.ids:
        return second.counts
    places = {name: index for index, name in enumerate(second.ids)}
    if len(places) != len(second.ids) or len(set(first.ids)) != len(first.ids):
        raise ValueError(f"{first.path} and {second.path}: ids repeat in another order")
    missing = sorted(set(first.ids) ^ set(second.ids))
    if missing:
        raise ValueError(f"{first.path} and {second.path}: sentence {missing[0]!r} is in one only")
    return second.counts[[places[name] for name in first.ids]]

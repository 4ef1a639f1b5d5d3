"""Sums up a human evaluation by teacher: scores, win rates, agreement."""

import collections
import itertools
import statistics
from pathlib import Path
from typing import Any

from generation.evaluation.agreement import krippendorff_alpha
from generation.evaluation.annotations import NAMES, Judgement, Judgements, load, read
from generation.evaluation.human import load_key

MOST = 2


def find_key(annotations: Path) -> Path:
    """Returns the only key beside the annotations.

    Raises:
        ValueError: There is none, or more than one.
    """
    found = sorted(annotations.parent.glob("*.key.json"))
    if len(found) != 1:
        raise ValueError(
            f"{len(found)} files end with .key.json beside {annotations}; name the right one by "
            "--key"
        )
    return found[0]


def summarise(judgements: Judgements) -> dict[str, Any]:
    """Returns means, win rates and agreement, JSON-able.

    As in the paper, an analysis's score is the mean over its annotators, and a teacher's the mean
    over its analyses. A win rate is the share of other teachers' analyses of the same review that a
    teacher's has beaten in the mean of the six scores; a tie is half a win.
    """
    analyses = _analyses(judgements.rows)
    domains = sorted({domain for _, domain, _ in analyses})
    annotators = {row.annotator for row in judgements.rows}
    return {
        "analyses": len(analyses),
        "annotators": len(annotators),
        "capped_sentiment_scores": judgements.capped,
        "cancelled_annotations": judgements.skipped,
        "repeated_annotations": judgements.repeated,
        "replaced_annotations": judgements.replaced,
        "means": {
            domain: _means({k: v for k, v in analyses.items() if k[1] == domain})
            for domain in domains
        },
        "win_rates": _win_rates(analyses),
        "krippendorff_alpha": _agreement(judgements.rows),
    }


def _analyses(rows: list[Judgement]) -> dict[tuple[str, str, str], dict[str, float]]:
    """Returns the mean scores of each (task, domain, teacher)."""
    groups: dict[tuple[str, str, str], list[Judgement]] = collections.defaultdict(list)
    for row in rows:
        groups[row.task, row.domain, row.teacher].append(row)
    return {
        place: {name: statistics.fmean(row.scores[name] for row in group) for name in NAMES}
        for place, group in groups.items()
    }


def _means(analyses: dict[tuple[str, str, str], dict[str, float]]) -> dict[str, dict[str, float]]:
    found = {}
    for teacher in sorted({teacher for _, _, teacher in analyses}):
        mine = [scores for (_, _, who), scores in analyses.items() if who == teacher]
        means = {name: statistics.fmean(scores[name] for scores in mine) for name in NAMES}
        found[teacher] = means | {"average": statistics.fmean(means.values())}
    return found


def _win_rates(analyses: dict[tuple[str, str, str], dict[str, float]]) -> dict[str, float]:
    by_task: dict[str, list[tuple[str, float]]] = collections.defaultdict(list)
    for (task, _, teacher), scores in analyses.items():
        by_task[task].append((teacher, statistics.fmean(scores.values())))
    points: dict[str, list[float]] = collections.defaultdict(list)
    for entries in by_task.values():
        for (one, score), (other, rival) in itertools.combinations(entries, 2):
            won = 0.5 if score == rival else float(score > rival)
            points[one].append(won)
            points[other].append(1 - won)
    return {teacher: statistics.fmean(points[teacher]) for teacher in sorted(points)}


def _agreement(rows: list[Judgement]) -> dict[str, float | None]:
    units: dict[tuple[str, str], list[Judgement]] = collections.defaultdict(list)
    for row in rows:
        units[row.task, row.teacher].append(row)
    found: dict[str, float | None] = {}
    for name in NAMES:
        ratings = [[row.scores[name] for row in group] for group in units.values()]
        alpha = krippendorff_alpha(ratings, MOST + 1)
        found[name] = None if alpha != alpha else alpha  # JSON knows no NaN
    return found


def report(annotations: Path, key: Path | None) -> dict[str, Any]:
    """Reads annotations and their key, and sums them up."""
    load(annotations)  # what is no export has no key beside it
    return summarise(read(annotations, load_key(key or find_key(annotations))))

"""Reads the annotations of a human evaluation and sums them up by teacher."""

import collections
import dataclasses
import itertools
import json
import statistics
from pathlib import Path
from typing import Any

from generation import files
from generation.evaluation.agreement import krippendorff_alpha
from generation.evaluation.human import CRITERIA, load_key

NAMES = tuple(criterion.name for criterion in CRITERIA)
MOST = 2


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What one annotator gave one analysis."""

    task: str
    domain: str
    teacher: str
    annotator: str
    scores: dict[str, int]


@dataclasses.dataclass
class Judgements:
    """All judgements, and what was done to them.

    Attributes:
        rows: the judgements.
        capped: sentiment scores that were lowered to the score of precision, as the guide asks.
        skipped: annotations that their annotators cancelled.
    """

    rows: list[Judgement] = dataclasses.field(default_factory=list)
    capped: int = 0
    skipped: int = 0


def find_key(annotations: Path) -> Path:
    """Returns the only key beside the annotations.

    Raises:
        ValueError: there is none, or more than one.
    """
    found = sorted(annotations.parent.glob("*.key.json"))
    if len(found) != 1:
        raise ValueError(
            f"{len(found)} files end with .key.json beside {annotations}; name the right one by "
            "--key"
        )
    return found[0]


def read(annotations: Path, key: dict[str, dict[str, str]]) -> Judgements:
    """Reads Label Studio's JSON export.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such export, or a score is missing or no score; the message names the
            task.
    """
    try:
        tasks = json.loads(files.require_file(annotations).read_bytes())
    except ValueError as error:
        raise ValueError(f"{annotations} is not JSON: {error}") from None
    found = Judgements()
    if not isinstance(tasks, list):
        raise ValueError(f"{annotations} is not a list of tasks; export as JSON, not JSON-MIN")
    for number, task in enumerate(tasks, 1):
        try:
            _read_task(task, key, found)
        except ValueError as error:
            raise ValueError(f"{annotations}, task {number}: {error}") from None
    if not found.rows:
        raise ValueError(f"{annotations} holds no annotation; annotate, then export again")
    return found


def _read_task(task: Any, key: dict[str, dict[str, str]], found: Judgements) -> None:
    if not isinstance(task, dict) or "annotations" not in task:
        raise ValueError("it has no annotations; export as JSON, not JSON-MIN")
    data = task.get("data") or {}
    name = str(data.get("task"))
    if name not in key:
        raise ValueError(f"{name!r} is not in the key; name the key that was made with the tasks")
    for annotation in task["annotations"]:
        if annotation.get("was_cancelled"):
            found.skipped += 1
            continue
        given = _choices(annotation)
        for letter, teacher in key[name].items():
            scores = {n: _score(given, n, letter) for n in NAMES}
            if scores["sentiment"] > scores["precision"]:
                scores["sentiment"] = scores["precision"]
                found.capped += 1
            found.rows.append(
                Judgement(name, str(data.get("domain")), teacher, _annotator(annotation), scores)
            )


def _choices(annotation: dict[str, Any]) -> dict[str, str]:
    given = {}
    for result in annotation.get("result") or []:
        choices = (result.get("value") or {}).get("choices")
        if result.get("type") == "choices" and choices:
            given[result.get("from_name", "")] = str(choices[0])
    return given


def _score(given: dict[str, str], criterion: str, letter: str) -> int:
    text = given.get(f"{criterion}_{letter}")
    if text is None:
        raise ValueError(f"analysis {letter.upper()} has no score for {criterion}; add it")
    if text not in ("0", "1", "2"):
        raise ValueError(f"{criterion}_{letter} is {text!r}; a score is 0, 1 or 2")
    return int(text)


def _annotator(annotation: dict[str, Any]) -> str:
    who = annotation.get("completed_by")
    # A number, or a whole user, as the exporting server likes.
    return str(who.get("id") if isinstance(who, dict) else who)


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
    files.require_file(annotations)
    return summarise(read(annotations, load_key(key or find_key(annotations))))

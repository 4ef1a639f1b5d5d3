"""Sums up a human evaluation: table 3, figure 3, win rates, agreement, what to talk about.

As in the paper, an analysis's score is the mean over its two annotators, and a teacher's the mean
over its analyses. Agreement is Krippendorff's alpha for ordinal data.
"""

import collections
import itertools
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from fsa_jax.opinions.scoring.significance import bootstrap_interval
from fsa_jax.runtime import files
from generation.judge.criteria import NAMES
from generation.judge.scores import refuse
from generation.people import label_studio
from generation.people.agreement import agreement
from generation.people.judgements import POINTS, Judgement, Judgements, read

# Figure 3 shows this many ranges of length, with about as many reviews in each.
RANGES = 5
# Annotators who are this far apart mean different things.
FAR = 2
_Analyses = dict[tuple[str, str, str], dict[str, float]]


def report(annotations: Path, key: Path | None) -> dict[str, Any]:
    """Reads annotations and their key, and sums them up."""
    refuse(files.require_file(annotations))
    label_studio.load(annotations)  # what is no export has no key beside it
    found = label_studio.load_key(key or label_studio.find_key(annotations), "fsa humaneval export")
    return summarise(read(annotations, found["tasks"]))


def summarise(judgements: Judgements) -> dict[str, Any]:
    """Returns all figures, JSON-able."""
    rows = judgements.rows
    return {
        "annotators": len({row.annotator for row in rows}),
        "capped_sentiment_scores": judgements.capped,
        **judgements.export.counts(),
        "problems": judgements.export.problems,
        "absent": judgements.absent,
        **figures(rows),
        "krippendorff_alpha": _agreement(rows),
        "to_discuss": _far_apart(rows),
    }


def figures(rows: list[Judgement]) -> dict[str, Any]:
    """Returns what teachers got, by whoever judged, JSON-able.

    A win rate is the share of other teachers' analyses of the same review that a teacher's has
    beaten in the mean of the six scores; a tie is half a win.
    """
    analyses = _analyses(rows)
    domains = sorted({domain for _, domain, _ in analyses})
    return {
        "analyses": len(analyses),
        "means": {
            domain: _means({k: v for k, v in analyses.items() if k[1] == domain})
            for domain in domains
        },
        "by_length": _by_length(analyses, {row.task: row.words for row in rows}),
        "win_rates": _win_rates(analyses),
    }


def _analyses(rows: list[Judgement]) -> _Analyses:
    """Returns the mean scores of each (task, domain, teacher)."""
    groups: dict[tuple[str, str, str], list[Judgement]] = collections.defaultdict(list)
    for row in rows:
        groups[row.task, row.domain, row.teacher].append(row)
    return {
        place: {name: statistics.fmean(row.scores[name] for row in group) for name in NAMES}
        for place, group in groups.items()
    }


def _means(analyses: _Analyses) -> dict[str, dict[str, float]]:
    found = {}
    for teacher in sorted({teacher for _, _, teacher in analyses}):
        mine = [scores for (_, _, who), scores in analyses.items() if who == teacher]
        means = {name: statistics.fmean(scores[name] for scores in mine) for name in NAMES}
        found[teacher] = means | {"average": statistics.fmean(means.values())}
    return found


def _win_rates(analyses: _Analyses) -> dict[str, float]:
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


def _by_length(analyses: _Analyses, words: dict[str, int]) -> dict[str, list[dict[str, Any]]]:
    """Returns, by teacher, the mean score for each range of the reviews' lengths.

    Each has the 95% interval under drawing reviews.
    """
    lengths = sorted(words.values())
    edges = np.quantile(lengths, np.linspace(0, 1, RANGES + 1)[1:-1])
    found: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for teacher in sorted({teacher for _, _, teacher in analyses}):
        places: dict[int, list[tuple[int, float]]] = collections.defaultdict(list)
        for (task, _, who), scores in analyses.items():
            if who == teacher:
                place = int(np.searchsorted(edges, words[task]))
                places[place].append((words[task], statistics.fmean(scores.values())))
        for _, group in sorted(places.items()):
            counts = np.array([(score, 1.0) for _, score in group])
            low, high = bootstrap_interval(counts, lambda sums: sums[:, 0] / sums[:, 1])
            found[teacher].append(
                {
                    "shortest": min(group)[0],
                    "longest": max(group)[0],
                    "reviews": len(group),
                    "mean": statistics.fmean(score for _, score in group),
                    "low": low,
                    "high": high,
                }
            )
    return dict(found)


def _by_analysis(rows: list[Judgement]) -> dict[tuple[str, str], list[Judgement]]:
    groups: dict[tuple[str, str], list[Judgement]] = collections.defaultdict(list)
    for row in rows:
        groups[row.task, row.letter].append(row)
    return groups


def _agreement(rows: list[Judgement]) -> dict[str, dict[str, float | None]]:
    groups = _by_analysis(rows).values()
    return {
        name: agreement([[row.scores[name] for row in group] for group in groups], len(POINTS))
        for name in NAMES
    }


def _far_apart(rows: list[Judgement]) -> list[dict[str, Any]]:
    """Returns the scores to talk about, under letters: who talks need not know the teachers."""
    return [
        {
            "task": task,
            "analysis": letter.upper(),
            "score": name,
            "given": {row.annotator: row.scores[name] for row in group},
        }
        for (task, letter), group in _by_analysis(rows).items()
        for name in NAMES
        if np.ptp([row.scores[name] for row in group]) >= FAR
    ]


def draw(by_length: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Draws figure 3: each teacher's score by the length of the review, with intervals.

    Args:
        by_length: As ``summarise`` returns it.
        path: The picture, of a format that its name tells.

    Raises:
        ValueError: No picture has such a name.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.6), layout="tight")
    axes = figure.subplots()
    forms = figure.canvas.get_supported_filetypes()
    form = path.suffix.removeprefix(".").lower()
    if form not in forms:
        raise ValueError(f"--figure is {path}; name a .png, .svg or .pdf file")
    for teacher, ranges in by_length.items():
        means = np.array([each["mean"] for each in ranges])
        ends = np.array([[each["low"] for each in ranges], [each["high"] for each in ranges]])
        middles = [(each["shortest"] + each["longest"]) / 2 for each in ranges]
        axes.errorbar(
            middles, means, abs(ends - means), label=teacher, marker="o", markersize=4, capsize=3
        )
    axes.set(xlabel="words of the review", ylabel="mean of the six scores", ylim=(-0.05, 2.05))
    axes.grid(alpha=0.3)
    axes.legend()
    with files.atomic_file(path) as stream:
        figure.savefig(stream, format=form, dpi=140)

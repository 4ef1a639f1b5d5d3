"""Sums up an LLM judge: table 3 by its scores, and how far it agrees with people.

People's scores and an LLM's stay apart: each has means of its own, and they meet in agreement
alone, over the analyses that both have scored. Beside it stands how far people agree among
themselves, which is what can be asked of a judge.
"""

import collections
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files
from generation.judge import criteria, scores
from generation.judge.criteria import NAMES
from generation.judge.scores import Scored
from generation.people import judgements, label_studio
from generation.people.agreement import agreement, agreement_with
from generation.people.judgements import Judgement
from generation.people.judging_report import figures

_VALUES = criteria.HIGHEST - criteria.LOWEST + 1


def report(path: Path, key: Path, annotations: Path | None = None) -> dict[str, Any]:
    """Reads a judge's scores, the key of their tasks and, if there are any, people's scores.

    Args:
        path: The folder of ``fsa judge ask``, or the file of scores in it.
        key: Who stands behind each letter of each task.
        annotations: Label Studio's export of the same tasks, judged by people.

    Returns:
        All figures, JSON-able.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is none of these, or nothing in it counts.
    """
    found = scores.read_scores(path)
    tasks = label_studio.load_key(key, "fsa humaneval export")["tasks"]
    people = None
    if annotations is not None:
        scores.refuse(files.require_file(annotations))
        people = judgements.read(annotations, tasks)
    return summarise(found, tasks, people)


def summarise(
    found: Sequence[Scored],
    tasks: dict[str, dict[str, str]],
    people: judgements.Judgements | None = None,
) -> dict[str, Any]:
    """Returns all figures, JSON-able.

    Args:
        found: What the judge made of each analysis.
        tasks: Who stands behind each letter of each task.
        people: What people gave the same tasks.

    Raises:
        ValueError: No score counts.
    """
    problems = []
    rows = []
    for each in found:
        teacher = tasks.get(each.task, {}).get(each.analysis)
        name = f"{each.task}, analysis {each.analysis.upper()}"
        if teacher is None:
            problems.append(f"{name}: it is not in the key; name the key of the same tasks")
        elif each.scores is None:
            problems.append(f"{name}: {each.reason}")
        else:
            about = (each.task, each.analysis, teacher, each.domain, each.words)
            rows.append(Judgement(*about, each.judge, each.scores))
    if not rows:
        raise ValueError(f"no score of the judge counts; {problems[0]}")
    return {
        "judge": found[0].judge,
        "model": found[0].model,
        "left_out": len(problems),
        "problems": problems + (people.export.problems if people else []),
        **figures(rows),
        **({"with_people": _with_people(rows, people.rows)} if people else {}),
    }


def _with_people(rows: Sequence[Judgement], people: Sequence[Judgement]) -> dict[str, Any]:
    """Returns means and agreement of both, over the analyses that both have scored.

    Raises:
        ValueError: They share none.
    """
    by_analysis: dict[tuple[str, str], list[Judgement]] = collections.defaultdict(list)
    for row in people:
        by_analysis[row.task, row.letter].append(row)
    shared = [row for row in rows if (row.task, row.letter) in by_analysis]
    if not shared:
        raise ValueError(
            "the judge and people have scored no analysis together; name the export of the same "
            "tasks"
        )
    theirs = [by_analysis[row.task, row.letter] for row in shared]
    found = {}
    for name in NAMES:
        mine = [row.scores[name] for row in shared]
        given = [[row.scores[name] for row in group] for group in theirs]
        found[name] = {
            "mean_of_people": statistics.fmean(statistics.fmean(points) for points in given),
            "mean_of_judge": statistics.fmean(mine),
            "among_people": agreement(given, _VALUES),
            **agreement_with(mine, given, _VALUES),
        }
    return {"analyses": len(shared), "scores": found}

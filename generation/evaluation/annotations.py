"""Reads Label Studio's export of a human evaluation: who gave which analysis which scores.

Exports repeat themselves: tasks are imported twice, exports are put together, an annotator opens a
task again. One rating counts for each annotator and analysis, the newest; the rest is counted, and
told. Ratings can only be parted by who gave them, so an export that does not say so, or that mixes
servers whose numbers mean different people, is refused.
"""

import collections
import dataclasses
import datetime
import json
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files
from generation.evaluation.human import CRITERIA

NAMES = tuple(criterion.name for criterion in CRITERIA)


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
        rows: The judgements, one for each annotator and analysis.
        capped: Sentiment scores that were lowered to the score of precision, as the guide asks.
        skipped: Annotations that their annotators cancelled.
        repeated: Annotations that stand in the export more than once, beyond the first.
        replaced: Annotations that a newer one of the same annotator and task takes the place of.
    """

    rows: list[Judgement] = dataclasses.field(default_factory=list)
    capped: int = 0
    skipped: int = 0
    repeated: int = 0
    replaced: int = 0


@dataclasses.dataclass(frozen=True)
class _Annotation:
    """One annotation as exported; ``place`` and ``number`` are those of its task."""

    number: int
    place: int
    task: str
    domain: str
    annotator: str
    cancelled: bool
    id: str | None
    written: datetime.datetime | None
    choices: dict[str, str]

    @property
    def age(self) -> tuple[datetime.datetime, int]:
        """Newest last: by the server's clock where it is told, else by place in the export."""
        return self.written or datetime.datetime.min.replace(tzinfo=datetime.UTC), self.place


def load(annotations: Path) -> list[dict[str, Any]]:
    """Loads the tasks of Label Studio's JSON export, each with its annotations.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such export.
    """
    try:
        tasks = json.loads(files.require_file(annotations).read_bytes())
    except ValueError as error:
        raise ValueError(f"{annotations} is not JSON: {error}") from None
    if not isinstance(tasks, list):
        raise ValueError(f"{annotations} is not a list of tasks; export as JSON, not JSON-MIN")
    for number, task in enumerate(tasks, 1):
        if not isinstance(task, dict) or not isinstance(task.get("annotations"), list):
            raise ValueError(
                f"{annotations}, task {number}: it has no annotations; export as JSON, not JSON-MIN"
            )
    return tasks


def read(annotations: Path, key: dict[str, dict[str, str]]) -> Judgements:
    """Reads Label Studio's JSON export.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such export, a score is missing or no score, or annotators cannot be
            told apart; the message names the task.
    """
    tasks = load(annotations)
    names = _names_of_emails(tasks)
    exported: list[_Annotation] = []
    for number, task in enumerate(tasks, 1):
        try:
            _read_task(task, number, key, names, exported)
        except ValueError as error:
            raise ValueError(f"{annotations}, task {number}: {error}") from None
    found = Judgements()
    for annotation in _one_for_each(annotations, exported, found):
        try:
            _judge(annotation, key[annotation.task], found)
        except ValueError as error:
            raise ValueError(f"{annotations}, task {annotation.number}: {error}") from None
    if not found.rows:
        raise ValueError(f"{annotations} holds no annotation; annotate, then export again")
    return found


def _names_of_emails(tasks: list[dict[str, Any]]) -> dict[str, str]:
    """Returns the numbers of annotators of whom some annotation tells number and address."""
    names = {}
    for task in tasks:
        for annotation in task["annotations"]:
            who = annotation.get("completed_by") if isinstance(annotation, dict) else None
            if isinstance(who, dict) and who.get("id") is not None and who.get("email"):
                names[str(who["email"]).lower()] = str(who["id"])
    return names


def _read_task(
    task: dict[str, Any],
    number: int,
    key: dict[str, dict[str, str]],
    names: dict[str, str],
    exported: list[_Annotation],
) -> None:
    data = task.get("data") or {}
    name = str(data.get("task"))
    if name not in key:
        raise ValueError(f"{name!r} is not in the key; name the key that was made with the tasks")
    for annotation in task["annotations"]:
        if not isinstance(annotation, dict):
            raise ValueError("an annotation is no object; export as JSON, not JSON-MIN")
        number_of = annotation.get("id")
        exported.append(
            _Annotation(
                number,
                len(exported),
                name,
                str(data.get("domain")),
                _annotator(annotation, names),
                bool(annotation.get("was_cancelled")),
                None if number_of is None else str(number_of),
                _written(annotation),
                _choices(annotation),
            )
        )


def _annotator(annotation: dict[str, Any], names: dict[str, str]) -> str:
    """Returns who annotated: a number, an address, or a whole user, as the server exports it."""
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        who = who.get("id") if who.get("id") is not None else who.get("email")
    if isinstance(who, bool) or not isinstance(who, int | str) or not str(who).strip():
        raise ValueError(
            f"annotation {annotation.get('id')} does not say who made it (completed_by); agreement "
            "cannot be told without"
        )
    who = str(who).strip().lower()
    return names.get(who, who)


def _written(annotation: dict[str, Any]) -> datetime.datetime | None:
    for field in ("updated_at", "created_at"):
        try:
            when = datetime.datetime.fromisoformat(annotation.get(field) or "")
        except (TypeError, ValueError):
            continue
        return when if when.tzinfo else when.replace(tzinfo=datetime.UTC)
    return None


def _choices(annotation: dict[str, Any]) -> dict[str, str]:
    given: dict[str, str] = {}
    for result in annotation.get("result") or []:
        choices = (result.get("value") or {}).get("choices")
        if result.get("type") == "choices" and choices:
            name, score = result.get("from_name", ""), " and ".join(map(str, choices))
            if given.get(name, score) != score:
                score = f"{given[name]} and {score}"
            given[name] = score
    return given


def _one_for_each(
    source: Path, exported: list[_Annotation], found: Judgements
) -> list[_Annotation]:
    """Returns the newest annotation of each annotator and task, and counts the others."""
    places: dict[str, _Annotation] = {}
    for annotation in exported:
        if annotation.id is None:
            continue
        first = places.setdefault(annotation.id, annotation)
        if (first.task, first.annotator) != (annotation.task, annotation.annotator):
            raise ValueError(
                f"{source}, tasks {first.number} and {annotation.number}: annotation "
                f"{annotation.id} stands in both, by annotators {first.annotator} and "
                f"{annotation.annotator}; these are exports of two servers, on which a number may "
                "mean another person: report each alone"
            )
    kept: dict[tuple[str, str], list[_Annotation]] = collections.defaultdict(list)
    ids: set[str] = set()
    for annotation in sorted(exported, key=lambda one: one.age, reverse=True):
        others = kept[annotation.task, annotation.annotator]
        twin = annotation.id is None and any(
            other.choices == annotation.choices and not other.cancelled for other in others
        )
        if annotation.id in ids or twin:
            found.repeated += 1
        elif annotation.cancelled:
            found.skipped += 1
        elif others:
            found.replaced += 1
        else:
            others.append(annotation)
        if annotation.id is not None:
            ids.add(annotation.id)
    newest = [annotation for others in kept.values() for annotation in others]
    return sorted(newest, key=lambda one: one.place)


def _judge(annotation: _Annotation, letters: dict[str, str], found: Judgements) -> None:
    for letter, teacher in letters.items():
        scores = {name: _score(annotation.choices, name, letter) for name in NAMES}
        if scores["sentiment"] > scores["precision"]:
            scores["sentiment"] = scores["precision"]
            found.capped += 1
        found.rows.append(
            Judgement(annotation.task, annotation.domain, teacher, annotation.annotator, scores)
        )


def _score(given: dict[str, str], criterion: str, letter: str) -> int:
    text = given.get(f"{criterion}_{letter}")
    if text is None:
        raise ValueError(f"analysis {letter.upper()} has no score for {criterion}; add it")
    if text not in ("0", "1", "2"):
        raise ValueError(f"{criterion}_{letter} is {text!r}; a score is 0, 1 or 2")
    return int(text)

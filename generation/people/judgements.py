"""What people gave teachers' analyses, read from Label Studio's export of a human evaluation.

A review counts when exactly two people, those it was assigned to, have marked a passage in it and
given all its analyses all six scores; what else is in the export is told, one line for a review.
"""

import dataclasses
from pathlib import Path

from fsa_jax.runtime.files import shown
from generation.judge import criteria
from generation.judge.criteria import NAMES
from generation.people import label_studio
from generation.people.judging import PASSAGE
from generation.people.label_studio import Annotation, Export, Item

POINTS = tuple(map(str, range(criteria.LOWEST, criteria.HIGHEST + 1)))


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What one annotator gave one analysis.

    Attributes:
        task: The review's task.
        letter: What the analysis is called there.
        teacher: Whose it is.
        domain: The review's domain.
        words: The review's length.
        annotator: Who judged.
        scores: Points by the names of the criteria.
    """

    task: str
    letter: str
    teacher: str
    domain: str
    words: int
    annotator: str
    scores: dict[str, int]


@dataclasses.dataclass
class Judgements:
    """All judgements that count.

    Attributes:
        rows: The judgements, one for each annotator and analysis.
        export: What they were read from, with what is wrong in it.
        capped: Sentiment scores that were lowered to the score of precision, as the guide asks.
        absent: Tasks of the key that the export lacks.
    """

    rows: list[Judgement]
    export: Export
    capped: int
    absent: list[str]


def read(annotations: Path, key: dict[str, dict[str, str]]) -> Judgements:
    """Reads Label Studio's JSON export.

    Args:
        annotations: The export.
        key: Who stands behind each letter of each task.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such export, or no review in it counts.
    """
    export = label_studio.read([annotations], ("domain", "review"), key)
    rows: list[Judgement] = []
    capped = 0
    for item in export.items.values():
        item.check_pair()
        found = [_judge(annotation, item, key[item.name]) for annotation in item.annotations]
        if not item.complaints:
            rows += [row for judged, _ in found for row in judged]
            capped += sum(number for _, number in found)
    if not rows:
        raise ValueError(f"{annotations}: no review counts; {export.problems[0]}")
    return Judgements(rows, export, capped, [name for name in key if name not in export.items])


def _judge(
    annotation: Annotation, item: Item, letters: dict[str, str]
) -> tuple[list[Judgement], int]:
    """Returns the judgements and how many were capped; what is wrong the item is told."""
    who, words = annotation.annotator, len(item.data["review"].split())
    if not any(result.get("from_name") == PASSAGE for result in annotation.results):
        item.complaints.append(f"{who} has marked no passage; mark what matters, then score")
    chosen = annotation.choices()
    wanted = {letter: {name: f"{name}_{letter}" for name in NAMES} for letter in letters}
    _check(
        chosen,
        [control for controls in wanted.values() for control in controls.values()],
        item,
        who,
    )
    if item.complaints:
        return [], 0
    rows = []
    capped = 0
    for letter, teacher in letters.items():
        scores = {name: int(chosen[control]) for name, control in wanted[letter].items()}
        capped += criteria.cap(scores)
        rows.append(Judgement(item.name, letter, teacher, item.data["domain"], words, who, scores))
    return rows, capped


def _check(chosen: dict[str, str], controls: list[str], item: Item, who: str) -> None:
    """Complains of scores that are missing or none."""
    missing = [control for control in controls if control not in chosen]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        item.complaints.append(f"{who} has not scored {missing[0]}{more}; add the scores")
    for control in controls:
        if chosen.get(control, "0") not in POINTS:
            item.complaints.append(
                f"{who} has scored {control} {shown(chosen[control])}; a score is 0, 1 or 2"
            )

"""Draws wrong predictions for people to sort into the three types of the paper's section 4.5.

A prediction is a system's whole answer to a sentence; it is wrong where it misses a gold unit, or
has a unit or a part that is none. About a hundred are drawn of each system and task, spread over
the strata (sentences with implicit, with multiple sentiments, both, neither) as they occur.
Annotators do not see whose an answer is: that is in the key, with the numbers that a report needs.
"""

import collections
import dataclasses
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from fsa_jax.opinions.scoring.predictions import SUBSETS, read_predictions
from fsa_jax.opinions.scoring.rows import Row
from fsa_jax.opinions.scoring.sources import find_sources
from fsa_jax.opinions.units import Kind
from fsa_jax.runtime import files
from generation.people import label_studio

TYPE = "type"
# What people choose from, with what it means; in the order of table 7.
TYPES = {
    "Type 1: both are reasonable": "label and prediction differ, but a reader can accept both",
    "Type 2: context is missing": "the sentence alone does not tell what the label says",
    "Type 3: wrong": "any other error",
}
_STRATA = SUBSETS[:2]


@dataclasses.dataclass(frozen=True)
class Wrong:
    """A wrong prediction, as people see it."""

    stratum: str
    id: str
    sentence: str
    label: str
    prediction: str


@dataclasses.dataclass
class Population:
    """What a system answered in a task.

    Attributes:
        system: Its name.
        task: The task, or the evaluation of a run.
        predictions: How many answers there are.
        wrong: How many are wrong, by stratum.
    """

    system: str
    task: str
    predictions: int = 0
    wrong: dict[str, int] = dataclasses.field(default_factory=dict)


def sample(
    systems: Mapping[str, Sequence[Path]],
    output: Path,
    count: int = 100,
    seed: int = 0,
    annotators: Sequence[str] = (),
) -> list[tuple[Population, int]]:
    """Writes tasks, labelling interface and key.

    Args:
        systems: Prediction files, run directories or folders of them, by the system's name; those
            of several seeds are put together.
        output: The tasks, ``….json``; the two other files lie beside it.
        count: About how many are drawn of each system and task.
        seed: Of the draw.
        annotators: Who annotate, two of them each; see ``label_studio.assign``.

    Returns:
        The populations, with how many were drawn.

    Raises:
        FileNotFoundError: There is no prediction file.
        ValueError: A file holds no prediction rows, or rows without their sentence; nothing is
            wrong anywhere; or annotators make no pairs.
    """
    draw = random.Random(seed)
    populations, drawn = [], []
    for system, paths in systems.items():
        for population, wrong in _read(system, paths):
            chosen = [
                (population, one)
                for stratum, size in population.wrong.items()
                for one in draw.sample(
                    [each for each in wrong if each.stratum == stratum],
                    max(1, round(size * min(1, count / len(wrong)))),
                )
            ]
            drawn += chosen
            populations.append((population, len(chosen)))
    if not drawn:
        raise ValueError("no prediction is wrong; there is nothing to sort")
    draw.shuffle(drawn)
    tasks: list[dict[str, Any]] = []
    key: dict[str, dict[str, str]] = {}
    assigned = label_studio.assign(len(drawn), annotators)
    for number, ((population, one), pair) in enumerate(zip(drawn, assigned, strict=True), 1):
        name = f"error-{number:04d}"
        seen = {"sentence": one.sentence, "label": one.label, "prediction": one.prediction}
        tasks.append({"data": {"task": name} | seen | pair})
        key[name] = {
            "system": population.system,
            "task": population.task,
            "stratum": one.stratum,
            "id": one.id,
        }
    project = label_studio.Paths(output)
    about = [dataclasses.asdict(population) for population, _ in populations]
    files.write_json(project.key, {"seed": seed, "populations": about, "tasks": key})
    files.write_text(project.config, interface(annotators))
    files.write_json(project.tasks, tasks)
    return populations


def _read(system: str, paths: Sequence[Path]) -> list[tuple[Population, list[Wrong]]]:
    """Returns a system's populations with their wrong predictions."""
    found: dict[str, tuple[Population, list[Wrong]]] = {}
    for source in find_sources(paths):
        for row, kind in read_predictions(source.path):
            task = source.evaluation if source.run else str(row["task"])
            population, wrong = found.setdefault(task, (Population(system, task), []))
            population.predictions += 1
            if not _is_wrong(row):
                continue
            if not row.get("text"):
                raise ValueError(
                    f"{source.path}: row {row.get('id')!r} lacks its sentence (text), without "
                    "which nobody can judge; write the predictions anew"
                )
            wrong.append(_wrong(row, kind))
    for population, wrong in found.values():
        population.wrong = dict(sorted(collections.Counter(w.stratum for w in wrong).items()))
    return list(found.values())


def _is_wrong(row: Row) -> bool:
    keys = row["keys"]
    return bool(keys.junk) or collections.Counter(keys.gold) != collections.Counter(keys.parsed)


def _wrong(row: Row, kind: Kind) -> Wrong:
    names = [name for name, flag in zip(SUBSETS, row["flags"], strict=True) if flag == 1]
    unparsed = list(map(str, row.get("unparsed") or ()))
    return Wrong(
        " and ".join(name for name in names if name in _STRATA) or "neither",
        str(row.get("id") or ""),
        row["text"],
        _lines([" | ".join(unit) for unit in row["keys"].gold]),
        _lines([" | ".join(unit) for unit in row["keys"].parsed] + unparsed),
    )


def _lines(units: Sequence[str]) -> str:
    return "\n".join(units) or "(no opinion)"


def interface(annotators: Sequence[str] = ()) -> str:
    """Returns Label Studio's labelling interface."""
    lines = ["<View>", *label_studio.assignment_header(annotators)]
    for name, title in (("sentence", "Sentence"), ("label", "Label"), ("prediction", "Prediction")):
        lines += [label_studio.header(title), f'  <Text name="{name}" value="${name}"/>']
    lines.append(
        f'  <Choices name="{TYPE}" toName="prediction" choice="single-radio" required="true" '
        'requiredMessage="Choose a type">'
    )
    lines += [
        f'    <Choice value="{choice}" hint={quoteattr(hint)} hotkey="{number}"/>'
        for number, (choice, hint) in enumerate(TYPES.items(), 1)
    ]
    lines += ["  </Choices>", *(label_studio.note(f"{c}: {hint}") for c, hint in TYPES.items())]
    return "\n".join([*lines, "</View>"]) + "\n"

"""Merges two annotators' marks into benchmark data: agreement, differences, what was decided.

Two annotators agree on a sentence where all their opinions are the same. On what they differ in,
a third export decides, of the tasks that are written here for them to talk about. A sentence on
which nobody decides is dropped, as is one that is to be left out, and one without opinions.

Agreement is told by layer, each counted over what both have in the layers before it: targets, the
categories of targets that both have, opinion words and polarities of categories that both have. The
figure is F1 of one annotator against the other, for polarities Krippendorff's alpha (nominal) too.
"""

import collections
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fsa_jax.opinions.categories import NAMES
from fsa_jax.opinions.readers import fsa_json
from fsa_jax.opinions.scoring.significance import bootstrap_interval
from fsa_jax.opinions.sentences import Sentence
from fsa_jax.runtime import files
from fsa_jax.runtime.files import shown
from generation.people import annotating, label_studio, marks
from generation.people.agreement import agreement
from generation.people.label_studio import Export, Item
from generation.people.marks import Marks

LAYERS = ("targets", "categories", "opinion words", "polarities")
_FIELDS = ("domain", "text")


@dataclasses.dataclass
class Difference:
    """A sentence that two annotators have not left alike.

    Attributes:
        name: The sentence's id.
        text: The sentence.
        reasons: What they differ in, or have not finished.
        is_open: Whether nobody has decided, so that it is dropped.
    """

    name: str
    text: str
    reasons: list[str]
    is_open: bool = True

    def __str__(self) -> str:
        outcome = "open, dropped" if self.is_open else "decided"
        return f"{self.name} ({outcome}): {'; '.join(self.reasons)}"


@dataclasses.dataclass
class Merged:
    """What came of an annotation.

    Attributes:
        domain: Of the reviews.
        reviews: How many count.
        sentences: Those with opinions that are agreed on or decided.
        left_out: Sentences that both annotators leave out.
        differences: Sentences in which annotators differ.
        agreement: Figures by layer.
        problems: A line for each review that does not count.
        tasks: Reviews with differences, as tasks to decide on.
        done: What was done to annotations.
    """

    domain: str
    reviews: int = 0
    sentences: list[Sentence] = dataclasses.field(default_factory=list)
    left_out: int = 0
    differences: list[Difference] = dataclasses.field(default_factory=list)
    agreement: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    problems: list[str] = dataclasses.field(default_factory=list)
    tasks: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    done: dict[str, Any] = dataclasses.field(default_factory=dict)


def merge(exports: Sequence[Path], reconciled: Sequence[Path] = ()) -> Merged:
    """Reads exports of one domain's annotation and merges them.

    Args:
        exports: Of what two annotators did, each review by itself.
        reconciled: Of what they decided together; the newest annotation of a review counts.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such export, no review in it counts, or it has reviews of two domains.
    """
    export = label_studio.read(exports, _FIELDS)
    merged = Merged(_domain(export), done=export.counts())
    pairs = {item.name: pair for item in export.items.values() if (pair := _read_pair(item))}
    decided, problems = _read_decisions(reconciled, export) if reconciled else ({}, [])
    merged.problems = export.problems + problems
    if not pairs:
        raise ValueError(f"no review counts; {merged.problems[0]}")
    agreed = _Agreement()
    for review, pair in pairs.items():
        merged.reviews += 1
        notes = []
        for number, (one, other) in enumerate(zip(*pair, strict=True)):
            name = f"{review}:{number}"
            agreed.count(one, other)
            reasons = _differ(one, other, export.items[review])
            if not reasons:
                merged.left_out += one.is_left_out
                _keep(name, one, merged)
                continue
            difference = Difference(name, one.text, reasons)
            _decide(difference, decided.get(review, {}).get(number), merged)
            merged.differences.append(difference)
            notes.append(f"line {number + 1}: {'; '.join(reasons)}")
        if notes:
            merged.tasks.append(_task(export.items[review], notes))
    merged.agreement = agreed.figures()
    return merged


def write(merged: Merged, output: Path, hard_only: bool = False) -> list[Sentence]:
    """Writes the sentences as FSA JSON.

    Args:
        merged: What came of an annotation.
        output: The file.
        hard_only: Whether to leave out sentences that are neither implicit nor multiple.

    Returns:
        What was written.
    """
    chosen = [s for s in merged.sentences if s.implicit or s.is_multiple or not hard_only]
    files.write_json(output, fsa_json.to_items(chosen))
    return chosen


def write_tasks(merged: Merged, paths: label_studio.Paths) -> None:
    """Writes the reviews with differences as a project to decide in."""
    files.write_json(paths.tasks, merged.tasks)
    files.write_text(paths.config, annotating.interface(merged.domain, notes=True))


def _domain(export: Export) -> str:
    for item in export.items.values():
        if item.data["domain"] not in NAMES:
            said = shown(item.data["domain"])
            item.complaints.append(f"its domain is {said}; it is one of {', '.join(NAMES)}")
    domains = sorted({item.data["domain"] for item in export.good})
    if len(domains) != 1:
        raise ValueError(
            f"reviews of {' and '.join(domains)}; merge the exports of each domain alone"
            if domains
            else f"no review counts; {export.problems[0]}"
        )
    return str(domains[0])


def _read_pair(item: Item) -> list[list[Marks]] | None:
    """Returns a review's sentences as both annotators left them; ``None`` if it does not count."""
    if item.complaints:
        return None
    item.check_pair()
    pair = [marks.read(annotation, item) for annotation in item.annotations]
    return None if item.complaints else pair


def _read_decisions(
    paths: Sequence[Path], export: Export
) -> tuple[dict[str, dict[int, Marks]], list[str]]:
    """Returns what was decided, by review and number of the sentence, and what is wrong there."""
    decisions = label_studio.read(paths, _FIELDS, export.items)
    found: dict[str, dict[int, Marks]] = {}
    for item in decisions.items.values():
        if item.data["text"] != export.items[item.name].data["text"]:
            item.complaints.append("its text is another than in the annotators' export")
        elif item.annotations:
            newest = max(item.annotations, key=lambda annotation: annotation.age)
            found[item.name] = dict(enumerate(marks.read(newest, item)))
    problems = [f"reconciled {problem}" for problem in decisions.problems]
    return {item.name: found[item.name] for item in decisions.good if item.name in found}, problems


def _decide(difference: Difference, decision: Marks | None, merged: Merged) -> None:
    """Takes a decision, if there is one; else the sentence is dropped."""
    if decision is None or decision.is_left_out:
        return
    if decision.complaints:
        difference.reasons += [f"reconciled by {complaint}" for complaint in decision.complaints]
        return
    difference.is_open = False
    _keep(difference.name, decision, merged)


def _keep(name: str, found: Marks, merged: Merged) -> None:
    if found.opinions and not found.is_left_out:
        merged.sentences.append(found.sentence(name))


def _task(item: Item, notes: list[str]) -> dict[str, Any]:
    """Returns a review to decide on, from either annotator's marks."""
    return {
        "data": {name: item.data[name] for name in ("task", *_FIELDS)}
        | {"notes": "\n".join(notes)},
        "predictions": [
            {"model_version": f"annotator {annotation.annotator}", "result": annotation.results}
            for annotation in item.annotations
        ],
    }


def _layers(one: Marks, other: Marks) -> dict[str, list[set[Any]]]:
    """Returns what each annotator has in each layer, of what both have in the layers before."""
    both = [one.opinions, other.opinions]
    targets = [{(o.place,) for o in each} for each in both]
    known = targets[0] & targets[1]
    categories = [{(o.place, o.category) for o in each if (o.place,) in known} for each in both]
    shared = categories[0] & categories[1]
    inside = [{o for o in each if (o.place, o.category) in shared} for each in both]
    words = [{(o.place, o.category, span) for o in each for span in o.words} for each in inside]
    polarities = [{(o.place, o.category, o.polarity) for o in each} for each in inside]
    return dict(zip(LAYERS, (targets, categories, words, polarities), strict=True))


def _differ(one: Marks, other: Marks, item: Item) -> list[str]:
    """Says what two annotators differ in, or have not finished; nothing where they agree."""
    if one.complaints or other.complaints:
        return one.complaints + other.complaints
    people = [annotation.annotator for annotation in item.annotations]
    if one.is_left_out != other.is_left_out:
        return [f"{people[other.is_left_out]} leaves it out"]
    if one.is_left_out or one.opinions == other.opinions:
        return []
    reasons = []
    for layer, (first, second) in _layers(one, other).items():
        alone = [
            f"{who} has {', '.join(sorted(_say(one, entry) for entry in mine - theirs))}"
            for who, mine, theirs in zip(people, (first, second), (second, first), strict=True)
            if mine - theirs
        ]
        if alone:
            reasons.append(f"{layer}: {' and '.join(alone)}")
    return reasons or ["opinion words go with other polarities"]


def _say(text: Marks, entry: tuple[Any, ...]) -> str:
    place, *rest = entry
    return " ".join(
        [text.say(place), *(text.say(part) if isinstance(part, tuple) else part for part in rest)]
    )


class _Agreement:
    """Counts, sentence by sentence, what annotators share in each layer."""

    def __init__(self) -> None:
        self._counts: dict[str, list[list[int]]] = {layer: [] for layer in LAYERS}
        self._polarities: list[list[int]] = []

    def count(self, one: Marks, other: Marks) -> None:
        """Counts a sentence, if both have finished it."""
        if one.complaints or other.complaints or one.is_left_out or other.is_left_out:
            return
        layers = _layers(one, other)
        for layer, (first, second) in layers.items():
            self._counts[layer].append([len(first & second), len(first), len(second)])
        rated: dict[Any, list[int]] = collections.defaultdict(list)
        for entries in layers["polarities"]:
            for place, category, polarity in entries:
                rated[place, category].append(annotating.POLARITIES.index(polarity))
        # Where one annotator gives two polarities, none of them answers the other's.
        self._polarities += [pair for pair in rated.values() if len(pair) == 2]

    def figures(self) -> dict[str, dict[str, Any]]:
        """Returns F1 with its 95% interval under drawing sentences, by layer; alpha of the last."""
        found: dict[str, dict[str, Any]] = {}
        for layer, rows in self._counts.items():
            counts = np.array(rows, float).reshape(-1, 3)
            is_told = counts[:, 1:].any()
            ends = bootstrap_interval(counts, _f1) if is_told else (None, None)
            sums = counts.sum(axis=0)
            score = float(_f1(sums[None])[0])
            found[layer] = {
                "both": int(sums[0]),
                "first": int(sums[1]),
                "second": int(sums[2]),
                "f1": None if np.isnan(score) else score,
                "low": ends[0],
                "high": ends[1],
            }
        values = len(annotating.POLARITIES)
        found[LAYERS[-1]]["alpha"] = agreement(self._polarities, values, ordered=False)["alpha"]
        return found


def _f1(sums: np.ndarray) -> np.ndarray:
    """F1 of shape (draws,) of what both, the first and the second have, shape (draws, 3)."""
    given = sums[:, 1] + sums[:, 2]
    scores: np.ndarray = np.divide(
        2 * sums[:, 0], given, out=np.full_like(given, np.nan), where=given > 0
    )
    return scores

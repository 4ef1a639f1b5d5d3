"""Reads the FSA benchmark's JSON files as far as prompts and predictions need them."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from generation import files

POLARITIES = ("positive", "negative", "neutral", "conflict")
# Data set: (folder, domain, field that a unit names besides the polarity).
DATASETS = {
    "rest14": ("atsa", "restaurant", "target"),
    "laptop14": ("atsa", "laptop", "target"),
    "rest16": ("acsa", "restaurant", "category"),
    "laptop16": ("acsa", "laptop", "category"),
}


@dataclasses.dataclass(frozen=True)
class Sentence:
    """A sentence and its gold units.

    Attributes:
        id, text: as in the file.
        units: a dict with ``target`` or ``category``, and ``polarity``, for each; no duplicates.
        implicit: whether an opinion lacks opinion words, or None where they are not annotated.
        hard: whether it comes from ``hard_test.json``.
    """

    id: str
    text: str
    units: tuple[dict[str, str], ...]
    implicit: bool | None
    hard: bool

    @property
    def multiple(self) -> bool:
        """Whether its units differ in polarity."""
        return len({unit["polarity"] for unit in self.units}) > 1


def read(root: Path, dataset: str, split: str) -> list[Sentence]:
    """Reads one split; ``test`` is test and hard_test together, as the paper reports it.

    Args:
        root: the data root, which holds ``fsa/``.
        dataset: one of ``DATASETS``.
        split: ``train``, ``dev``, ``test``, ``test_original`` or ``test_hard``.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is not in the benchmark's format.
    """
    names = {
        "train": ["train"],
        "dev": ["dev"],
        "test": ["test", "hard_test"],
        "test_original": ["test"],
        "test_hard": ["hard_test"],
    }
    if split not in names:
        raise ValueError(f"--split is {split!r}; use {', '.join(names)}")
    folder, _, field = DATASETS[dataset]
    found: list[Sentence] = []
    for name in names[split]:
        path = files.require_file(root / "fsa" / folder / dataset / f"{name}.json")
        try:
            items = json.loads(path.read_text("utf-8-sig"))
            found += [_sentence(item, field, name == "hard_test") for item in items]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not in the FSA benchmark's format: {error!r}") from None
    return found


def _sentence(item: dict[str, Any], field: str, hard: bool) -> Sentence:
    units: list[dict[str, str]] = []
    places = set()
    aspects = list(item["aspects"])
    if field == "target":  # in the order of the text, as tasks number them
        aspects.sort(key=lambda a: (int(a["from"]), int(a["to"])) if a[field] else (-1, -1))
    for aspect in aspects:
        value = aspect[field]
        if value in (None, "NULL"):
            continue
        # Targets are units of their place; categories are units of the sentence.
        place = (
            value,
            aspect["polarity"],
            *((aspect["from"], aspect["to"]) if field == "target" else ()),
        )
        if place not in places:
            places.add(place)
            units.append(
                {
                    field: category_words(value) if field == "category" else value,
                    "polarity": aspect["polarity"],
                }
            )
    words = [aspect.get("opinion_words", "") for aspect in item["aspects"]]
    annotated = all("opinion_words" in aspect for aspect in item["aspects"])
    implicit = any(not word for word in words) if annotated else None
    return Sentence(str(item["ID"]), item["sentence"], tuple(units), implicit, hard)


def category_words(category: str) -> str:
    """Returns a category as tasks name it: ``FOOD#QUALITY`` is ``food quality``."""
    return category.lower().replace("#", " ")

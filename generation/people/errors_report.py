"""Sums up sorted errors: table 7, the share of all predictions that each type of error has.

The rate of wrong predictions is known; how it divides into types is estimated from the sample, in
which each prediction stands for those of its stratum that were not drawn. Where two people sort a
prediction differently, each type gets half of it. The paper does not say of what its proportions
are shares; here they are of all of a system's predictions, right ones included.
"""

import collections
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fsa_jax.opinions.scoring.significance import bootstrap_interval
from fsa_jax.runtime.files import shown
from generation.people import label_studio
from generation.people.agreement import agreement
from generation.people.errors import TYPE, TYPES
from generation.people.label_studio import Item

COMMAND = "fsa errors sample"
_FIELDS = ("sentence", "label", "prediction")
_NAMES = list(TYPES)


def report(annotations: Path, key: Path | None) -> dict[str, Any]:
    """Reads annotations and their key, and sums them up, JSON-able.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such export or key, or no task in it counts.
    """
    label_studio.load(annotations)  # what is no export has no key beside it
    path = key or label_studio.find_key(annotations)
    found = label_studio.load_key(path, COMMAND)
    if "populations" not in found:
        raise ValueError(f"{path} is the key of another project; name that of `{COMMAND}`")
    export = label_studio.read([annotations], _FIELDS, found["tasks"])
    types = {item.name: _types(item) for item in export.items.values()}
    good = {item.name: types[item.name] for item in export.good}
    if not good:
        raise ValueError(f"{annotations}: no task counts; {export.problems[0]}")
    places: dict[tuple[str, str], dict[str, list[list[int]]]] = collections.defaultdict(
        lambda: collections.defaultdict(list)
    )
    for name, chosen in good.items():
        about = found["tasks"][name]
        places[about["system"], about["task"]][about["stratum"]].append(chosen)
    return {
        "rows": [
            _row(population, places[population["system"], population["task"]])
            for population in found["populations"]
        ],
        "krippendorff_alpha": agreement(list(good.values()), len(_NAMES), ordered=False),
        "problems": export.problems,
        "absent": [name for name in found["tasks"] if name not in export.items],
        **export.counts(),
    }


def _types(item: Item) -> list[int]:
    """Returns the type that each annotator chose; what is wrong is a complaint of the item."""
    if item.asked:
        item.check_pair()
    elif not item.annotations:
        item.complaints.append("nobody has annotated it; let somebody do so")
    chosen = []
    for annotation in item.annotations:
        choice = annotation.choices().get(TYPE)
        if choice in TYPES:
            chosen.append(_NAMES.index(choice))
        elif choice is None:
            item.complaints.append(f"{annotation.annotator} has chosen no type; choose one")
        else:
            item.complaints.append(
                f"{annotation.annotator} has chosen {shown(choice)}; choose one of the three types"
            )
    return chosen


def _row(population: Mapping[str, Any], judged: Mapping[str, list[list[int]]]) -> dict[str, Any]:
    """Returns a system's shares in a task, each with its 95% interval under drawing predictions."""
    wrong = sum(population["wrong"].values())
    rate = wrong / population["predictions"]
    counts = []
    for stratum, sorted_ones in judged.items():
        weight = population["wrong"][stratum] / len(sorted_ones)
        for chosen in sorted_ones:
            shares = np.bincount(chosen, minlength=len(_NAMES)) / len(chosen)
            counts.append([*(weight * shares), weight])
    types: dict[str, dict[str, float | None]] = {}
    for index, name in enumerate(_NAMES):
        if not counts:
            types[name] = dict.fromkeys(("share", "low", "high"), None if wrong else 0.0)
            continue
        table = np.array(counts)[:, [index, -1]]
        low, high = bootstrap_interval(table, lambda sums: rate * sums[:, 0] / sums[:, 1])
        sums = table.sum(axis=0)
        types[name] = {"share": float(rate * sums[0] / sums[1]), "low": low, "high": high}
    return {
        "system": population["system"],
        "task": population["task"],
        "predictions": population["predictions"],
        "wrong": wrong,
        "judged": len(counts),
        "types": types,
    }

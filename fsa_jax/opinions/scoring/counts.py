"""Counting and pairing: the one way from a row's units to its counts, and from counts to scores.

A *key* is a unit as a tuple of its fields, the polarity last. All scores (by the reference rule,
strict, of extraction, soft) are made of the same ten counts of each row, added up over the rows
that are asked about.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from fsa_jax.opinions.scoring.soft import soft_matches
from fsa_jax.opinions.units import Kind

Key = tuple[str, ...]
# By the reference rule: predicted units, those of them in the gold list, gold units, those of them
# predicted. By the strict rule: parsed units and parts that are none, and gold units matched, each
# once. Rows, and rows with a part that is no unit. Matched units of whatever polarity, and the
# similarity of matched ones.
COLUMNS = (
    "predicted",
    "predicted_hits",
    "gold",
    "gold_hits",
    "answers",
    "matches",
    "rows",
    "failures",
    "extracted",
    "soft",
)
# By polarity there are counts of whole units: the first six columns. A seventh place counts the
# units of perfect rows, which belong to all six.
_BY_UNIT = 6
# Up to here, looking through a list is faster than making a set or a dictionary of it.
_SHORT = 16


class Keys(NamedTuple):
    """What is counted of a row.

    Args:
        gold: Gold units.
        parsed: Predicted units.
        predicted: Predicted units by the reference rule.
        junk: Number of parts that are no unit; of a classification, of gold units without answer.
    """

    gold: list[Key]
    parsed: list[Key]
    predicted: list[Key]
    junk: int

    @property
    def perfect(self) -> bool:
        """Whether all is right, in the order of the gold units."""
        return self.gold == self.parsed == self.predicted and not self.junk


class Polarities:
    """Counts of whole units by polarity, added to row by row."""

    def __init__(self) -> None:
        self.sums: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (_BY_UNIT + 1))

    def columns(self) -> dict[str, np.ndarray]:
        """Returns the sums of each polarity, shape (len(COLUMNS),), 0 in columns of whole rows."""
        found = {}
        for name, sums in sorted(self.sums.items()):
            row = np.zeros(len(COLUMNS))
            row[:_BY_UNIT] = np.asarray(sums[:_BY_UNIT]) + sums[_BY_UNIT]
            found[name] = row
        return found


def pair(parsed: Sequence[Any], gold: Sequence[Any]) -> list[tuple[int, int]]:
    """Pairs what is equal, each at most once, the first with the first.

    Args:
        parsed: Keys, or parts of them.
        gold: The same of the gold units.

    Returns:
        (index in ``parsed``, index in ``gold``) of each pair, in the order of ``parsed``.
    """
    if len(gold) > _SHORT:
        return _pair_many(parsed, gold)
    pairs = []
    waiting: list[Any] = list(gold)
    for i, key in enumerate(parsed):
        if key in waiting:
            j = waiting.index(key)
            waiting[j] = None
            pairs.append((i, j))
    return pairs


def _pair_many(parsed: Sequence[Any], gold: Sequence[Any]) -> list[tuple[int, int]]:
    """Pairs long lists, in linear time."""
    waiting: defaultdict[Any, list[int]] = defaultdict(list)
    for j in reversed(range(len(gold))):
        waiting[gold[j]].append(j)
    return [(i, waiting[key].pop()) for i, key in enumerate(parsed) if waiting.get(key)]


def unpaired(count: int, paired: Collection[int]) -> list[int]:
    """Returns which of a number of indices are in no pair."""
    return [index for index in range(count) if index not in paired]


def count(keys: Keys, kind: Kind, polarities: Polarities | None = None) -> tuple[float, ...]:
    """Counts a row.

    Args:
        keys: The row's units.
        kind: What the task asks for.
        polarities: Sums by polarity, which the row is added to.

    Returns:
        A number for each of ``COLUMNS``.
    """
    if keys.perfect:
        size = len(keys.gold)
        if polarities is not None:
            for key in keys.gold:
                polarities.sums[key[-1]][_BY_UNIT] += 1
        return (size, size, size, size, size, size, 1, 0, size, size)
    gold, parsed, predicted, junk = keys
    among_gold, among_predicted = (
        set(units) if len(units) > _SHORT else units for units in (gold, predicted)
    )
    found = [key for key in predicted if key in among_gold]
    recalled = [key for key in gold if key in among_predicted]
    pairs = pair(parsed, gold)
    matched = [parsed[i] for i, _ in pairs]
    extracted, soft = len(pairs), float(len(pairs))
    if len(pairs) < min(len(parsed), len(gold)):
        extra = [parsed[i] for i in unpaired(len(parsed), {i for i, _ in pairs})]
        missed = [gold[j] for j in unpaired(len(gold), {j for _, j in pairs})]
        extracted += len(pair([key[:-1] for key in extra], [key[:-1] for key in missed]))
        soft += soft_matches(extra, missed, kind)
    if polarities is not None:
        units = (predicted, found, gold, recalled, parsed, matched)
        for column, keys_of_column in enumerate(units):
            for key in keys_of_column:
                polarities.sums[key[-1]][column] += 1
    return (
        len(predicted) + (junk if kind.is_classified else 0),
        len(found),
        len(gold),
        len(recalled),
        len(parsed) + junk,
        len(pairs),
        1,
        int(junk > 0),
        extracted,
        soft,
    )


def f1(precision: float, recall: float) -> float:
    """Returns the harmonic mean; 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def metrics(sums: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Turns summed counts into all scores, in percent.

    Of nothing, 100% is right, as in the reference: who says nothing says nothing wrong.

    Args:
        sums: A number for each of ``COLUMNS``.
    """
    get = dict(zip(COLUMNS, map(float, sums), strict=True))
    found: dict[str, float] = {}
    for prefix, right, answers, recalled in (
        ("", get["predicted_hits"], get["predicted"], get["gold_hits"]),
        ("strict_", get["matches"], get["answers"], get["matches"]),
        ("extraction_", get["extracted"], get["answers"], get["extracted"]),
        ("soft_", get["soft"], get["answers"], get["soft"]),
    ):
        precision = 100 * right / answers if answers else 100.0
        recall = 100 * recalled / get["gold"] if get["gold"] else 100.0
        found |= {
            f"{prefix}f1": f1(precision, recall),
            f"{prefix}precision": precision,
            f"{prefix}recall": recall,
        }
    extracted = get["extracted"]
    found["polarity_accuracy"] = 100 * get["matches"] / extracted if extracted else 100.0
    found["parse_failure_rate"] = 100 * get["failures"] / get["rows"] if get["rows"] else 0.0
    found["rows"], found["gold_units"] = get["rows"], get["gold"]
    return found

"""A score softer than exact match.

The paper's error analysis finds many answers that are reasonable and yet count as wrong: a span
with a word more or less, a category next to the annotated one. The soft score gives such an
answer a part of a match, if its polarity is right. Targets and opinion words are as similar as
their words overlap (Dice); categories share half if they share the entity, the first level of the
category tree; the fields of a quad multiply.
"""

from collections import Counter
from collections.abc import Sequence

from fsa_jax.opinions.units import IMPLICIT, Kind

Key = tuple[str, ...]


def soft_matches(parsed: Sequence[Key], gold: Sequence[Key], kind: Kind) -> float:
    """Adds up the similarities of one-to-one pairs, the most similar first.

    Args:
        parsed: Fields of predicted units, the polarity last.
        gold: Fields of gold units, the polarity last.
        kind: What the task asks for.

    Returns:
        Between 0 and the smaller of both numbers.
    """
    pairs = []
    for i, mine in enumerate(parsed):
        for j, other in enumerate(gold):
            if mine[-1] == other[-1]:
                value = similarity(mine, other, kind)
                if value > 0:
                    pairs.append((-value, i, j))
    if len(pairs) < 2:
        return -pairs[0][0] if pairs else 0.0
    used_parsed: set[int] = set()
    used_gold: set[int] = set()
    total = 0.0
    for value, i, j in sorted(pairs):
        if i not in used_parsed and j not in used_gold:
            used_parsed.add(i)
            used_gold.add(j)
            total -= value
    return total


def similarity(a: Key, b: Key, kind: Kind) -> float:
    """Returns how similar the fields of two units are, between 0 and 1; polarities aside."""
    value = 1.0
    for field, mine, other in zip(kind.fields, a, b, strict=False):
        if mine != other:
            value *= _category(mine, other) if field == "category" else _phrase(mine, other)
            if value == 0:
                break
    return value


def _category(a: str, b: str) -> float:
    """Half for the same entity, the first word, with another attribute."""
    first, second = a.split(), b.split()
    if first == second:
        return 1.0
    return 0.5 if first[:1] == second[:1] and first else 0.0


def _phrase(a: str, b: str) -> float:
    if IMPLICIT in (a, b):
        return 0.0
    first, second = Counter(a.lower().split()), Counter(b.lower().split())
    size = first.total() + second.total()
    return 2 * (first & second).total() / size if size else 0.0

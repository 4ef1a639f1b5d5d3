"""How far annotators agree: Krippendorff's alpha with its interval.

1 is perfect agreement, 0 is what chance would give. Source: Krippendorff 2011, "Computing
Krippendorff's alpha-reliability".
"""

from collections.abc import Sequence

import numpy as np

from fsa_jax.opinions.scoring.significance import bootstrap_interval


def agreement(
    units: Sequence[Sequence[int]], values: int, ordered: bool = True
) -> dict[str, float | None]:
    """Returns ``alpha``, and ``low`` and ``high`` of its 95% interval under drawing units.

    Args:
        units: The ratings that each judged thing got, from 0 to ``values - 1``, in any order; a
            thing with fewer than two does not count.
        values: The number of possible ratings.
        ordered: Whether ratings have an order (ordinal data); nominal data if not.

    Returns:
        The three figures, JSON-able: ``None`` where nothing was judged twice, or where all ratings
        are the same, so that agreement cannot be told from indifference.
    """
    pairs = [_coincidences(unit, values) for unit in units if len(unit) > 1]
    if not pairs:
        return dict.fromkeys(("alpha", "low", "high"))
    counts = np.stack(pairs)
    low, high = bootstrap_interval(counts, lambda sums: _alpha(sums, values, ordered))
    alpha = float(_alpha(counts.sum(axis=0, keepdims=True), values, ordered)[0])
    found = {"alpha": alpha, "low": low, "high": high}
    return {name: None if np.isnan(figure) else figure for name, figure in found.items()}


def _coincidences(unit: Sequence[int], values: int) -> np.ndarray:
    """Returns the pairs of ratings of one thing, shape (values * values,)."""
    counts = np.bincount(unit, minlength=values).astype(float)
    pairs = np.outer(counts, counts) - np.diag(counts)
    coincidences: np.ndarray = pairs.reshape(-1) / (len(unit) - 1)
    return coincidences


def _alpha(sums: np.ndarray, values: int, ordered: bool) -> np.ndarray:
    """Returns alpha for sums of coincidences, shape (draws, values * values); NaN for none."""
    coincidences = sums.reshape(-1, values, values)
    totals = coincidences.sum(axis=1)
    if ordered:
        # The distance of two ratings is the number of ratings given from the one to the other.
        places = np.cumsum(totals, axis=1) - totals / 2
        distances = (places[:, :, None] - places[:, None, :]) ** 2
    else:
        distances = np.broadcast_to(1 - np.eye(values), coincidences.shape)
    observed = (coincidences * distances).sum(axis=(1, 2))
    chance = totals[:, :, None] * totals[:, None, :]
    expected = (chance * distances).sum(axis=(1, 2)) / (totals.sum(axis=1) - 1)
    alphas: np.ndarray = 1 - np.divide(
        observed, expected, out=np.full_like(observed, np.nan), where=expected > 0
    )
    return alphas

"""How far annotators agree: Krippendorff's alpha."""

from collections.abc import Sequence

import numpy as np


def krippendorff_alpha(units: Sequence[Sequence[int]], values: int) -> float:
    """Returns Krippendorff's alpha for ordinal ratings.

    1 is perfect agreement, 0 is what chance would give. Source: Krippendorff 2011, "Computing
    Krippendorff's alpha-reliability".

    Args:
        units: The ratings that each judged thing got, from 0 to ``values - 1``, in any order; a
            thing with fewer than two does not count.
        values: The number of possible ratings.

    Returns:
        Alpha; NaN where nothing was judged twice, or where all ratings are the same, so that
        agreement cannot be told from indifference.
    """
    coincidences = np.zeros((values, values))
    for unit in units:
        if len(unit) < 2:
            continue
        counts = np.bincount(unit, minlength=values).astype(float)
        pairs = np.outer(counts, counts) - np.diag(counts)
        coincidences += pairs / (len(unit) - 1)
    totals = coincidences.sum(0)
    number = totals.sum()
    if number == 0 or np.count_nonzero(totals) < 2:
        return float("nan")
    # The distance of two ratings is the number of ratings given from the one to the other.
    places = np.cumsum(totals) - totals / 2
    distances = (places[:, None] - places[None, :]) ** 2
    observed = (coincidences * distances).sum()
    expected = (np.outer(totals, totals) * distances).sum() / (number - 1)
    return float(1 - observed / expected)

"""How far annotators agree: Krippendorff's alpha and Cohen's kappa, with their intervals.

1 is perfect agreement, 0 is what chance would give. Sources: Krippendorff 2011, "Computing
Krippendorff's alpha-reliability"; Cohen 1968, "Weighted kappa".
"""

from collections.abc import Callable, Sequence

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
    return _figure("alpha", np.stack(pairs), lambda sums: _alpha(sums, values, ordered))


def agreement_with(
    judge: Sequence[int], people: Sequence[Sequence[int]], values: int
) -> dict[str, dict[str, float | None]]:
    """Returns how far one judge agrees with people, each of whom is compared with that judge.

    Args:
        judge: The judge's rating of each thing, from 0 to ``values - 1``.
        people: The ratings that people gave each of them, one or more.
        values: The number of possible ratings, which have an order.

    Returns:
        ``alpha``, ordinal, and ``kappa``, weighted by squared distances: each the figure of that
        name with ``low`` and ``high`` of its 95% interval under drawing things. See ``agreement``.
    """
    tables = np.zeros((len(judge), values, values))
    for table, mine, theirs in zip(tables, judge, people, strict=True):
        table[mine] = np.bincount(theirs, minlength=values)
    if not len(tables):
        nothing = dict.fromkeys(("low", "high"))
        return {name: {name: None, **nothing} for name in ("alpha", "kappa")}
    counts = tables.reshape(len(tables), -1)
    # Each pair of ratings stands for itself and its reverse.
    both = (tables + tables.transpose(0, 2, 1)).reshape(len(tables), -1)
    return {
        "alpha": _figure("alpha", both, lambda sums: _alpha(sums, values, ordered=True)),
        "kappa": _figure("kappa", counts, lambda sums: _kappa(sums, values)),
    }


def _figure(
    name: str, counts: np.ndarray, figure: Callable[[np.ndarray], np.ndarray]
) -> dict[str, float | None]:
    """Returns a figure of summed counts with its interval under drawing their rows."""
    low, high = bootstrap_interval(counts, figure)
    value = float(figure(counts.sum(axis=0, keepdims=True))[0])
    found = {name: value, "low": low, "high": high}
    return {name: None if np.isnan(each) else each for name, each in found.items()}


def _kappa(sums: np.ndarray, values: int) -> np.ndarray:
    """Returns quadratically weighted kappa for sums of tables, shape (draws, values * values)."""
    tables = sums.reshape(-1, values, values)
    places = np.arange(values)
    distances = (places[:, None] - places[None, :]) ** 2
    total = tables.sum(axis=(1, 2))
    observed = (tables * distances).sum(axis=(1, 2)) * total
    chance = tables.sum(axis=2)[:, :, None] * tables.sum(axis=1)[:, None, :]
    expected = (chance * distances).sum(axis=(1, 2))
    kappas: np.ndarray = 1 - np.divide(
        observed, expected, out=np.full_like(observed, np.nan), where=expected > 0
    )
    return kappas


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

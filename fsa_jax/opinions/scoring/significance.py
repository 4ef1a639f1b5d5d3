"""How sure a score is: intervals over sentences and over seeds, and a paired test of two systems.

Bootstrap and test draw sentences. Sentences with the same counts are alike, so the draws are made
over the distinct counts: a thousand draws from a million sentences take as long as from a thousand.
"""

import math
import statistics
from collections.abc import Callable, Sequence

import numpy as np

Score = Callable[[np.ndarray], np.ndarray]


def bootstrap_interval(
    counts: np.ndarray, score: Score, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Returns a percentile interval of a score under drawing sentences with replacement.

    Args:
        counts: One row of counts for each sentence, shape (sentences, columns).
        score: Turns sums of counts, shape (draws, columns), into scores, shape (draws,); NaN for a
            draw that has no score, which is passed over.
        draws: Number of draws.
        level: Share of the draws inside the interval.
        seed: Seed of the draws.

    Returns:
        The ends of the interval; NaN where no draw has a score.
    """
    rows, weights = _distinct(counts)
    total = int(weights.sum())
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(total, weights / total, size=draws)
    scores = score(drawn @ rows)
    scores = scores[~np.isnan(scores)]
    if not scores.size:
        return float("nan"), float("nan")
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def half_width(values: Sequence[float]) -> float | None:
    """Half of the 95% interval of a mean over seeds, by Student's t; None below two values."""
    if len(values) < 2:
        return None
    from scipy.stats import t

    spread = statistics.stdev(values) / math.sqrt(len(values))
    return float(t.ppf(0.975, len(values) - 1)) * spread


def _distinct(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distinct rows of counts, and how often each is there.

    Counts are small whole numbers, so a row makes one integer, and integers sort ten times faster.
    """
    lowest = counts.min(axis=0)
    whole = (counts - lowest).astype(np.int64)
    sizes = whole.max(axis=0) + 1
    if not np.array_equal(whole + lowest, counts) or np.prod(sizes.astype(np.float64)) > 2**62:
        return np.unique(counts, axis=0, return_counts=True)
    radix = np.concatenate([np.cumprod(sizes[::-1])[::-1][1:], [1]])
    _, first, weights = np.unique(whole @ radix, return_index=True, return_counts=True)
    return counts[first], weights


def paired_test(
    first: np.ndarray, second: np.ndarray, score: Score, draws: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Tests whether two systems differ, by approximate randomisation.

    If they did not differ, their outputs on a sentence could be exchanged; the p-value is how often
    random exchanges make a difference at least as large as the one seen.

    Args:
        first: Counts of the first system, shape (sentences, columns).
        second: Counts of the second on the same sentences in the same order.
        score: Turns sums of counts, shape (draws, columns), into scores, shape (draws,).
        draws: Number of random exchanges.
        seed: Seed of the exchanges.

    Returns:
        The difference of the scores (first less second), and the two-sided p-value.
    """
    if first.shape != second.shape:
        raise ValueError(f"counts of shapes {first.shape} and {second.shape} cannot be paired")
    sums = np.stack([first.sum(axis=0), second.sum(axis=0)])
    observed = score(sums)
    difference = float(observed[0] - observed[1])
    gaps, weights = _distinct(second - first)
    generator = np.random.default_rng(seed)
    exchanged = generator.binomial(weights, 0.5, size=(draws, len(weights))) @ gaps
    drawn = score(sums[0] + exchanged) - score(sums[1] - exchanged)
    # The tolerance lets sums in another order count as equal.
    extreme = int(np.sum(np.abs(drawn) >= abs(difference) - 1e-9))
    return difference, (1 + extreme) / (1 + draws)

"""The endless order of training examples, as a pure function of (seed, position).

* Every epoch is a fresh permutation of the whole split, not of a shuffle buffer.
* A mixture whose rates are proportional to its numbers of examples is the concatenation of its
  tasks, with true epochs.
* Other rates give each task its exact share of every block of 65,536 draws, from its own endless
  series of permutations: no example comes again before all others of its task have come.

Since nothing is consumed step by step, any place in the order is found at once.
"""

import functools
from collections.abc import Iterable

import numpy as np

_DRAWS = 65536
_TOLERANCE = 0.02  # how far rates may be from the numbers of examples to count as proportional


def permutation(count: int, *key: int) -> np.ndarray:
    """Returns a permutation of ``count`` numbers that depends on the key alone.

    It sorts raw 64-bit draws of PCG64, a stream that NumPy keeps stable across its versions
    (it does not promise so for ``Generator.permutation``).

    Args:
        count: How many numbers to permute.
        *key: non-negative integers.
    """
    draws = np.random.PCG64(np.random.SeedSequence(key)).random_raw(count)
    return np.argsort(draws, kind="stable")


class ExampleOrder:
    """Which example stands at which position.

    Args:
        components: (name, number of examples, rate) of each task of the mixture.
        seed: A non-negative integer.
        shuffle: False keeps the order of the split, each example once per epoch, whatever the
            rates.

    Attributes:
        size: Number of examples.
        has_epochs: Whether positions [k · size, (k + 1) · size) hold each example once.

    Raises:
        ValueError: A task with examples has no positive rate.
    """

    def __init__(self, components: Iterable[tuple[str, int, float]], seed: int, *, shuffle: bool):
        present = [part for part in components if part[1]]
        for name, _, rate in present:
            if not rate > 0:
                raise ValueError(f"the mixing rate of {name} is {rate}; it must be above 0")
        self._counts = [count for _, count, _ in present]
        self._bases = np.cumsum([0, *self._counts])
        self._seed, self._shuffle = seed, shuffle
        self.size = sum(self._counts)
        density = [rate / count for _, count, rate in present]
        self.has_epochs = not shuffle or max(density) <= min(density) * (1 + _TOLERANCE)
        if not self.has_epochs:
            self._shares = whole_shares([rate for _, _, rate in present], _DRAWS)
        # Neighbouring windows share these; they only save time.
        self._permutation = functools.lru_cache(maxsize=2 + 2 * len(present))(permutation)
        self._block = functools.lru_cache(maxsize=2)(self._draw_block)

    def examples(self, start: int, stop: int) -> np.ndarray:
        """Returns the examples at the positions [start, stop)."""
        unit = self.size if self.has_epochs else _DRAWS
        parts = []
        while start < stop:
            index, offset = divmod(start, unit)
            end = min(stop, (index + 1) * unit)
            whole = self._epoch(index) if self.has_epochs else self._block(index)
            parts.append(whole[offset : offset + end - start])
            start = end
        return np.concatenate(parts)

    def _epoch(self, epoch: int) -> np.ndarray:
        if not self._shuffle:
            return np.arange(self.size)
        return self._permutation(self.size, self._seed, 0, epoch)

    def _draw_block(self, block: int) -> np.ndarray:
        """Mixes the tasks' shares of a block; each task's own draws stay in their order."""
        tasks = np.repeat(np.arange(len(self._shares)), self._shares)
        tasks = tasks[permutation(_DRAWS, self._seed, 0, block)]
        mixed = np.empty(_DRAWS, np.int64)
        for c, (count, share) in enumerate(zip(self._counts, self._shares, strict=True)):
            epochs, places = np.divmod(np.arange(block * share, (block + 1) * share), count)
            drawn = [
                self._permutation(count, self._seed, 1 + c, epoch)[places[epochs == epoch]]
                for epoch in range(int(epochs[0]), int(epochs[-1]) + 1)
            ]
            mixed[tasks == c] = self._bases[c] + np.concatenate(drawn)
        return mixed


def whole_shares(rates: Iterable[float], total: int) -> list[int]:
    """Rounds shares to whole numbers of the given sum, none below 1 (largest remainder).

    Args:
        rates: Positive numbers, at most ``total`` of them.
        total: The sum of the result.
    """
    weights = np.array(list(rates), np.float64)
    exact = weights / weights.sum() * total
    shares = np.maximum(np.floor(exact), 1)
    while shares.sum() != total:
        step = 1 if shares.sum() < total else -1
        gap = np.where((shares > 1) | (step > 0), step * (exact - shares), -np.inf)
        shares[int(gap.argmax())] += step
    return [int(share) for share in shares]

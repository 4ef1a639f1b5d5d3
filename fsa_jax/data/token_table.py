"""The tokenised split of a SeqIO task or mixture, with random access to its examples.

A pair of a review and its understanding takes about 650 bytes, so a million take 0.7 GB: in files
that are mapped into memory (``table_files``), of which the kernel reads what is asked for, or in
memory itself.
"""

import functools
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FEATURES = ("inputs", "targets")
# By feature (token ids, tokens per example) of some examples.
Chunk = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class TokenTable:
    """Token ids of N examples.

    Attributes:
        tokens: Per feature all token ids, example after example (uint16 where they fit, or int32).
        offsets: Per feature (N + 1,) int64, where each example begins.
        components: Per task (name, number of examples, mixing rate), in the order of the examples.
        known_fingerprint: The fingerprint, where it need not be computed.
        origin: One line on where the tokens come from.
    """

    tokens: dict[str, np.ndarray]
    offsets: dict[str, np.ndarray]
    components: tuple[tuple[str, int, float], ...]
    known_fingerprint: int | None = None
    origin: str = ""

    def __len__(self) -> int:
        return len(self.offsets["inputs"]) - 1

    @functools.cached_property
    def lengths(self) -> dict[str, np.ndarray]:
        """(N,) tokens per example, for each feature."""
        return {f: np.diff(self.offsets[f]) for f in FEATURES}

    @functools.cached_property
    def fingerprint(self) -> int:
        """A 31-bit checksum of all tokens and lengths: equal data, equal number."""
        if self.known_fingerprint is not None:
            return self.known_fingerprint
        crc = 0
        for f in FEATURES:
            crc = zlib.crc32(np.ascontiguousarray(self.tokens[f]).data, crc)
            crc = zlib.crc32(self.offsets[f].data, crc)
        return crc & 0x7FFFFFFF

    def example(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the (inputs, targets) token ids of one example."""
        inputs, targets = (
            self.tokens[f][self.offsets[f][index] : self.offsets[f][index + 1]] for f in FEATURES
        )
        return inputs, targets

    def row_lengths(self, wanted: Mapping[str, int | None], pack: bool) -> dict[str, int]:
        """Returns the positions of a row for each feature.

        Args:
            wanted: Positions by feature; None for the longest example, rounded up to a multiple of
                8.
            pack: Whether rows hold several examples, so that None has no meaning.

        Raises:
            ValueError: A feature is missing, or an example does not fit.
        """
        resolved = {}
        for f in FEATURES:
            if f not in wanted:
                raise ValueError(f"TASK_FEATURE_LENGTHS lacks {f!r}: give it a number of tokens")
            limit, longest = wanted[f], int(self.lengths[f].max())
            if limit is None and pack:
                raise ValueError(f"TASK_FEATURE_LENGTHS[{f!r}] is None: packed rows need a length")
            resolved[f] = -(-max(longest, 1) // 8) * 8 if limit is None else limit
            if longest > resolved[f]:
                where = self.describe(int(self.lengths[f].argmax()))
                raise ValueError(
                    f"{where} has {longest} {f} tokens, but TASK_FEATURE_LENGTHS[{f!r}] is "
                    f"{limit}: raise it to {longest} or more"
                )
        return resolved

    def describe(self, index: int) -> str:
        """Returns ``task[i]``: the example is the i-th that the task yields unshuffled."""
        for name, count, _ in self.components:
            if index < count:
                return f"{name}[{index}]"
            index -= count
        raise IndexError(f"there are only {len(self)} examples")


def collect(names: Sequence[str], chunks: Iterable[tuple[int, Chunk]]) -> TokenTable:
    """Puts a table together in memory.

    Args:
        names: The tasks.
        chunks: (Which task, its next examples), task after task; not empty.
    """
    tokens: dict[str, list[np.ndarray]] = {f: [] for f in FEATURES}
    lengths: dict[str, list[np.ndarray]] = {f: [np.zeros(1, np.int64)] for f in FEATURES}
    counts = [0] * len(names)
    for task, chunk in chunks:
        for f, (ids, sizes) in chunk.items():
            tokens[f].append(ids)
            lengths[f].append(sizes)
        counts[task] += len(chunk[FEATURES[0]][1])
    return TokenTable(
        tokens={f: np.concatenate(tokens[f]) for f in FEATURES},
        offsets={f: np.cumsum(np.concatenate(lengths[f])) for f in FEATURES},
        components=tuple((name, n, 1.0) for name, n in zip(names, counts, strict=True)),
    )

"""What a corpus holds, and how rows are put in order without holding them all in memory."""

import collections
import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from generation.records import OK

# Buckets are sorted in memory one by one; their number keeps each at about this size.
BUCKET_BYTES = 64 << 20
# At most this many bucket files are open at once.
MAX_BUCKETS = 512


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """One training example, or a row that did not become one.

    Attributes:
        review_id, domain, teacher, prompt, rating: as in the ledger.
        inputs: the review.
        targets: the teacher's text; empty unless ``status`` is ok.
        status, reason: as in the ledger.
    """

    review_id: str
    domain: str
    teacher: str
    prompt: str
    inputs: str
    targets: str
    rating: float
    status: str = OK
    reason: str = ""

    @property
    def config(self) -> str:
        """Name of the corpus that the example belongs to."""
        return f"{self.teacher}_{self.prompt}_{self.domain}"


_FIELDS = tuple(field.name for field in dataclasses.fields(Example))


def place(review_id: str) -> bytes:
    """Returns a review's place in a corpus.

    It is a hash, so that order is shuffled and the same everywhere.
    """
    return hashlib.sha256(b"split:" + review_id.encode("utf-8", "replace")).digest()


def in_validation(review_id: str, fraction: float) -> bool:
    """Tells whether a review belongs to the validation split, by its hash alone."""
    return int.from_bytes(place(review_id)[:8], "big") < fraction * 2**64


class Splitter:
    """Tells the split of examples that come in the order of their ``place``.

    The first of a corpus is always held out: it is the one nearest to validation, and so a corpus
    of a few reviews still gets a validation split that is not empty.

    Args:
        fraction: share of the reviews held out.
    """

    def __init__(self, fraction: float) -> None:
        self.fraction = fraction
        self._begun: set[str] = set()

    def split(self, example: Example) -> str:
        """Returns ``train`` or ``validation``; call it once for each example."""
        first = self.fraction > 0 and example.config not in self._begun
        self._begun.add(example.config)
        held_out = first or in_validation(example.review_id, self.fraction)
        return "validation" if held_out else "train"


class Sorter:
    """Sorts examples by ``place`` on disk, and keeps one of each (config, review).

    The last one added is kept. ``superseded`` counts the others, and ``clashes`` those of them that
    are about another text: there the id stands for two reviews. ``clash`` is the first such id.

    Args:
        folder: an existing folder for temporary files.
        expected_bytes: about how much text will be added.
    """

    def __init__(self, folder: Path, expected_bytes: int) -> None:
        self.count = min(MAX_BUCKETS, max(1, math.ceil(expected_bytes / BUCKET_BYTES)))
        self.paths = [folder / f"bucket-{index:05d}" for index in range(self.count)]
        self.added = 0
        self.superseded = 0
        self.clashes = 0
        self.clash = ""

    def add_all(self, examples: Iterable[Example]) -> None:
        """Adds examples; call it once."""
        streams: list[IO[bytes]] = []
        try:
            streams.extend(path.open("wb", buffering=1 << 16) for path in self.paths)
            for example in examples:
                self.added += 1
                bucket = int.from_bytes(place(example.review_id)[:8], "big") * self.count >> 64
                line = json.dumps([getattr(example, n) for n in _FIELDS], ensure_ascii=False)
                streams[bucket].write(line.encode("utf-8", "replace") + b"\n")
        finally:
            for stream in streams:
                stream.close()

    def sorted(self) -> Iterator[Example]:
        """Yields the examples in order of place, then config.

        Each bucket's file goes when it is read.
        """
        for path in self.paths:
            last: dict[tuple[str, str], Example] = {}
            with path.open("rb") as stream:
                for line in stream:
                    example = Example(*json.loads(line))
                    key = (example.config, example.review_id)
                    if (before := last.get(key)) is not None:
                        self.superseded += 1
                        if before.inputs != example.inputs:
                            self.clashes += 1
                            self.clash = self.clash or example.review_id
                    last[key] = example
            path.unlink()
            yield from sorted(last.values(), key=lambda e: (place(e.review_id), e.config))


@dataclasses.dataclass
class Counts:
    """Rows of one config, by what became of them."""

    statuses: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    reasons: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def add(self, status: str, reason: str) -> None:
        """Counts one row; a reason's details, behind the colon, are left out."""
        self.statuses[status] += 1
        if status != OK:
            self.reasons[f"{status}: {reason.split(':')[0]}"] += 1

"""What a corpus holds, and how rows are put in order without holding them all in memory."""

import collections
import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from fsa_jax.opinions import corpus
from generation.records import OK

# Buckets are sorted in memory one by one; their number keeps each at about this size.
BUCKET_BYTES = 64 << 20
# At most this many bucket files are open at once.
MAX_BUCKETS = 512


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """One training example, or a row that did not become one.

    Attributes:
        review_id, domain, teacher, prompt, rating: As in the ledger.
        inputs: The review.
        targets: The teacher's text; empty unless ``status`` is ok.
        status, reason: As in the ledger.
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
        return corpus.corpus_name(self.teacher, self.prompt, self.domain)


_FIELDS = tuple(field.name for field in dataclasses.fields(Example))


class Splitter:
    """Tells the split of examples, and keeps the draw files of their corpora.

    Prompts of one teacher and domain share a *collection* of reviews. The nearest to validation of
    each corpus is always held out, so that one of a few reviews still gets a validation split that
    is not empty.

    Args:
        fraction: Share of the reviews held out.
        nearest: By corpus, the good example that is nearest to being held out.
    """

    def __init__(self, fraction: float, nearest: Mapping[str, str]) -> None:
        self.fraction = fraction
        self._nearest = nearest
        self._last: dict[tuple[str, str], str] = {}
        self._sizes: collections.Counter[tuple[str, str]] = collections.Counter()
        self._draws: dict[str, bytearray] = collections.defaultdict(bytearray)
        self._collections: dict[str, tuple[str, str]] = {}

    def split(self, example: Example) -> str | None:
        """Returns ``train``, ``validation``, or None for an example without a usable answer.

        Call it once for each example, in the order of the draw.
        """
        collection = (example.teacher, example.domain)
        if self._last.get(collection) != example.review_id:
            self._last[collection] = example.review_id
            self._sizes[collection] += 1
        self._collections[example.config] = collection
        split = None
        if example.status == OK:
            forced = self.fraction > 0 and self._nearest.get(example.config) == example.review_id
            held_out = forced or corpus.is_held_out(example.review_id, self.fraction)
            split = "validation" if held_out else "train"
        letter = {None: corpus.NOWHERE, "train": corpus.IN_TRAIN}.get(split, corpus.IN_VALIDATION)
        draw = self._draws[example.config]
        draw.extend(self._padding(draw, self._sizes[collection] - 1) + letter.encode())
        return split

    def draw(self, config: str) -> str:
        """Returns the draw file of a corpus, after the last example."""
        draw = self._draws[config]
        return (draw + self._padding(draw, self._sizes[self._collections[config]])).decode()

    @staticmethod
    def _padding(draw: bytearray, size: int) -> bytes:
        """Reviews of the collection that the corpus has no row of."""
        return corpus.NOWHERE.encode() * (size - len(draw))


class Sorter:
    """Sorts examples in the order of the draw on disk, and keeps one of each (config, review).

    The last one added is kept. ``superseded`` counts the others, and ``clashes`` those of them that
    are about another text: there the id stands for two reviews. ``clash`` is the first such id.
    ``nearest`` is what a ``Splitter`` needs.

    Args:
        folder: An existing folder for temporary files.
        expected_bytes: About how much text will be added.
    """

    def __init__(self, folder: Path, expected_bytes: int) -> None:
        self.count = min(MAX_BUCKETS, max(1, math.ceil(expected_bytes / BUCKET_BYTES)))
        self.paths = [folder / f"bucket-{index:05d}" for index in range(self.count)]
        self.added = 0
        self.superseded = 0
        self.clashes = 0
        self.clash = ""
        self._nearest: dict[str, tuple[float, str]] = {}

    @property
    def nearest(self) -> dict[str, str]:
        """By corpus, the good example that is nearest to being held out."""
        return {config: review_id for config, (_, review_id) in self._nearest.items()}

    def add_all(self, examples: Iterable[Example]) -> None:
        """Adds examples; call it once."""
        streams: list[IO[bytes]] = []
        try:
            streams.extend(path.open("wb", buffering=1 << 16) for path in self.paths)
            for example in examples:
                self.added += 1
                if example.status == OK:
                    near = (corpus.nearness(example.review_id), example.review_id)
                    name = example.config
                    self._nearest[name] = min(near, self._nearest.get(name, near))
                bucket = corpus.draw_rank(example.review_id) * self.count >> 64
                line = json.dumps([getattr(example, n) for n in _FIELDS], ensure_ascii=False)
                streams[bucket].write(line.encode("utf-8", "replace") + b"\n")
        finally:
            for stream in streams:
                stream.close()

    def sorted(self) -> Iterator[Example]:
        """Yields the examples in the order of the draw, those of a review one after the other.

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
            yield from sorted(
                last.values(),
                key=lambda e: (corpus.draw_rank(e.review_id), e.review_id, e.config),
            )


@dataclasses.dataclass
class Counts:
    """Rows of one config, by what became of them."""

    statuses: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    reasons: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    invented: int = 0

    def add(self, example: Example) -> None:
        """Counts one row; a reason's details, behind the colon, are left out."""
        self.statuses[example.status] += 1
        self.invented += example.review_id.startswith(corpus.INVENTED)
        if example.status != OK:
            self.reasons[f"{example.status}: {example.reason.split(':')[0]}"] += 1

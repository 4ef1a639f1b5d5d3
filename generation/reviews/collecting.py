"""Collects reviews: cleans what a source tells, drops duplicates, samples by rating.

Two passes keep memory small. The first writes what passed the filters to a temporary file, and
remembers 25 bytes a review: fingerprints of text and id, a random key and the stars. The second
copies the chosen ones.
"""

import array
import collections
import dataclasses
import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from fsa_jax.runtime import files
from generation import review_ids
from generation.records import Review
from generation.reviews import cleaning
from generation.reviews.sources import Candidate, Dropped

SCHEMES = {"R12421": (1, 2, 4, 2, 1), "R11111": (1, 1, 1, 1, 1), "R00100": (0, 0, 1, 0, 0)}


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How many reviews to take, and which.

    Attributes:
        count: Number to take, or None for all.
        weights: Of one to five stars, on their natural proportions.
        seed: Same seed and input, same choice.
        near_duplicates: Leave out texts whose word triples overlap by this share with an earlier
            one's (Jaccard), or None. It takes about 3 KB of memory a review.
    """

    count: int | None = None
    weights: tuple[float, ...] = SCHEMES["R11111"]
    seed: int = 0
    near_duplicates: float | None = None


@dataclasses.dataclass
class Report:
    """What became of the lines: ``lines`` = sum of ``dropped`` + ``written``, always.

    ``notes`` are sentences that the user should read.
    """

    lines: int = 0
    written: int = 0
    dropped: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    before: collections.Counter[int] = dataclasses.field(default_factory=collections.Counter)
    after: collections.Counter[int] = dataclasses.field(default_factory=collections.Counter)
    first_bad: str = ""
    notes: list[str] = dataclasses.field(default_factory=list)


def scheme_weights(text: str) -> tuple[float, ...]:
    """Returns the weights that ``R12421`` and the like, or five numbers with commas, stand for."""
    if text in SCHEMES:
        return tuple(float(weight) for weight in SCHEMES[text])
    if match := re.fullmatch(r"R(\d)(\d)(\d)(\d)(\d)", text):
        weights = tuple(float(digit) for digit in match.groups())
    else:
        try:
            weights = tuple(float(part) for part in text.split(","))
        except ValueError:
            weights = ()
    if len(weights) != 5 or not all(0 <= w < math.inf for w in weights) or not any(weights):
        raise ValueError(
            f"--scheme is {text!r}; use {', '.join(SCHEMES)} or five weights such as 1,2,4,2,1"
        )
    return weights


def collect(
    candidates: Iterator[Candidate | Dropped],
    source: str,
    output: Path,
    limits: cleaning.Limits,
    sampling: Sampling,
    max_bad_fraction: float = 0.01,
) -> Report:
    """Writes the chosen reviews to ``output``, atomically.

    Args:
        candidates: Of one source.
        source: Its name, for the reviews' ``source`` field.
        output: JSON lines to write.
        limits: What a text must be.
        sampling: How many to take, and which.
        max_bad_fraction: Nothing is written where a larger share of the lines is bad.

    Raises:
        ValueError: Too many bad lines, too many ids that come again, or nothing is left.
    """
    report = Report()
    with files.atomic_folder(output.parent, "reviews") as work:
        spool = _Spool(work / "spool.jsonl")
        with spool.path.open("wb", buffering=1 << 20) as stream:
            for candidate in candidates:
                report.lines += 1
                _take(candidate, source, limits, sampling, spool, stream, report)
        _refuse_bad_lines(report, max_bad_fraction)
        chosen = _choose(spool, sampling, report, max_bad_fraction)
        if not chosen.any():
            dropped = ", ".join(f"{name} {n:,}" for name, n in report.dropped.most_common())
            raise ValueError(
                f"no review of {report.lines:,} lines is left (dropped: {dropped or 'none'}); "
                "check the columns and the filters"
            )
        with files.atomic_file(output) as stream, spool.path.open("rb") as lines:
            for line, keep, stars in zip(lines, chosen, spool.stars, strict=True):
                if keep:
                    stream.write(line)
                    report.written += 1
                    report.after[stars] += 1
    return report


def _refuse_bad_lines(report: Report, most: float) -> None:
    bad = report.dropped["bad line"]
    if bad > most * report.lines:
        raise ValueError(
            f"{bad:,} of {report.lines:,} lines are bad, more than --max-bad-fraction {most:g}; "
            f"the first: {report.first_bad}"
        )
    if bad:
        report.notes.append(f"{bad:,} bad lines are left out; the first: {report.first_bad}")


class _Spool:
    """The reviews that passed the filters: on disk, and 25 bytes of each in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fingerprints = array.array("Q")
        self.ids = array.array("Q")
        self.keys = array.array("d")
        self.stars = array.array("b")


def _take(
    candidate: Candidate | Dropped,
    source: str,
    limits: cleaning.Limits,
    sampling: Sampling,
    spool: _Spool,
    stream: IO[bytes],
    report: Report,
) -> None:
    if isinstance(candidate, Dropped):
        report.dropped[candidate.reason] += 1
        if candidate.reason == "bad line":
            report.first_bad = report.first_bad or candidate.detail
        return
    stars = min(5, math.floor(candidate.rating + 0.5))
    report.before[stars] += 1
    # A text of megabytes is no review; cutting it first keeps one row from costing minutes.
    text = cleaning.clean(candidate.text[:200_000])
    if reason := cleaning.reject(text, limits):
        report.dropped[reason] += 1
        return
    review = Review(candidate.review_id, candidate.domain, candidate.rating, text, source)
    stream.write(review.to_json().encode("utf-8", "replace") + b"\n")
    spool.fingerprints.append(cleaning.fingerprint(text))
    spool.ids.append(review_ids.fingerprint(review.review_id))
    spool.keys.append(_key(candidate.review_id, sampling.weights[stars - 1], sampling.seed))
    spool.stars.append(stars)


def _key(review_id: str, weight: float, seed: int) -> float:
    """Returns a random key; taking the largest keys samples by weight without replacement.

    Source: Efraimidis and Spirakis 2006, algorithm A.
    """
    if weight == 0:
        return -math.inf
    digest = hashlib.blake2b(
        f"{seed}\0{review_id}".encode("utf-8", "replace"), digest_size=8
    ).digest()
    uniform = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
    return math.log(uniform) / weight


def _choose(
    spool: _Spool, sampling: Sampling, report: Report, max_bad_fraction: float
) -> np.ndarray:
    """Returns which reviews of the spool are taken, bool (n,)."""
    keys = np.array(spool.keys)
    keep = np.zeros(len(keys), bool)
    # The first of equal texts stays, and of those the first with an id.
    _, first = np.unique(np.array(spool.fingerprints), return_index=True)
    keep[first] = True
    report.dropped["exact duplicate"] += int(len(keep) - keep.sum())
    _drop_ids_again(spool, keep, report, max_bad_fraction)
    if sampling.near_duplicates is not None:
        _drop_near_duplicates(spool, sampling.near_duplicates, keep, report)
    weightless = keep & np.isneginf(keys)
    keep &= ~weightless
    unchosen = int(weightless.sum())
    if sampling.count is not None and keep.sum() > sampling.count:
        candidates = np.flatnonzero(keep)
        order = np.argpartition(keys[candidates], len(candidates) - sampling.count)
        lost = candidates[order[: len(candidates) - sampling.count]]
        keep[lost] = False
        unchosen += len(lost)
    if unchosen:
        report.dropped["not sampled"] += unchosen
    report.dropped = +report.dropped
    return keep


def _drop_ids_again(spool: _Spool, keep: np.ndarray, report: Report, most: float) -> None:
    """Leaves out other texts under an id that is taken, if they are few; says so in any case."""
    places = np.flatnonzero(keep)
    _, first = np.unique(np.array(spool.ids)[places], return_index=True)
    again = np.delete(places, first)
    if not len(again):
        return
    with spool.path.open("rb") as lines:
        line = next(itertools.islice(lines, int(again[0]), None))
    words = f"review ids come again on {len(again):,} of {report.lines:,} lines, such as "
    words += files.shown(json.loads(line)["review_id"])
    if len(again) > most * report.lines:
        raise ValueError(
            f"{words}, more than --max-bad-fraction {most:g}; if the column holds no review ids, "
            "leave id=… out of --columns"
        )
    report.notes.append(f"{words}; the first of each is kept")
    report.dropped["id again"] += len(again)
    keep[again] = False


def _drop_near_duplicates(
    spool: _Spool, threshold: float, keep: np.ndarray, report: Report
) -> None:
    try:
        import datasketch
    except ImportError:
        raise ValueError(
            "--near-duplicates needs datasketch; run: pip install datasketch"
        ) from None
    index = datasketch.MinHashLSH(threshold=threshold, num_perm=64)
    with spool.path.open("rb") as lines:
        for number, line in enumerate(lines):
            if not keep[number]:
                continue
            words = json.loads(line)["text"].lower().split()
            triples = {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
            sketch = datasketch.MinHash(num_perm=64)
            sketch.update_batch([triple.encode() for triple in triples])
            if index.query(sketch):
                keep[number] = False
                report.dropped["near duplicate"] += 1
            else:
                index.insert(number, sketch)

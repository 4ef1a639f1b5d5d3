"""Review ids name one review each: splits, draws, shards and ledgers all go by them.

A million ids are compared in 16 MB: 64-bit fingerprints tell which may be the same, and only where
some are, the file is read once more for their names.
"""

import array
import hashlib
from pathlib import Path

import numpy as np

from fsa_jax.runtime import files
from generation.records import Review


def fingerprint(text: str) -> int:
    """Returns 64 bits that tell texts apart."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


class Register:
    """Notes the reviews of one file, and refuses an id that stands for several of them.

    The very same review may come again; it asks for nothing new.
    """

    def __init__(self) -> None:
        self._ids = array.array("Q")
        self._reviews = array.array("Q")

    def add(self, review: Review) -> None:
        """Notes a review."""
        self._ids.append(fingerprint(review.review_id))
        self._reviews.append(fingerprint(f"{review.domain}\0{review.rating}\0{review.text}"))

    def check(self, path: Path) -> None:
        """Raises ValueError where an id of ``path``, the file noted, stands for two reviews."""
        ids, reviews = np.array(self._ids), np.array(self._reviews)
        order = np.argsort(ids, kind="stable")
        same = ids[order][1:] == ids[order][:-1]
        other = reviews[order][1:] != reviews[order][:-1]
        clashes = set(ids[order][1:][same & other].tolist())
        if not clashes:
            return
        lines: dict[str, list[int]] = {}
        for number, row in files.json_lines(path):
            name = str(row["review_id"])
            if fingerprint(name) in clashes:
                lines.setdefault(name, []).append(number)
        name, places = min(lines.items(), key=lambda item: item[1])
        raise ValueError(
            f"{path}: review ids that stand for several reviews each: {len(lines):,}, such as "
            f"{files.shown(name)} on lines {places[0]} and {places[1]}; give each review its own "
            "id, or let `fsa reviews collect` make ids (leave id=… out of --columns)"
        )

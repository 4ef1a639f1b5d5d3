"""What everybody has to know of the understanding corpus: names, lengths, sizes, and draws.

Those who build a corpus, train on it or on its reviews alone, and export the student share this.

**Held out.** A review belongs to validation if a hash of its id is small enough. The same ones are
held out of every prompt, teacher and baseline, so nothing trains on what another one validates on.

**Drawn.** A size is a number of reviews, those that are held out and those without a usable answer
included: another hash ranks all reviews of the collection, and a size takes the first ones. So
every prompt and baseline draws the same reviews, a smaller draw lies in a larger one, and a teacher
that fails on some of them does not shift the draw.

A corpus is written in the order of the draw, and beside it a *draw file* says of each review of the
collection, in that order, whether it is in the train split, in validation, or has no answer.
"""

import functools
import hashlib
import re
from pathlib import Path

TEACHERS = ("llama2_7b", "mixtral_8x7b", "gpt35", "lexicon")
DOMAINS = ("restaurant", "laptop")
PROMPTS = ("anl", "rw")  # of what teachers write
SPLITS = ("train", "validation")
# The folder of the corpora in a data root, and their version.
NAME, VERSION = "understanding", "1.0.0"
# Tokens that a student reads and writes, the end of sequence included.
INPUT_LENGTH, TARGET_LENGTH = 128, 400
# What the ids of invented reviews and sentences begin with (`fsa sample`).
INVENTED = "sample-"
# Reviews of a mixture; a mixture of two domains takes the half of it from each.
SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
HELD_OUT = 0.02
# What T5's vocabulary lacks and ours adds: T5's sentinels, and behind them the newline.
SENTINELS = 100
NEWLINE = "[NL]"

DRAW_FILE = "draw.txt"
# The letters of a draw file.
IN_TRAIN, IN_VALIDATION, NOWHERE = "t", "v", "."
_HASHES = 2**64
_TASK = re.compile(
    rf"{NAME}_\w+?_(?P<prompt>anl(?:_without_[a-z]+)?|rw)_(?:{'|'.join(DOMAINS)})(?:_[0-9]+[km]?)?"
)


def corpus_name(teacher: str, prompt: str, domain: str) -> str:
    """Returns the name of a corpus, which is that of its folder."""
    return f"{teacher}_{prompt}_{domain}"


def parts_of(name: str) -> tuple[str, str, str] | None:
    """Returns teacher, prompt (of one word) and domain of a corpus; None where it is none's name.

    Args:
        name: As ``corpus_name`` makes it.
    """
    rest, _, domain = name.rpartition("_")
    teacher, _, prompt = rest.rpartition("_")
    return (teacher, prompt, domain) if teacher and domain in DOMAINS else None


def prompt_of(task: str) -> str | None:
    """Returns what teachers were asked for a task's texts, maybe with parts dropped; else None.

    Args:
        task: A registered name, such as ``understanding_gpt35_anl_laptop_500``.
    """
    match = _TASK.fullmatch(task)
    return match["prompt"] if match else None


def teachers_in(root: Path) -> set[str]:
    """Returns the teachers that have a corpus in a data root, told by the folders' names."""
    named = (parts_of(folder.name) for folder in (root / NAME).glob("*_*_*"))
    return {parts[0] for parts in named if parts and parts[1] in PROMPTS}


def size_name(reviews: int) -> str:
    """Writes a number of reviews as names do: 500, 1k, 2500, 100k, 1m."""
    for unit, letter in ((1_000_000, "m"), (1_000, "k")):
        if reviews % unit == 0:
            return f"{reviews // unit}{letter}"
    return str(reviews)


def nearness(review_id: str) -> float:
    """Returns how near a review is to being held out, from 0 (held out first) to 1."""
    return _hash("split", review_id) / _HASHES


def is_held_out(review_id: str, fraction: float = HELD_OUT) -> bool:
    """Whether a review belongs to validation.

    Of a collection so small that none does, the nearest one is held out; who reads it sees to that.

    Args:
        review_id: The review.
        fraction: The share that is held out.
    """
    return nearness(review_id) < fraction


def draw_rank(review_id: str) -> int:
    """Returns a review's rank in a draw, an integer below 2**64; low ones come first."""
    return _hash("draw", review_id)


def _hash(purpose: str, review_id: str) -> int:
    text = f"{purpose}:{review_id}".encode("utf-8", "replace")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def read_draw(folder: Path) -> str | None:
    """Returns the letters of a corpus's draw file, ``None`` where an older corpus has none.

    Args:
        folder: The folder of the corpus.
    """
    path = folder / DRAW_FILE
    return _read(str(path), path.stat().st_mtime_ns) if path.is_file() else None


@functools.lru_cache(maxsize=64)
def _read(path: str, stamp: int) -> str:
    return Path(path).read_text("ascii").strip()

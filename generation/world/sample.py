"""Writes the whole sample world into a data root."""

from collections.abc import Iterator
from pathlib import Path

from fsa_jax.runtime import files
from generation.lexicon import writing
from generation.records import Review
from generation.world.benchmark import write_benchmark
from generation.world.reviews import draw_reviews
from generation.world.vocabulary import train_vocabulary

# Enough reviews for every word; more would only make training the vocabulary slower.
_VOCABULARY_REVIEWS = 1500
_LABELS = ("positive", "negative", "neutral", "conflict", "| ; | ;")


def write_sample(
    folder: Path, seed: int = 0, reviews: int = 4000, overwrite: bool = False
) -> dict[str, int]:
    """Writes ``reviews.jsonl``, ``fsa/…`` and ``vocabulary.model``, all decided by the seed.

    Args:
        folder: the data root to fill.
        seed: same seed and number, same bytes.
        reviews: number of reviews.
        overwrite: write into a folder that is not empty.

    Returns:
        Numbers of reviews, benchmark sentences by file, and pieces.

    Raises:
        FileExistsError: the folder is not empty and ``overwrite`` is off, or it is a file.
    """
    if folder.is_file():
        raise FileExistsError(f"{folder} is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise FileExistsError(f"{folder} is not empty; name another folder, or pass --overwrite")
    drawn = [review for review, _ in draw_reviews(reviews, seed)]
    with files.atomic_file(folder / "reviews.jsonl") as stream:
        stream.writelines(review.to_json().encode() + b"\n" for review in drawn)
    counts = {"reviews": len(drawn)}
    counts |= write_benchmark(folder / "fsa", seed)
    known = (
        drawn
        if reviews >= _VOCABULARY_REVIEWS
        else [r for r, _ in draw_reviews(_VOCABULARY_REVIEWS, seed)]
    )
    counts["pieces"] = train_vocabulary(
        _texts(known[:_VOCABULARY_REVIEWS]), folder / "vocabulary.model"
    )
    return counts


def _texts(reviews: list[Review]) -> Iterator[str]:
    for review in reviews:
        yield review.text
        yield writing.analysis_text(review.text, review.domain)
        yield writing.rewrite_text(review.text, review.domain)
        yield from _LABELS

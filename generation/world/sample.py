"""Writes the whole sample world into a data root."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fsa_jax.runtime import files
from generation.lexicon import writing
from generation.records import Review
from generation.world.fsa_json import write_benchmark
from generation.world.instructions import write_instructions
from generation.world.quads import write_quads
from generation.world.reviews import draw_by_stars, draw_reviews
from generation.world.vocabulary import train_vocabulary

# Enough reviews for every word; more would only make training the vocabulary slower.
_VOCABULARY_REVIEWS = 1500
_LABELS = ("positive", "negative", "neutral", "conflict", "| ; | ;")


def write_sample(
    folder: Path,
    seed: int = 0,
    reviews: int = 4000,
    overwrite: bool = False,
    weights: Sequence[float] | None = None,
) -> dict[str, int]:
    """Writes reviews, benchmarks, instructions and a vocabulary, all decided by the seed.

    Args:
        folder: The data root to fill.
        seed: Same seed and number, same bytes.
        reviews: Number of reviews.
        overwrite: Write into a folder that is not empty.
        weights: Of reviews of one to five stars; None for as they come. The rest of the world does
            not depend on it.

    Returns:
        Numbers of reviews, benchmark sentences by file, instructions, and pieces.

    Raises:
        FileExistsError: The folder is not empty and ``overwrite`` is off, or it is a file.
    """
    if folder.is_file():
        raise FileExistsError(f"{folder} is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise FileExistsError(f"{folder} is not empty; name another folder, or pass --overwrite")
    if weights is None:
        drawn = [review for review, _ in draw_reviews(reviews, seed)]
    else:
        drawn = draw_by_stars(reviews, seed, weights)
    with files.atomic_file(folder / "reviews.jsonl") as stream:
        stream.writelines(review.to_json().encode() + b"\n" for review in drawn)
    counts = {"reviews": len(drawn)}
    counts |= write_benchmark(folder / "fsa", seed)
    counts |= write_quads(folder, seed)
    counts["instructions"] = write_instructions(folder / "instructions" / "sample.jsonl", seed)
    known = [review for review, _ in draw_reviews(_VOCABULARY_REVIEWS, seed)]
    counts["pieces"] = train_vocabulary(_texts(known), folder / "vocabulary.model")
    return counts


def _texts(reviews: list[Review]) -> Iterator[str]:
    for review in reviews:
        yield review.text
        yield writing.analysis_text(review.text, review.domain)
        yield writing.rewrite_text(review.text, review.domain)
        yield from _LABELS

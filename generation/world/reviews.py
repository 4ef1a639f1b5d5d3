"""Writes whole sample reviews: a few sentences of one mood, and stars that follow from them."""

import itertools
import random
from collections.abc import Iterator, Sequence

from fsa_jax.opinions.corpus import DOMAINS, INVENTED
from generation.records import Review
from generation.world.sentences import SampleSentence, Speaker

# Chance of a positive opinion in reviews of one to five stars.
_MOODS = {1: 0.05, 2: 0.25, 3: 0.5, 4: 0.8, 5: 0.97}
_STARS = (1, 2, 3, 4, 5)
_WEIGHTS = (12, 12, 20, 26, 30)


def draw_reviews(count: int, seed: int) -> Iterator[tuple[Review, list[SampleSentence]]]:
    """Yields ``count`` reviews, restaurants and laptops by turns.

    Each comes with the sentences that it is made of.

    Args:
        count: Number of reviews.
        seed: Same seed, same reviews; a larger count begins with the reviews of a smaller one.
    """
    for index in range(count):
        domain = DOMAINS[index % len(DOMAINS)]
        rng = random.Random(f"{seed} review {index}")
        stars = rng.choices(_STARS, _WEIGHTS)[0]
        speaker = Speaker(domain, rng)
        sentences = [speaker.sentence(_MOODS[stars]) for _ in range(rng.choice((2, 2, 3, 3, 4)))]
        if not any(sentence.opinions for sentence in sentences):
            sentences.append(speaker.sentence(_MOODS[stars], "explicit"))
        text = " ".join(sentence.text for sentence in sentences)
        review_id = f"{INVENTED}{seed}-{index:06d}"
        yield Review(review_id, domain, float(stars), text, "sample"), sentences


def draw_by_stars(count: int, seed: int, weights: Sequence[float]) -> list[Review]:
    """Draws reviews whose stars are weighted, half of them from each domain.

    A weight multiplies the natural share of its stars, as a sampling scheme's does.

    Args:
        count: Number of reviews.
        seed: Same seed, same reviews.
        weights: Of one to five stars; not all zero.
    """
    rng = random.Random(f"{seed} stars {weights}")
    largest = max(weights)
    kept: dict[str, list[Review]] = {"restaurant": [], "laptop": []}
    for block in itertools.count(1):
        # A larger count begins with the reviews of a smaller one: each block adds to the pool.
        pool = (review for review, _ in draw_reviews(block * count, seed))
        for review in itertools.islice(pool, (block - 1) * count, None):
            chance = weights[int(review.rating) - 1] / largest
            if rng.random() < chance and len(kept[review.domain]) < -(-count // 2):
                kept[review.domain].append(review)
        if all(len(reviews) >= count // 2 for reviews in kept.values()):
            break
    pairs = zip(kept["restaurant"], kept["laptop"], strict=False)
    return [review for pair in pairs for review in pair][:count]

"""Sample reviews follow their stars."""

import collections

from generation.world.reviews import draw_reviews


def test_reviews_follow_their_stars():
    counts = collections.defaultdict(collections.Counter)
    for review, sentences in draw_reviews(800, 2):
        assert " ".join(sentence.text for sentence in sentences) == review.text
        counts[review.rating].update(o.polarity for s in sentences for o in s.opinions)
    assert set(counts) == {1.0, 2.0, 3.0, 4.0, 5.0}
    shares = [counts[s]["positive"] / counts[s].total() for s in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert shares == sorted(shares)

"""The category spaces are SemEval-2016's: twelve pairs, and 22 entities by nine attributes."""

from fsa_jax.opinions import categories


def test_sizes_and_words():
    assert len(categories.RESTAURANT) == 12
    assert len(categories.LAPTOP) == 22 * 9
    assert {"food quality", "restaurant prices", "drinks style_options"} <= categories.RESTAURANT
    assert {"battery operation_performance", "hard_disc quality"} <= categories.LAPTOP
    assert not categories.RESTAURANT & categories.LAPTOP
    for space in categories.SPACES.values():
        assert not [words for words in space if words != words.lower() or words.count(" ") != 1]

"""Sizes that are compiled are few, and not much larger than what they hold."""

from fsa_jax.decoding import shapes


def test_widths_are_few_and_near_the_lengths():
    widths = [shapes.encoder_width(length) for length in range(1, 1000)]
    assert all(n <= width <= max(16, 1.5 * n) for n, width in enumerate(widths, start=1))
    assert len(set(widths)) == 13


def test_powers_of_two_hold_what_they_are_asked_for():
    assert [shapes.power_of_two(n) for n in (0, 1, 2, 3, 8, 9)] == [1, 1, 2, 4, 8, 16]
    assert shapes.power_of_two(3, 32) == 32

"""Sizes of what is compiled: few, so that each compiles once."""

_NARROWEST = 16


def power_of_two(count: int, least: int = 1) -> int:
    """Returns the least power of two that is no less than ``count`` and ``least``."""
    return max(least, 1 << max(0, count - 1).bit_length())


def encoder_width(length: int) -> int:
    """Returns the least of 16, 24, 32, 48, 64, 96, … that is no less than ``length``."""
    power = power_of_two(length, _NARROWEST)
    return power * 3 // 4 if power > _NARROWEST and length <= power * 3 // 4 else power

"""Tells ratings of one to five stars from numbers that mean something else.

Public review sets also count from 0 to 4 (the labels of ``yelp_review_full``), from 0 to 1, or to
10. Taken for stars, labels would be one star too low, and the worst reviews would be dropped.
"""

import math
import re
from pathlib import Path
from typing import Any

# As sites print it: "4", "4.5", "4.0 out of 5 stars", "4/5", "1 star".
_WRITTEN = re.compile(
    r"\s*([0-9]{1,6}(?:\.[0-9]{1,20})?)(?:\s*(?:/|out of)\s*5(?:\.0)?)?(?:\s*stars?)?\s*",
    re.IGNORECASE | re.ASCII,
)
_LABEL_NAMES = ("label", "labels", "class")
# More ratings above five than this share are no slips of the pen.
_MOST_ABOVE = 0.01


def number(value: Any) -> float | None:
    """Returns the number that a field holds or writes out, or None."""
    if isinstance(value, str):
        match = _WRITTEN.fullmatch(value)
        return float(match[1]) if match else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


class Scale:
    """The scale of one file's ratings.

    Args:
        path: The file, for errors.
        column: Name of the column of ratings.
        lowest: Rating of the worst review, 1 or 0; None where it was not told.
    """

    def __init__(self, path: Path, column: str, lowest: int | None) -> None:
        self.path, self.column, self.lowest = path, column, lowest
        self._low, self._high = math.inf, -math.inf
        self._count = self._above = 0

    def stars(self, value: Any) -> float | None:
        """Returns the stars that a rating means, or None; call it for each row."""
        found = number(value)
        if found is None:
            return None
        self._low, self._high = min(self._low, found), max(self._high, found)
        self._count += 1
        self._above += found > 5
        return found + 1 if self.lowest == 0 else found

    def check(self) -> None:
        """Raises ValueError where the ratings seen are not what they were taken for."""
        if not self._count:
            return
        seen = f"{self.path}: column {self.column!r} runs from {self._low:g} to {self._high:g}"
        if self.lowest == 0:
            if self._high > 4:
                raise ValueError(
                    f"{seen}, which is more than labels have; leave --lowest-rating 0 out"
                )
            return
        if self._above > _MOST_ABOVE * self._count:
            raise ValueError(f"{seen}; only stars from 1 to 5 are known: convert it first")
        if self.lowest is not None or self._high > 4:
            return
        if self._low < 1:
            raise ValueError(
                f"{seen}, as labels do that count from 0; pass --lowest-rating 0 if 0 means one "
                "star and 4 five, or --lowest-rating 1 if 0 means that there is no rating"
            )
        if self.column.strip().lower() in _LABEL_NAMES:
            raise ValueError(
                f"{seen}, which may be labels or stars; pass --lowest-rating 0 or 1, which is what "
                "the worst review has"
            )

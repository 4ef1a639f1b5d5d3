"""How many requests are in flight, and how long to wait after a fault."""

import asyncio
import random
import time

FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0


def backoff(attempt: int, rng: random.Random, first: float = FIRST_WAIT) -> float:
    """Returns the seconds to wait after the ``attempt``-th failure (from 1).

    Exponential, with full jitter.

    The wait is drawn from the upper half of ``first * 2**(attempt - 1)``, at most ``LONGEST_WAIT``,
    so that clients that failed together do not come back together.
    """
    longest = min(LONGEST_WAIT, first * 2 ** min(attempt - 1, 30))
    return float(longest * (0.5 + 0.5 * rng.random()))


class Gate:
    """Adapts the number of requests in flight to what the service takes.

    It starts at ``most``. Overload (429, timeouts, 503) takes a quarter off, at most once per
    ``COOL_SECONDS``; each ``limit`` successes in a row add one. A wait that the service asks for
    holds back all requests, not only the one that was told.

    Args:
        most: The largest number in flight.
    """

    COOL_SECONDS = 1.0

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = most
        self._successes = 0
        self._cut = 0.0
        self._open_at = 0.0

    def success(self) -> None:
        """Counts an answer."""
        self._successes += 1
        if self._successes >= self.limit and self.limit < self.most:
            self.limit, self._successes = self.limit + 1, 0

    def overload(self) -> None:
        """Counts a sign of overload."""
        self._successes = 0
        now = time.monotonic()
        if now - self._cut > self.COOL_SECONDS:
            self.limit, self._cut = max(1, self.limit * 3 // 4), now

    def hold(self, seconds: float) -> None:
        """Lets no request out for so long."""
        self._open_at = max(self._open_at, time.monotonic() + seconds)

    async def wait(self) -> None:
        """Waits until requests may go out."""
        while (left := self._open_at - time.monotonic()) > 0:
            await asyncio.sleep(left)

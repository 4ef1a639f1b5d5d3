"""Stopping in good order: SIGTERM or Ctrl-C ends training after a step, not in one.

Of several hosts, one SIGTERM stops all, after the same step.
"""

import signal
from typing import Any


class StopSignal:
    """While entered, turns SIGTERM and Ctrl-C into a wish; a second Ctrl-C interrupts."""

    def __init__(self) -> None:
        self._wished = False
        self._several_hosts = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignal":
        import jax

        self._several_hosts = jax.process_count() > 1
        if self._several_hosts:
            return self  # JAX listens to SIGTERM itself, to tell the other hosts
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._wish)
        except ValueError:
            self._before.clear()  # not in the main thread: signals are somebody else's business
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def stops_at(self, step: int) -> bool:
        """Whether to stop before ``step``: the same answer on every host."""
        if self._several_hosts:
            from jax.experimental import multihost_utils

            # The notice reaches the hosts at different times; JAX makes them agree on a step.
            return multihost_utils.reached_preemption_sync_point(step)
        return self._wished

    def _wish(self, number: int, frame: object) -> None:
        if self._wished and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._wished = True

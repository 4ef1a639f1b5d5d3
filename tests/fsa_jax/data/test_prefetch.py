"""Working ahead: order, faults, waiting, and the end of the thread."""

import itertools
import threading
import time

import pytest

from fsa_jax.data.prefetch import prefetch_to_device


def test_prefetch_raises_where_the_item_would_have_come():
    def broken():
        yield 1, "one"
        raise ValueError("row 2 is broken")

    feed = prefetch_to_device(broken(), lambda b: b * 10)
    assert next(feed) == (10, "one")
    with pytest.raises(ValueError, match="row 2 is broken"):
        next(feed)


def test_prefetch_works_ahead_and_measures_waiting():
    ready = threading.Event()

    def slow():
        for i in range(3):
            if i == 2:
                ready.set()
            yield i, None

    with prefetch_to_device(slow(), lambda b: b, depth=2) as feed:
        assert ready.wait(5)  # two are built before the first is taken
        assert [item for item, _ in feed] == [0, 1, 2]

    def late():
        time.sleep(0.2)
        yield 1, None

    with prefetch_to_device(late(), lambda b: b) as feed:
        next(feed)
        assert feed.wait_seconds > 0.1


def test_closing_a_prefetcher_stops_its_thread():
    feed = prefetch_to_device(((i, i) for i in itertools.count()), lambda b: b)
    next(feed)
    feed.close()
    assert not feed._thread.is_alive()

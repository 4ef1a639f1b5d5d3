"""Working ahead: batches are built and sent to the device while the current one is used."""

import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any


class Prefetcher:
    """Keeps batches ready on the device while the current one is used.

    A thread runs the iterator and ``put``. Items come out in order; an exception comes out where
    its item would have. Infos travel with their batches, so the state to save is that of the last
    item *taken*, not of the last one built.

    Args:
        iterator: Yields (batch, info).
        put: Moves a batch to the device, for example ``jax.device_put`` with shardings.
        depth: How many batches wait ready, at most.

    Attributes:
        wait_seconds: Time that the consumer has waited so far.
    """

    def __init__(
        self, iterator: Iterable[tuple[Any, Any]], put: Callable[[Any], Any], depth: int = 2
    ):
        self.wait_seconds = 0.0
        self._queue: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=max(1, depth))
        self._closed = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(iterator, put), name="infeed", daemon=True
        )
        self._thread.start()

    def __iter__(self) -> "Prefetcher":
        return self

    def __next__(self) -> tuple[Any, Any]:
        if self._closed.is_set():
            raise StopIteration
        begin = time.perf_counter()
        kind, value = self._queue.get()
        self.wait_seconds += time.perf_counter() - begin
        if kind == "item":
            batch: tuple[Any, Any] = value
            return batch
        self.close()
        if kind == "error":
            raise value
        raise StopIteration

    def close(self) -> None:
        """Stops the thread; batches not taken are dropped."""
        self._closed.set()
        while self._thread.is_alive():
            # The thread may wait for room in the queue: drain until it has seen the flag.
            try:
                self._queue.get(timeout=0.01)
            except queue.Empty:
                continue

    def __enter__(self) -> "Prefetcher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, iterator: Iterable[tuple[Any, Any]], put: Callable[[Any], Any]) -> None:
        try:
            for batch, info in iterator:
                self._queue.put(("item", (put(batch), info)))
                if self._closed.is_set():
                    return
            self._queue.put(("end", None))
        except BaseException as error:  # noqa: BLE001 - raised again where the item is taken
            self._queue.put(("error", error))


def prefetch_to_device(
    iterator: Iterable[tuple[Any, Any]], put: Callable[[Any], Any], depth: int = 2
) -> Prefetcher:
    """Returns an iterator of (put(batch), info) that works ahead in a thread."""
    return Prefetcher(iterator, put, depth)

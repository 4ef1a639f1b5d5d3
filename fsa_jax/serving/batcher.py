"""Batches of what waits: texts of many requests are answered together.

One thread answers; while it is at work, what arrives waits, and goes together into the next batch.
So a lone request waits for nobody, and under load batches grow by themselves, without a timer. The
size of a batch is a power of two: each size is a shape that has to be compiled, and those few are
compiled before the first request.
"""

import asyncio
import collections
import concurrent.futures
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

Answer = dict[str, Any]


class QueueFullError(Exception):
    """More texts wait than may.

    Attributes:
        seconds: After which it is worth asking again.
    """

    def __init__(self, seconds: int):
        super().__init__(f"too much waits already; try again in {seconds} s")
        self.seconds = seconds


@dataclasses.dataclass(frozen=True)
class Question:
    """A text to answer.

    Attributes:
        text: The text.
        given: The target or category that is asked about; None where nothing is given.
        split: Whether to take the text apart into sentences.
    """

    text: str
    given: str | None = None
    split: bool = False


@dataclasses.dataclass
class _Waiting:
    question: Question
    answer: asyncio.Future[Answer]


class Batcher:
    """Answers questions in batches, in the order in which they come.

    Args:
        predict: ``(texts, given, split) → answers``, called in ``worker``.
        worker: The one thread that all batchers of a process share.
        most: Texts of a batch at most, a power of two.
        limit: Texts that may wait.
        observe: Told the number of texts and the seconds of each batch.
    """

    def __init__(
        self,
        predict: Callable[[Sequence[str], Sequence[str] | None, bool], list[Answer]],
        worker: concurrent.futures.Executor,
        *,
        most: int = 64,
        limit: int = 1024,
        observe: Callable[[int, float], None] = lambda count, seconds: None,
    ):
        self._predict, self._worker, self._observe = predict, worker, observe
        self._most, self._limit = most, limit
        self._waiting: collections.deque[_Waiting] = collections.deque()
        self._running: asyncio.Task[None] | None = None
        self._text_seconds = 0.0  # of the last batch, for each of its texts

    @property
    def waiting(self) -> int:
        """Texts that wait."""
        return len(self._waiting)

    async def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answers questions.

        Raises:
            QueueFullError: They would make too much wait; none of them is answered.
            Exception: What answering them raised.
        """
        if len(self._waiting) + len(questions) > self._limit:
            raise QueueFullError(max(1, round(len(self._waiting) * self._text_seconds)))
        loop = asyncio.get_running_loop()
        mine = [_Waiting(question, loop.create_future()) for question in questions]
        self._waiting.extend(mine)
        if self._running is None or self._running.done():
            self._running = loop.create_task(self._run())
        try:
            return [await one.answer for one in mine]
        finally:
            for one in mine:  # of somebody who has gone
                one.answer.cancel()

    async def _run(self) -> None:
        """Answers until nothing waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = self._next()
            if not batch:
                continue
            texts = [one.question.text for one in batch]
            given = [one.question.given or "" for one in batch]
            first = batch[0].question
            started = time.perf_counter()
            work = loop.run_in_executor(
                self._worker,
                self._predict,
                texts,
                None if first.given is None else given,
                first.split,
            )
            await asyncio.wait([work])
            error = work.exception()
            if error is not None:  # those who wait for it are told, others go on
                for one in batch:
                    if not one.answer.done():
                        one.answer.set_exception(error)
                continue
            seconds = time.perf_counter() - started
            self._text_seconds = seconds / len(batch)
            self._observe(len(batch), seconds)
            for one, answer in zip(batch, work.result(), strict=True):
                if not one.answer.done():
                    one.answer.set_result(answer)

    def _next(self) -> list[_Waiting]:
        """The first questions of one sort, as many as the largest power of two that there are."""
        while self._waiting and self._waiting[0].answer.cancelled():
            self._waiting.popleft()
        if not self._waiting:
            return []
        sort = _sort(self._waiting[0].question)
        same = 0
        for one in self._waiting:
            if same == self._most or _sort(one.question) != sort:
                break
            same += 1
        return [self._waiting.popleft() for _ in range(1 << (same.bit_length() - 1))]


def _sort(question: Question) -> tuple[bool, bool]:
    return question.given is None, question.split

"""Tokens of very many texts: remembered words (``word_tokens``), on all cores where that pays.

The cores work in processes of their own, which load neither TensorFlow nor JAX.
"""

import collections
import contextlib
import itertools
import os
import pickle
import queue
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow_text

from fsa_jax.data import word_tokens

_ALONE = 8  # lists that this process does before it starts others, which takes a second
_MOST_WORKERS = 16  # then this process, which hands out the texts, is the slowest
_Found = list[bytes | None]


def encode(model: bytes, lists: Iterable[list[bytes]]) -> Iterator[list[np.ndarray]]:
    """Yields the token ids of lists of texts, int32 each: those of TensorFlow Text's tokenizer.

    Args:
        model: A serialized SentencePiece model.
        lists: Some thousand texts each, in UTF-8.
    """
    whole: Any = tensorflow_text.SentencepieceTokenizer(model=model)
    for texts, found in _in_order(model, lists):
        left = [i for i, ids in enumerate(found) if ids is None]
        if left:
            ragged = whole.tokenize([texts[i] for i in left])
            ids, starts = ragged.flat_values.numpy().astype(np.int32), ragged.row_splits.numpy()
            for i, start, stop in zip(left, starts[:-1], starts[1:], strict=True):
                found[i] = ids[start:stop].tobytes()
        yield [np.frombuffer(ids or b"", np.int32) for ids in found]


def _in_order(model: bytes, lists: Iterable[list[bytes]]) -> Iterator[tuple[list[bytes], _Found]]:
    lists, words = iter(lists), word_tokens.WordTokens(model)
    for texts in itertools.islice(lists, _ALONE):
        yield texts, words.encode(texts)
    if (first := next(lists, None)) is None:
        return
    idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()

    def work(texts: list[bytes]) -> _Found:
        worker = idle.get()
        try:
            return worker.encode(texts)
        finally:
            idle.put(worker)

    waiting: collections.deque[tuple[list[bytes], Future[_Found]]] = collections.deque()
    with contextlib.ExitStack() as stack:
        count = min(len(os.sched_getaffinity(0)), _MOST_WORKERS)
        for _ in range(count):
            idle.put(stack.enter_context(_Worker(model)))
        threads = stack.enter_context(ThreadPoolExecutor(count))
        for texts in itertools.chain([first], lists):
            waiting.append((texts, threads.submit(work, texts)))
            if len(waiting) > 2 * count:
                done, answer = waiting.popleft()
                yield done, answer.result()
        for done, answer in waiting:
            yield done, answer.result()


class _Worker:
    """A process that tokenises."""

    def __init__(self, model: bytes):
        # -P: no module beside the script is taken for one of another package.
        command = [sys.executable, "-P", word_tokens.__file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin
        assert self._process.stdout
        self._requests, self._answers = self._process.stdin, self._process.stdout
        pickle.dump(model, self._requests)

    def encode(self, texts: list[bytes]) -> _Found:
        """Returns what ``WordTokens.encode`` does.

        Raises:
            RuntimeError: The process has died.
        """
        try:
            pickle.dump(texts, self._requests)
            self._requests.flush()
            found: _Found = pickle.load(self._answers)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            self._process.kill()
            code = self._process.wait()
            raise RuntimeError(f"a process that tokenises has ended with code {code}") from None
        return found

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()
        self._answers.close()
        self._process.wait()

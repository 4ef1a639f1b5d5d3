"""What waits is answered together, in order, and nobody's trouble is another's."""

import asyncio
import concurrent.futures
import threading

import pytest

from fsa_jax.serving.batcher import Batcher, Question, QueueFullError


class Slow:
    """Answers when it is let go; keeps what it was asked."""

    def __init__(self):
        self.batches, self.go = [], threading.Event()

    def __call__(self, texts, given, split):
        self.batches.append((list(texts), given, split))
        assert self.go.wait(10)
        if "bad" in texts:
            raise ValueError("no answer to bad")
        return [{"raw": text.upper()} for text in texts]


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def make(slow):
    with concurrent.futures.ThreadPoolExecutor(1) as worker:
        yield lambda **limits: Batcher(slow, worker, **limits)
        slow.go.set()


def questions(*texts, **about):
    return [Question(text, **about) for text in texts]


async def until(condition):
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it did not happen")


async def begun(batcher, slow):
    """Keeps the worker busy with a first question."""
    first = asyncio.create_task(batcher.answer(questions("first")))
    await until(lambda: slow.batches)
    return first


def test_what_waits_is_answered_together_in_powers_of_two(make, slow):
    async def run():
        batcher = make(most=4)
        first = await begun(batcher, slow)
        tasks = [asyncio.create_task(batcher.answer(questions(f"a{i}", f"b{i}"))) for i in range(5)]
        await until(lambda: batcher.waiting == 10)
        slow.go.set()
        assert await first == [{"raw": "FIRST"}]
        found = await asyncio.gather(*tasks)
        assert found == [[{"raw": f"A{i}"}, {"raw": f"B{i}"}] for i in range(5)]

    asyncio.run(run())
    assert [len(texts) for texts, _, _ in slow.batches] == [1, 4, 4, 2]


def test_questions_of_different_sorts_do_not_share_a_batch(make, slow):
    async def run():
        batcher = make()
        first = await begun(batcher, slow)
        asked = [("a", {}), ("b", {"split": True}), ("c", {"split": True}), ("d", {"given": "x"})]
        tasks = [asyncio.create_task(batcher.answer(questions(t, **kw))) for t, kw in asked]
        await until(lambda: batcher.waiting == 4)
        slow.go.set()
        await asyncio.gather(first, *tasks)

    asyncio.run(run())
    assert slow.batches[1:] == [
        (["a"], None, False),
        (["b", "c"], None, True),
        (["d"], ["x"], False),
    ]


def test_a_full_queue_takes_a_request_whole_or_not_at_all(make, slow):
    async def run():
        batcher = make(limit=3)
        first = await begun(batcher, slow)
        waits = asyncio.create_task(batcher.answer(questions("a", "b")))
        await until(lambda: batcher.waiting == 2)
        with pytest.raises(QueueFullError) as full:
            await batcher.answer(questions("c", "d"))
        assert full.value.seconds >= 1
        fits = asyncio.create_task(batcher.answer(questions("e")))
        slow.go.set()
        assert await asyncio.gather(first, waits, fits)

    asyncio.run(run())
    assert sorted(text for texts, _, _ in slow.batches for text in texts) == [
        "a",
        "b",
        "e",
        "first",
    ]


def test_an_error_is_told_to_those_of_its_batch_and_the_rest_goes_on(make, slow):
    async def run():
        batcher = make(most=1)
        slow.go.set()
        bad = asyncio.create_task(batcher.answer(questions("bad")))
        good = asyncio.create_task(batcher.answer(questions("good")))
        with pytest.raises(ValueError, match="no answer to bad"):
            await bad
        assert await good == [{"raw": "GOOD"}]

    asyncio.run(run())


def test_a_client_that_has_gone_is_not_answered(make, slow):
    async def run():
        batcher = make()
        first = await begun(batcher, slow)
        gone = asyncio.create_task(batcher.answer(questions("gone")))
        stays = asyncio.create_task(batcher.answer(questions("stays")))
        await until(lambda: batcher.waiting == 2)
        gone.cancel()
        await asyncio.sleep(0.01)
        slow.go.set()
        assert await stays == [{"raw": "STAYS"}]
        assert await first

    asyncio.run(run())
    assert [texts for texts, _, _ in slow.batches] == [["first"], ["stays"]]

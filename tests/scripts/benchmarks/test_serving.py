"""The load of ``fsa serve`` is made of texts of their own, and what is lost is counted."""

import asyncio
import pathlib
import time

import aiohttp
import pytest


@pytest.fixture
def serving(monkeypatch):
    monkeypatch.syspath_prepend(pathlib.Path(__file__).parents[3])
    from scripts.benchmarks import serving

    return serving


def test_each_number_has_a_text_of_its_own_and_always_the_same(serving):
    texts = [serving.text(number) for number in range(30)]
    assert len({len(text.split()) for text in texts}) > 2
    assert texts == [serving.text(number) for number in range(30)]


def test_a_server_that_is_not_there_is_counted_and_not_asked_again(serving):
    async def ask():
        load = serving.Load()
        async with aiohttp.ClientSession() as session:
            await load.client(session, 0, time.monotonic() + 60)
        return load

    load = asyncio.run(ask())
    assert load.refused == {"not accepted": 1}
    assert load.seconds == []

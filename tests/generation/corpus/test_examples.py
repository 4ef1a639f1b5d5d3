"""Examples are sorted as in memory, whatever the memory."""

import dataclasses

import numpy as np

from generation.corpus.examples import Example, Sorter


def test_sorter_matches_a_sort_in_memory(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    examples = [
        Example(
            f"r{rng.integers(300)}",
            "laptop",
            "t",
            ("anl", "rw")[rng.integers(2)],
            "in",
            str(n),
            3.0,
        )
        for n in range(1000)
    ]
    last = {(e.config, e.review_id): e for e in examples}
    orders = []
    for size in (10**9, 5_000):
        monkeypatch.setattr("generation.corpus.examples.BUCKET_BYTES", size)
        sorter = Sorter(tmp_path, 60_000)
        sorter.add_all(examples)
        orders.append(list(sorter.sorted()))
        assert sorter.superseded == 1000 - len(last)
        assert not list(tmp_path.iterdir())
    assert sorter.count == 12
    assert orders[0] == orders[1]
    assert sorted(map(dataclasses.astuple, orders[0])) == sorted(
        map(dataclasses.astuple, last.values())
    )

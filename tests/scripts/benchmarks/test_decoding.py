"""Jobs of the decoding benchmark, and what is told of two sides."""

import argparse
import json
import pathlib

import numpy as np
import pytest


@pytest.fixture
def decoding(monkeypatch):
    monkeypatch.syspath_prepend(pathlib.Path(__file__).parents[3])
    from scripts.benchmarks import decoding

    return decoding


def test_jobs_are_cut_to_what_each_measures(decoding, monkeypatch, tmp_path):
    sentences = [(np.array([n, 1]), np.array([1])) for n in range(200)]
    words = [np.array([n]) for n in (5, 6, 7, 8)]
    prompts = [(np.array([n, 1]), word) for n in range(3) for word in words]
    found = {"tsa_rest14": sentences, "tsc_rest14": prompts}
    monkeypatch.setattr(decoding.world, "examples", lambda task, split: found[task])
    monkeypatch.setattr(decoding, "random_student", lambda folder: None)
    options = argparse.Namespace(student="mine", limit=10**9)
    jobs = decoding.make_jobs(tmp_path, options)
    assert [len(job["inputs"]) for job in jobs.values()] == [200, 2 * decoding.BATCH, 3]
    assert jobs["trained"]["student"] == jobs["labels"]["student"] == "mine"
    assert jobs["labels"]["labels"] == [[5], [6], [7]]  # each prompt once, three of its words
    json.dumps(jobs)
    options.limit = 2
    assert {len(job["inputs"]) for job in decoding.make_jobs(tmp_path, options).values()} == {2}


@pytest.mark.parametrize("labels", [[], [[5], [6]]])
def test_two_sides_are_told_beside_each_other(decoding, monkeypatch, tmp_path, labels):
    def side(seconds, answers, **ready):
        rows = [{"seconds": second, "found": answers} for second in seconds]
        return decoding.sides.Measured(ready, rows, 10)

    ours, theirs = [[1, 2], [3]], [[1, 2], [4]]
    pair = {
        "ours": side([1.0, 2.0, 9.0], ours, first_round=30.0),
        "torch": side([4.0, 6.0, 7.0], theirs),
    }
    monkeypatch.setattr(decoding.sides, "measure", lambda specs, rounds: pair)
    found = decoding.compare({"inputs": [[1], [2]], "labels": labels}, tmp_path, 3)
    assert found["speed_ratio"] == 3.0
    assert found["equal_answers"] == 0.5
    assert found["first_seconds"] == 30.0
    assert ("mean_tokens" in found) is (not labels)
    if not labels:
        assert (found["mean_tokens"], found["longest_output"]) == (1.5, 2)

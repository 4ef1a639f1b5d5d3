import os
import signal

import pytest
import tensorflow as tf
import tensorflow_text

from fsa_jax.data import text_tokens


@pytest.mark.parametrize("alone", [2, 99])
def test_lists_come_back_in_their_order_from_all_processes(vocabulary_file, monkeypatch, alone):
    monkeypatch.setattr(text_tokens, "_ALONE", alone)
    model = vocabulary_file.read_bytes()
    lists = [[f"wine {i} {k} ooo"[: 12 - k % 4].encode() for k in range(i + 1)] for i in range(9)]
    found = list(text_tokens.encode(model, lists))
    tokenize = tensorflow_text.SentencepieceTokenizer(model=model).tokenize
    expected = [tokenize(tf.constant(texts)).to_list() for texts in lists]
    assert [[ids.tolist() for ids in answer] for answer in found] == expected


def test_a_process_that_dies_is_told(vocabulary_file):
    with text_tokens._Worker(vocabulary_file.read_bytes()) as worker:
        assert worker.encode([b"wine"])[0]
        os.kill(worker._process.pid, signal.SIGKILL)
        with pytest.raises(RuntimeError, match="a process that tokenises has ended with code -9"):
            worker.encode([b"wine"])


def test_who_stops_early_leaves_no_process(vocabulary_file, monkeypatch):
    monkeypatch.setattr(text_tokens, "_ALONE", 0)
    started = []
    enter = text_tokens._Worker.__enter__
    monkeypatch.setattr(
        text_tokens._Worker, "__enter__", lambda self: started.append(self) or enter(self)
    )
    answers = text_tokens.encode(vocabulary_file.read_bytes(), ([b"wine"] for _ in range(50)))
    next(answers)
    answers.close()
    assert started
    assert {worker._process.poll() for worker in started} == {0}

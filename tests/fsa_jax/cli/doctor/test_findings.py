"""What another process answers, and how it may fail to."""

import re

import pytest

from fsa_jax.cli.doctor.findings import NoAnswerError, ask


def test_the_last_line_is_the_answer():
    assert ask("print('loading'); print('{\"a\": 1}')", 30) == {"a": 1}


@pytest.mark.parametrize(
    ("program", "seconds", "message"),
    [
        ("raise RuntimeError('the device is held by 42')", 30, "RuntimeError: the device is held"),
        ("import os; os.abort()", 30, "Python was ended (code -6)"),
        ("import time; time.sleep(60)", 0.5, "no answer within"),
    ],
)
def test_a_process_that_does_not_answer_says_why(program, seconds, message):
    with pytest.raises(NoAnswerError, match=re.escape(message)):
        ask(program, seconds)

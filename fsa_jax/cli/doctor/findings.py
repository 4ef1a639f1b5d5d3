"""What the doctor finds, and questions that a process of its own answers.

Loading JAX or TensorFlow may fail in ways that end a process (another processor's instructions, a
device that somebody else holds), or never end at all. So they are asked in another one.
"""

import dataclasses
import enum
import json
import os
import subprocess
import sys
from typing import Any


class State(enum.StrEnum):
    """How it is with something.

    ``ABSENT`` is what is optional and not there: nothing is wrong. ``BROKEN`` is what is required.
    """

    OK = "ok"
    ABSENT = "absent"
    WARNING = "warning"
    BROKEN = "broken"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: What it belongs to, such as ``packages``.
        name: What it is.
        state: How it is with it.
        found: What is there, in a few words.
        fix: What to do, in one line; empty where nothing is.
    """

    area: str
    name: str
    state: State
    found: str
    fix: str = ""


class NoAnswerError(Exception):
    """A process of its own has ended badly, or not at all; the message is its last line."""


def ask(program: str, seconds: float) -> Any:
    """Runs a Python program in another process, with the doctor's own environment.

    Args:
        program: Its last line of output is JSON.
        seconds: How long to wait for it.

    Returns:
        What it has printed.

    Raises:
        NoAnswerError: It has failed, or is not through in time.
    """
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=env,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise NoAnswerError(f"no answer within {seconds:.0f} s") from None
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if done.returncode < 0 or not said:
        said = [*said, f"Python was ended (code {done.returncode})"]
    raise NoAnswerError(said[-1])

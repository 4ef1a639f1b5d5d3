"""A finished student answers own text."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import seqio
from etils import epath

from fsa_jax.decoding import slots
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.runtime.run_directory import absolute
from fsa_jax.student.load import Student


def predict(
    student: Student, texts: Sequence[str], decoding: DecodingConfig
) -> list[dict[str, Any]]:
    """Answers texts.

    Args:
        student: Who answers.
        texts: Plain texts, as the task's inputs.
        decoding: How to decode.

    Returns:
        For each text ``{text, raw, parsed}``: what the student wrote, and what the task's
        postprocessor reads in it (None where the task has none).
    """
    vocabulary = student.vocabulary
    inputs = [np.array([*vocabulary.encode(text), vocabulary.eos_id]) for text in texts]
    outputs = slots.generate(student.params, student.config, inputs, decoding)
    rows = []
    for i, (text, tokens) in enumerate(zip(texts, outputs, strict=True)):
        raw = vocabulary.decode([int(token) for token in tokens])
        rows.append({"text": text, "raw": raw, "parsed": _parsed(student.task, i, text, raw)})
    return rows


def _parsed(task: seqio.Task | seqio.Mixture, number: int, text: str, raw: str) -> Any:
    """What the task reads in an answer; its examples are strings of bytes, as SeqIO has them."""
    if isinstance(task, seqio.Mixture) or not task.predict_metric_fns:
        return None
    example: dict[str, Any] = {"id": str(number).encode(), "text": text.encode(), "gold": b"[]"}
    example |= {"implicit": -1, "multiple": 0, "hard": 0}
    row = task.postprocess_fn(raw, example=example, is_target=False)
    return row.get("parsed") if isinstance(row, dict) else row


def read_lines(inputs: str) -> list[str]:
    """Reads the lines of a text file, empty ones among them; space around a text is no part of it.

    Lines end at newlines only, so that line n is the n-th of any editor: the other characters that
    ``str.splitlines`` ends lines at occur within reviews.

    Args:
        inputs: The file; ``-`` for standard input.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not UTF-8, or holds no text.
    """
    content = sys.stdin.buffer.read() if inputs == "-" else absolute(inputs).read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{inputs}, line {number}: not UTF-8; save the file as UTF-8") from None
    lines = [line.strip() for line in text.removesuffix("\n").split("\n")]
    if not any(lines):
        raise ValueError(f"{inputs} holds no text: write one text a line")
    return lines


def predict_lines(
    student: Student, lines: Sequence[str], decoding: DecodingConfig
) -> list[dict[str, Any]]:
    """Answers each line, so that answer n is line n's.

    Args:
        student: Who answers.
        lines: Texts; the student is not asked about empty ones.
        decoding: How to decode.

    Returns:
        For each line, in order, ``{line, text, raw, parsed}``: its number from 1, and what
        ``predict`` returns. The answer to an empty line is empty.
    """
    asked = iter(predict(student, [line for line in lines if line], decoding))
    nothing = {"text": "", "raw": "", "parsed": _parsed(student.task, 0, "", "")}
    return [{"line": i, **(next(asked) if line else nothing)} for i, line in enumerate(lines, 1)]


def open_place(output: str) -> epath.Path:
    """Makes the folder of a file that will be written, so that no answers are lost for want of it.

    Returns:
        The file's absolute path.

    Raises:
        OSError: Nothing can be written there; the message says why.
    """
    path = absolute(output)
    if path.is_dir():
        raise IsADirectoryError(f"--output {output} is a folder: name a file in it")
    trial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        trial.write_text("")
        trial.unlink()
    except OSError as error:
        raise type(error)(f"--output {output} cannot be written: {error.strerror}") from error
    return path

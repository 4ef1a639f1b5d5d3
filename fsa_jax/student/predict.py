"""A finished student answers own text."""

import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import seqio
from etils import epath

from fsa_jax.decoding import slots
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.runtime.run_directory import write_jsonl
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


def predict_file(
    student: Student, inputs: pathlib.Path, output: pathlib.Path | None, decoding: DecodingConfig
) -> int:
    """Answers each line of a text file, empty ones aside.

    Args:
      student: Who answers.
      inputs: The file; ``-`` for standard input.
      output: JSONL to write; None prints.
      decoding: How to decode.

    Returns:
      The number of answers.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: The file holds no text.
    """
    if str(inputs) == "-":
        lines = sys.stdin.read().splitlines()
    else:
        lines = inputs.read_text(encoding="utf-8-sig").splitlines()
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise ValueError(f"{inputs} holds no text: write one text a line")
    rows = predict(student, texts, decoding)
    if output:
        write_jsonl(epath.Path(output), rows)
    else:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
    return len(rows)

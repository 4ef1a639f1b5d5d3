"""A finished student outside a run: which model it is, answers to own text, export.

A run directory tells all that is needed in its ``manifest.json``: the student's size and the task
it was trained on (whose vocabulary it speaks).
"""

import dataclasses
import importlib
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import seqio
from etils import epath

from fsa_jax import answer, checkpoints, decoding, evaluate, hf, hf_export
from fsa_jax.network import T5Config
from fsa_jax.search import DecodingConfig
from fsa_jax.token_table import get_provider


@dataclasses.dataclass(frozen=True)
class Student:
    """A student ready to answer.

    Attributes:
      params: Its parameters.
      config: Its size and kind, without dropout.
      task: The task or mixture that it speaks the vocabulary of.
      facts: What its run's manifest says; empty for weights of elsewhere.
    """

    params: Any
    config: T5Config
    task: seqio.Task | seqio.Mixture
    facts: dict[str, Any]

    @property
    def vocabulary(self) -> seqio.Vocabulary:
        """The vocabulary of inputs and targets."""
        return self.task.output_features["targets"].vocabulary


def load(checkpoint: str, task: str | None, module: str = "tasks") -> Student:
    """Reads a student from a run directory, one of its checkpoints, or a Hugging Face folder.

    Args:
      checkpoint: Where it lies.
      task: A registered SeqIO name; None for the one that the run was trained on.
      module: What to import so that the name is registered.

    Raises:
      FileNotFoundError: There is no student.
      ValueError: The task is not known or not told.
    """
    importlib.import_module(module)
    facts = read_facts(checkpoint)
    name = task or facts.get("mixture_or_task_name")
    if not name:
        raise ValueError(f"{checkpoint} does not tell its task: give --task")
    if "model" in facts:
        config = T5Config(**facts["model"]).without_dropout()
    elif (epath.Path(checkpoint) / "config.json").exists():
        config = hf.config_from_hf(checkpoint)
    else:
        checkpoints.find_checkpoint(checkpoint)
        raise ValueError(f"{checkpoint} lacks the run's manifest.json, so its size is not known")
    params = answer.load_student(config, checkpoint, lambda line: print(line, file=sys.stderr))
    return Student(params, config, get_provider(name), facts)


def read_facts(checkpoint: str) -> dict[str, Any]:
    """The manifest of the run that a path is, or lies in; empty where there is none."""
    folder = epath.Path(checkpoint)
    for place in (folder, folder.parent):
        path = place / "manifest.json"
        if path.exists():
            return json.loads(path.read_text())
    return {}


def predict(student: Student, texts: Sequence[str], how: DecodingConfig) -> list[dict[str, Any]]:
    """Answers texts.

    Args:
      student: Who answers.
      texts: Plain texts, as the task's inputs.
      how: How to decode.

    Returns:
      For each text ``{text, raw, parsed}``: what the student wrote, and what the task's
      postprocessor reads in it (None where the task has none).
    """
    vocabulary = student.vocabulary
    inputs = [np.array([*vocabulary.encode(text), vocabulary.eos_id]) for text in texts]
    outputs = decoding.generate(student.params, student.config, inputs, how)
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
    student: Student, inputs: pathlib.Path, output: pathlib.Path | None, how: DecodingConfig
) -> int:
    """Answers each line of a text file, empty ones aside.

    Args:
      student: Who answers.
      inputs: The file; ``-`` for standard input.
      output: JSONL to write; None prints.
      how: How to decode.

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
    rows = predict(student, texts, how)
    if output:
        evaluate.write_jsonl(epath.Path(output), rows)
    else:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
    return len(rows)


def export_hf(student: Student, output_dir: pathlib.Path, overwrite: bool) -> pathlib.Path:
    """Writes a student as a Hugging Face folder; see ``hf_export.export``."""
    shown = ("mixture_or_task_name", "steps", "seed", "git")
    return hf_export.export(
        student.params,
        student.config,
        student.vocabulary.sp_model,  # the content: the default vocabulary has no path
        output_dir,
        facts={key: student.facts[key] for key in shown if key in student.facts},
        overwrite=overwrite,
    )

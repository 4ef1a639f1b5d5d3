"""What is asked of LLMs about the benchmark, and the prediction rows that come of their answers.

The asking is a run like any other, with a ledger that survives; sentences take the place of
reviews.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from fsa_jax.opinions.data_sets import DATA_SETS, DataSet, sentences_of
from fsa_jax.opinions.questions import CLASSIFICATIONS, Question, data_set_of, questions
from fsa_jax.opinions.scoring.llm_answers import read_label
from fsa_jax.opinions.scoring.rows import label_row
from fsa_jax.opinions.units import Kind, Unit
from fsa_jax.runtime import files
from generation import ledger
from generation.prompting import LabelPrompt, Prompt
from generation.records import LedgerRow, Review
from generation.run_folder import RunFolder
from generation.teachers import label_scores
from generation.teachers.base import Spec, identity

TASKS = (*DATA_SETS, *CLASSIFICATIONS)


def asked_data_set(task: str) -> DataSet:
    """Returns the data set that a task asks about.

    Raises:
        ValueError: There is no such task.
    """
    if task not in TASKS:
        raise ValueError(f"--task is {task!r}; use one of {', '.join(TASKS)}")
    return data_set_of(task)


def ask(task: str, split: str, root: Path) -> list[Question]:
    """Reads what is asked, in the order of the sentences.

    Args:
        task: One of ``TASKS``.
        split: ``train``, ``validation`` or ``dev``, ``test``, and of the FSA benchmark
            ``test_original`` or ``test_hard``; its ``test`` is the other two together, as the paper
            reports it.
        root: The data root, which holds ``fsa/``, ``asqp/`` and ``acos/``.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: There is no such task or split, or a file is not in the benchmark's format.
    """
    data_set = asked_data_set(task)
    split = "validation" if split == "dev" else split
    if split not in data_set.splits:
        raise ValueError(f"--split is {split!r}; use {', '.join(data_set.splits)}")
    return list(questions(task, sentences_of(data_set, split, root)))


def as_review(question: Question, task: str) -> Review:
    """Returns a question in a review's place: a run asks about reviews."""
    return Review(question.id, asked_data_set(task).domain, 3.0, question.text, task)


def write_questions(task: str, asked: list[Question], path: Path) -> None:
    """Writes the reviews file that a run asks about."""
    with files.atomic_file(path) as stream:
        for question in asked:
            stream.write(as_review(question, task).to_json().encode() + b"\n")


def write_predictions(
    task: str,
    asked: list[Question],
    prompt: Prompt,
    spec: Spec,
    folder: RunFolder,
    per_token: bool = False,
) -> Path:
    """Writes one prediction row per question beside the ledgers; returns the file.

    A question without an answer is a row with an empty one and its reason, so that nothing drops
    out of the score.

    Args:
        task: One of ``TASKS``.
        asked: The questions.
        prompt: How they were asked.
        spec: Who was asked.
        folder: Where the ledgers lie.
        per_token: Whether labels are chosen by the mean log-probability of their tokens; by the sum
            if not, as in the paper.
    """
    rows = folder.rows()
    output = folder.predictions(task)
    with files.atomic_file(output) as stream:
        for question in asked:
            messages = prompt.messages(as_review(question, task), spec.instruction_role)
            found = rows.get(ledger.request_key(question.id, messages, identity(spec, prompt)))
            if isinstance(prompt, LabelPrompt):
                row = scored_row(task, question, found, per_token)
            else:
                raw, reason = (found.response or "", found.reason) if found else ("", "not asked")
                row = prediction_row(task, question, raw, reason)
            stream.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    return output


def prediction_row(task: str, question: Question, raw: str, reason: str) -> dict[str, Any]:
    """Returns the prediction row of one answer.

    Args:
        task: One of ``TASKS``.
        question: What was asked.
        raw: The answer as it came; empty where none did.
        reason: Why there is none, or why it was filtered.
    """
    return {
        "id": question.id,
        "task": task,
        "kind": _kind(task, question).row_name,
        "raw": raw,
        # What LLMs write for a list of pairs is read by the scorer, which knows the task's rules.
        "parsed": None,
        "gold": list(question.gold),
        "matches": None,
        "reason": reason,
        "text": question.sentence.text,
        **question.subsets,
        **(_classified(raw, question.unit, task) if question.unit else {}),
    }


def scored_row(
    task: str, question: Question, found: LedgerRow | None, per_token: bool
) -> dict[str, Any]:
    """Returns the prediction row of a question whose labels were scored.

    Args:
        task: One of ``CLASSIFICATIONS``.
        question: What was asked.
        found: What the ledger says; None where the question was not asked.
        per_token: Whether the mean over a label's tokens counts; the sum if not.
    """
    if found is None or not found.response:
        return prediction_row(task, question, "", found.reason if found else "not asked")
    scores = label_scores.read_response(found.response)
    values = {label: score.value(per_token) for label, score in scores.items()}
    kind = _kind(task, question)
    about = {"id": question.id, **question.subsets}
    return label_row(task, kind, values, list(question.gold), question.sentence.text, **about)


def _kind(task: str, question: Question) -> Kind:
    return dataclasses.replace(data_set_of(task).kind, is_classified=question.unit is not None)


def _classified(raw: str, unit: Unit, task: str) -> dict[str, Any]:
    """Returns the unit with the label that the answer names, or the answer as no unit.

    The latter stays in the denominator of accuracy.
    """
    label = read_label(raw, CLASSIFICATIONS[task].labels)
    if label is None:
        return {"parsed": [], "unparsed": [raw]}
    return {"parsed": [unit | {"polarity": label}]}

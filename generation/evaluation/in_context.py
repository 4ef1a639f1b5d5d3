"""Asks LLMs for the benchmark's tasks in context, and writes their answers as prediction rows.

The asking is a run like any other, with a ledger that survives; sentences take the place of
reviews.
"""

import dataclasses
import functools
import importlib.resources
import json
import random
from pathlib import Path
from typing import Any

import yaml

from fsa_jax.opinions.data_sets import DATA_SETS, DataSet, sentences_of
from fsa_jax.opinions.questions import CLASSIFICATIONS, Question, data_set_of, questions
from fsa_jax.opinions.scoring.llm_answers import read_label
from fsa_jax.opinions.sentences import Sentence
from fsa_jax.opinions.units import Unit, gold_units
from fsa_jax.runtime import files
from generation import ledger, run
from generation.prompting import Prompt
from generation.records import Review
from generation.run_folder import RunFolder
from generation.teachers.base import Spec, identity

# Quads have no prompts.
TASKS = (*(name for name in DATA_SETS if name.startswith(("tsa", "asa"))), *CLASSIFICATIONS)
# The paper's numbers of demonstrations (appendix A.2); zero-shot tasks have none.
SHOTS = {"tsa_laptop14": 4}
SAMPLING = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 256}


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
        split: ``train``, ``validation`` or ``dev``, ``test``, ``test_original`` or ``test_hard``;
            ``test`` is the other two together, as the paper reports it.
        root: The data root, which holds ``fsa/``.

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


def make_prompt(
    task: str, train: list[tuple[Sentence, bool]], shots: int | None, seed: int
) -> Prompt:
    """Builds a task's prompt.

    Args:
        task: Such as ``tsa_rest14``.
        train: The train set, as of ``sentences_of``: demonstrations are drawn from it.
        shots: Number of demonstrations; None for the paper's.
        seed: Of the draw.
    """
    kind = asked_data_set(task).kind
    texts = _texts()
    instruction = texts[task.partition("_")[0]]
    parts = []
    if task not in CLASSIFICATIONS:
        gold = [(sentence.text, gold_units(sentence, kind)) for sentence, _ in train]
        if "category" in kind.fields:
            # The benchmark's, not the train set's: the tests hold categories that it lacks.
            space = str(sorted(kind.categories or ()))
            instruction = instruction.replace("{category space}", space)
        count = SHOTS.get(task, 8) if shots is None else shots
        if count > len(gold):
            raise ValueError(f"--shots is {count}, but the train set has {len(gold)} sentences")
        drawn = random.Random(f"{seed} {task}").sample(gold, count)
        for text, units in drawn:
            label = str([tuple(unit[key] for key in kind.keys) for unit in units])
            parts.append(f"Sentence: {text}\nLabel: {label}")
    asked = "Sentence: {input review}\nLabel:"
    # A demonstration with the placeholder's words would take the sentence's place.
    parts = [
        part.replace("{input review}", "{input  review}").replace("{demo}", "{ demo}")
        for part in parts
    ]
    return Prompt(
        task, str(texts["version"]), "label", "\n\n".join([instruction, *parts, asked]), {}
    )


@functools.cache
def _texts() -> dict[str, Any]:
    text = importlib.resources.files(__package__).joinpath("prompts.yaml").read_text("utf-8")
    return dict(yaml.safe_load(text))


def write_questions(task: str, asked: list[Question], path: Path) -> None:
    """Writes the reviews file that a run asks about."""
    with files.atomic_file(path) as stream:
        for question in asked:
            stream.write(as_review(question, task).to_json().encode() + b"\n")


def write_predictions(
    task: str, asked: list[Question], prompt: Prompt, spec: Spec, options: run.Options
) -> Path:
    """Writes one prediction row per question beside the ledger; returns the file.

    A question without an answer is a row with an empty one and its reason, so that nothing drops
    out of the score.
    """
    rows = {row.key: row for row in ledger.rows(options.files.ledger)}
    output = RunFolder(options.folder).predictions(task)
    with files.atomic_file(output) as stream:
        for question in asked:
            messages = prompt.messages(as_review(question, task), spec.instruction_role)
            answer = rows.get(ledger.request_key(question.id, messages, identity(spec, prompt)))
            raw, reason = (answer.response or "", answer.reason) if answer else ("", "not asked")
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
        "kind": dataclasses.replace(
            data_set_of(task).kind, is_classified=question.unit is not None
        ).row_name,
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


def _classified(raw: str, unit: Unit, task: str) -> dict[str, Any]:
    """Returns the unit with the label that the answer names, or the answer as no unit.

    The latter stays in the denominator of accuracy.
    """
    label = read_label(raw, CLASSIFICATIONS[task].labels)
    if label is None:
        return {"parsed": [], "unparsed": [raw]}
    return {"parsed": [unit | {"polarity": label}]}

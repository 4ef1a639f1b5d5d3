"""Asks LLMs for the benchmark's tasks in context, and writes their answers as prediction rows.

The asking is a run like any other, with a ledger that survives; sentences take the place of
reviews.
"""

import dataclasses
import functools
import importlib.resources
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from generation import files, ledger, run
from generation.evaluation import benchmark
from generation.evaluation.benchmark import DATASETS, Sentence
from generation.prompting import Prompt
from generation.records import Review
from generation.run_folder import RunFolder
from generation.teachers.base import Spec, identity

KINDS = {"tsa": "target", "asa": "category", "tsc": "target", "asc": "category"}
# The paper's numbers of demonstrations (appendix A.2); zero-shot tasks have none.
SHOTS = {"tsa_laptop14": 4}
SAMPLING = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 256}


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked about one sentence: all its units, or the polarity of one of them."""

    sentence: Sentence
    review: Review
    unit: dict[str, str] | None

    @property
    def gold(self) -> list[dict[str, str]]:
        """The right answer, as units."""
        return list(self.sentence.units) if self.unit is None else [self.unit]


def split_name(task: str) -> tuple[str, str]:
    """Returns kind and data set of a task's name, such as ``tsa_rest14``.

    Raises:
        ValueError: there is no such task.
    """
    kind, _, dataset = task.partition("_")
    if kind in KINDS and dataset in DATASETS and DATASETS[dataset][2] == KINDS[kind]:
        return kind, dataset
    known = [f"{k}_{d}" for k in KINDS for d in DATASETS if DATASETS[d][2] == KINDS[k]]
    raise ValueError(f"--task is {task!r}; use one of {', '.join(known)}")


def questions(task: str, sentences: list[Sentence]) -> list[Question]:
    """Returns what is asked, in the order of the sentences."""
    kind, dataset = split_name(task)
    domain = DATASETS[dataset][1]
    found = []
    for sentence in sentences:
        if kind in ("tsa", "asa"):
            review = Review(sentence.id, domain, 3.0, sentence.text, task)
            found.append(Question(sentence, review, None))
            continue
        label = "Opinion target" if kind == "tsc" else "Aspect category"
        for number, unit in enumerate(sentence.units):
            text = f"{sentence.text}\n{label}: {unit[KINDS[kind]]}"
            review = Review(f"{sentence.id}#{number}", domain, 3.0, text, task)
            found.append(Question(sentence, review, unit))
    return found


def make_prompt(task: str, train: list[Sentence], shots: int | None, seed: int) -> Prompt:
    """Builds a task's prompt.

    Args:
        task: such as ``tsa_rest14``.
        train: the train set: demonstrations are drawn from it, and it spans the category space.
        shots: number of demonstrations; None for the paper's.
        seed: of the draw.
    """
    kind, _ = split_name(task)
    texts = _texts()
    instruction = texts[kind]
    parts = []
    if kind in ("tsa", "asa"):
        space = (
            sorted({unit["category"] for s in train for unit in s.units}) if kind == "asa" else []
        )
        instruction = instruction.replace("{category space}", str(space))
        count = SHOTS.get(task, 8) if shots is None else shots
        if count > len(train):
            raise ValueError(f"--shots is {count}, but the train set has {len(train)} sentences")
        drawn = random.Random(f"{seed} {task}").sample(train, count)
        parts = [f"Sentence: {s.text}\nLabel: {_label(s, KINDS[kind])}" for s in drawn]
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
    return yaml.safe_load(
        importlib.resources.files(__package__).joinpath("prompts.yaml").read_text("utf-8")
    )


def _label(sentence: Sentence, field: str) -> str:
    return str([(unit[field], unit["polarity"]) for unit in sentence.units])


def write_questions(asked: list[Question], path: Path) -> None:
    """Writes the reviews file that a run asks about."""
    with files.atomic_file(path) as stream:
        for question in asked:
            stream.write(question.review.to_json().encode() + b"\n")


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
        for row in _prediction_rows(task, asked, prompt, spec, rows):
            stream.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    return output


def _prediction_rows(
    task: str, asked: list[Question], prompt: Prompt, spec: Spec, rows: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    kind, _ = split_name(task)
    for question in asked:
        messages = prompt.messages(question.review, spec.instruction_role)
        answer = rows.get(
            ledger.request_key(question.review.review_id, messages, identity(spec, prompt))
        )
        raw = (answer.response or "") if answer else ""
        row: dict[str, Any] = {
            "id": question.review.review_id,
            "task": task,
            "raw": raw,
            # What LLMs write for a list of pairs is read by the scorer, which knows the task's
            # rules.
            "parsed": None
            if question.unit is None
            else _classified(raw, question.unit, KINDS[kind]),
            "gold": question.gold,
            "matches": None,
            "reason": answer.reason if answer else "not asked",
            "text": question.sentence.text,
            "multiple": question.sentence.multiple,
            "hard": question.sentence.hard,
        }
        if question.sentence.implicit is not None:
            row["implicit"] = question.sentence.implicit
        yield row


def _classified(raw: str, unit: dict[str, str], field: str) -> list[dict[str, str]]:
    """Returns the unit with the label that the answer names first.

    The list is empty where it names none.
    """
    words = raw.lower()
    named = [(words.find(label), label) for label in benchmark.POLARITIES if label in words]
    return [{field: unit[field], "polarity": min(named)[1]}] if named else []

"""What an LLM judge is asked: one analysis at a time, without whose it is.

The tasks are those that people get (``fsa humaneval export``), so that both judge the same things.
A judge sees one analysis of a review, not those beside it: so no place among them can be preferred.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from fsa_jax.opinions.corpus import DOMAINS
from fsa_jax.runtime import files
from generation.judge import criteria
from generation.prompting import Prompt
from generation.records import Review

VERSION = "1"
SAMPLING = {
    "temperature": 0.0,
    "top_p": 1.0,
    "max_tokens": 256,
    "response_format": criteria.RESPONSE_FORMAT,
}
# Fields of a task's data that hold analyses, by the letters behind.
ANALYSIS = "analysis_"


@dataclasses.dataclass(frozen=True)
class Question:
    """One analysis to judge.

    Attributes:
        task: The review's task.
        letter: What the analysis is called there.
        domain: The review's domain.
        review: The review.
        analysis: The analysis.
    """

    task: str
    letter: str
    domain: str
    review: str
    analysis: str

    @property
    def id(self) -> str:
        """What the ledger calls it."""
        return f"{self.task}-{self.letter}"

    @property
    def words(self) -> int:
        """The review's length."""
        return len(self.review.split())

    def as_review(self) -> Review:
        """Returns it in a review's place: a run asks about reviews."""
        text = f"Review: {self.review}\n\nAnalysis: {self.analysis}"
        return Review(self.id, self.domain, 3.0, text, "judge")


def prompt() -> Prompt:
    """Returns the judge's prompt: the guide that people follow, and the form of the answer."""
    lines = [
        "You judge an analysis of the sentiments in a user review. The analysis lists opinion "
        "targets with their aspects, sentiments and reasoning.",
        criteria.LEVELS,
        f"Give six scores, each of them {criteria.LOWEST}, 1 or {criteria.HIGHEST}:",
    ]
    for criterion in criteria.CRITERIA:
        points = "; ".join(f"{n}: {criterion.points[n]}" for n in (2, 1, 0))
        lines.append(f"- {criterion.name} ({criterion.title}). {points}.")
    form = ", ".join(f'"{name}": …' for name in criteria.NAMES)
    lines.append(f"Answer with this JSON object, and nothing else: {{{form}}}")
    return Prompt("judge", VERSION, "scores", "{input review}", {}, system="\n".join(lines))


def read_tasks(path: Path) -> tuple[list[Question], list[str]]:
    """Reads the tasks of a human evaluation, as they were written or as an export has them.

    Args:
        path: The tasks, JSON.

    Returns:
        The questions, and what is wrong with tasks that are left out, a line each.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds no tasks, or none with an analysis.
    """
    try:
        tasks = json.loads(files.require_file(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(tasks, list):
        raise ValueError(f"{path} is no list of tasks; name the .json of `fsa humaneval export`")
    found: dict[str, Question] = {}
    problems = []
    for number, task in enumerate(tasks, 1):
        data = task.get("data") if isinstance(task, dict) else None
        mine = _questions(data) if isinstance(data, dict) else []
        if not mine:
            problems.append(
                f"{path}, task {number}: it is none of `fsa humaneval export` (no task, domain, "
                "review and analyses); it is left out"
            )
        elif any(found.get(each.id, each) != each for each in mine):
            problems.append(
                f"{path}, task {number}: {mine[0].task} is there before, with other words; it is "
                "left out"
            )
        else:
            found |= {each.id: each for each in mine}
    if not found:
        raise ValueError(f"{path}: no task counts; {problems[0] if problems else 'it is empty'}")
    return list(found.values()), problems


def _questions(data: dict[str, Any]) -> list[Question]:
    about = [data.get(name) for name in ("task", "domain", "review")]
    letters = {
        name.removeprefix(ANALYSIS): text
        for name, text in data.items()
        if name.startswith(ANALYSIS)
    }
    texts = [*about, *letters.values()]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        return []
    task, domain, review = map(str, about)
    if domain not in DOMAINS:
        return []
    return [Question(task, letter, domain, review, text) for letter, text in letters.items()]


def write_questions(questions: list[Question], path: Path) -> None:
    """Writes the reviews file that a run asks about."""
    with files.atomic_file(path) as stream:
        for question in questions:
            line = question.as_review().to_json()
            stream.write(line.encode("utf-8", "replace") + b"\n")

"""From tasks and seeds to runs: what is asked in which folder, and the predictions of each.

Each draw of demonstrations has a folder of its own, ``seed_<seed>/``, whatever the number of seeds,
so that seeds can be added later. Zero-shot tasks draw nothing, and their runs share the folder that
the user names. Tasks in a folder share its ledger.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from fsa_jax.opinions.data_sets import sentences_of
from fsa_jax.opinions.questions import CLASSIFICATIONS, Question
from generation import run
from generation.evaluation import asking, in_context
from generation.prompting import Prompt
from generation.run_folder import RunFolder
from generation.teachers.base import Spec

WAYS = ("generation", "probability")


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """What is asked.

    Attributes:
        tasks: Some of ``asking.TASKS``: all to be answered in full, or all classifications.
        split: See ``asking.ask``.
        root: The data root.
        shots: Demonstrations; None for the paper's number.
        seeds: Of the draws of demonstrations.
    """

    tasks: tuple[str, ...]
    split: str
    root: Path
    shots: int | None = None
    seeds: tuple[int, ...] = (42,)

    def __post_init__(self) -> None:
        for task in self.tasks:
            asking.asked_data_set(task)
        if not self.tasks or len({task in CLASSIFICATIONS for task in self.tasks}) > 1:
            raise ValueError(
                f"--task is {','.join(self.tasks)}; name tasks in context, or zero-shot ones "
                f"({', '.join(CLASSIFICATIONS)}), and the others by a command of their own"
            )
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"--seeds is {','.join(map(str, self.seeds))}; name each seed once")

    @property
    def is_zero_shot(self) -> bool:
        """Whether the tasks are classifications."""
        return self.tasks[0] in CLASSIFICATIONS

    def by_probability(self, way: str | None, backend: str) -> bool:
        """Tells whether labels are chosen by their probability.

        Args:
            way: One of ``WAYS``; None for the paper's: open models by probability.
            backend: Who answers.

        Raises:
            ValueError: There is no such way, or it does not go with the tasks.
        """
        if way not in (None, *WAYS):
            raise ValueError(f"--by is {way!r}; use {' or '.join(WAYS)}")
        if way == "probability" and not self.is_zero_shot:
            raise ValueError(
                f"--by probability chooses among labels, and {self.tasks[0]} asks for a list; it "
                f"goes with {', '.join(CLASSIFICATIONS)}"
            )
        return way == "probability" or (way is None and self.is_zero_shot and backend == "vllm")


@dataclasses.dataclass(frozen=True)
class Asking:
    """One run: a task, asked under one prompt.

    Attributes:
        task: One of ``asking.TASKS``.
        seed: Of the demonstrations; None where there are none.
        asked: The questions.
        prompt: How they are asked.
        folder: Where all of it goes.
    """

    task: str
    seed: int | None
    asked: list[Question]
    prompt: Prompt
    folder: RunFolder

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.task if self.seed is None else f"{self.task}, seed {self.seed}"

    def options(self, limits: dict[str, float | bool | None]) -> run.Options:
        """Writes down what is asked, and returns what the run has to do.

        Args:
            limits: Further fields of ``run.Options``.

        Raises:
            OSError: The folder cannot be written.
        """
        self.folder.prepare(self.folder.predictions(self.task))
        questions = self.folder.questions(self.task)
        asking.write_questions(self.task, self.asked, questions)
        return run.Options(questions, self.folder.path, (self.prompt,), **limits)  # type: ignore[arg-type]

    def write(self, spec: Spec, per_token: bool) -> Path:
        """Writes the predictions; see ``asking.write_predictions``."""
        return asking.write_predictions(
            self.task, self.asked, self.prompt, spec, self.folder, per_token
        )


def plan(benchmark: Benchmark, output: Path, by_probability: bool) -> list[Asking]:
    """Returns the runs of all tasks and seeds.

    Args:
        benchmark: What is asked.
        output: The folder that the user names.
        by_probability: Whether labels are scored, and nothing is written.

    Raises:
        FileNotFoundError: A file of the benchmark is missing.
        ValueError: It is broken, or has too few sentences for the demonstrations.
    """
    root = RunFolder(output)
    found = []
    for task in benchmark.tasks:
        asked = asking.ask(task, benchmark.split, benchmark.root)
        for seed, prompt in _prompts(task, benchmark, by_probability):
            folder = root if seed is None else root.of_seed(seed)
            found.append(Asking(task, seed, asked, prompt, folder))
    return found


def _prompts(
    task: str, benchmark: Benchmark, by_probability: bool
) -> Iterator[tuple[int | None, Prompt]]:
    if by_probability:
        yield None, in_context.label_prompt(task)
    elif benchmark.is_zero_shot:
        yield None, in_context.make_prompt(task, [], 0, 0)
    else:
        train = sentences_of(asking.asked_data_set(task), "train", benchmark.root)
        for seed in benchmark.seeds:
            yield seed, in_context.make_prompt(task, train, benchmark.shots, seed)


def read_seeds(text: str) -> tuple[int, ...]:
    """Reads a list of seeds.

    Raises:
        ValueError: One is no number.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    wrong: Sequence[str] = [word for word in words if not word.isdecimal()]
    if wrong:
        raise ValueError(f"--seeds names {wrong[0]!r}; use whole numbers by commas, such as 42,52")
    return tuple(map(int, words))

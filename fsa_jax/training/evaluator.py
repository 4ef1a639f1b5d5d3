"""Evaluation within a run: loss over a split, and the metrics of the run's tasks."""

import contextlib
import copy
import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import seqio

from fsa_jax.data import providers
from fsa_jax.data.batches import DataConfig, TrainBatches, open_batches
from fsa_jax.decoding import answering
from fsa_jax.model import partitioning
from fsa_jax.model.network import T5Config
from fsa_jax.runtime import hosts
from fsa_jax.runtime.run_directory import RunDirectory
from fsa_jax.training.config import EvaluationConfig
from fsa_jax.training.monitor import Monitor
from fsa_jax.training.train_step import Program

Answers = dict[str, answering.Answers]  # by task


def settle(evaluation: EvaluationConfig, data: DataConfig) -> EvaluationConfig:
    """Checks what the evaluations of a run will need, before anything is built.

    Args:
        evaluation: What is asked for.
        data: What the run trains on.

    Returns:
        The same with the final splits that the tasks have; without a best metric where there is no
        evaluation to tell it.

    Raises:
        ValueError: A split is not there, empty or broken, metrics are asked of tasks without any,
            or none of them is the best metric.
        FileNotFoundError: A split's files are not there.
    """
    name, cached = data.mixture_or_task_name, data.use_cached
    if evaluation.metrics:
        tasks = providers.evaluated_tasks(name)
        final = evaluation.final_splits
        others = set(providers.splits_of(tasks)) - {data.split, evaluation.split}
        if others:  # else there is nothing to score besides, which is no mistake
            final = providers.existing_splits(tasks, final, "FINAL_SPLITS", cached)
        evaluation = dataclasses.replace(evaluation, final_splits=final if others else ())
    else:
        subtasks = providers.tasks_of(name)
        tasks = providers.having(subtasks, evaluation.split) or subtasks
    if evaluation.period == 0:
        return dataclasses.replace(evaluation, best_metric=None)
    advice = ": name one of them by EVAL_SPLIT, or train without evaluation by EVAL_PERIOD=0"
    providers.check_split(tasks, evaluation.split, cached, advice)
    if evaluation.best_metric is not None:
        _check_best_metric(evaluation, tasks, cached)
    return evaluation


def _check_best_metric(
    evaluation: EvaluationConfig, tasks: Sequence[seqio.Task], cached: bool
) -> None:
    """Raises ValueError where no evaluation will give the metric that the best is told by."""
    wanted, split = evaluation.best_metric, evaluation.split
    given: list[set[str]] = []
    for task in providers.having(tasks, split) if evaluation.metrics else ():
        found = _metric_names(task, [])
        if found is None or wanted not in found:
            # The data may decide which metrics there are; the split is read for a doubt only.
            found = _metric_names(task, answering.read_examples(task, split, cached))
        if found is None:
            return
        given.append(found)
    names = sorted({"loss"}.union(set.intersection(*given) if given else ()))
    if wanted not in names:
        raise ValueError(
            f"BEST_METRIC is {wanted!r}, but evaluations on {split} give {', '.join(names)}"
        )


def _metric_names(task: seqio.Task, examples: Sequence[dict[str, Any]]) -> set[str] | None:
    """The names of a task's metrics; None where they cannot be told without a student."""
    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore")  # of means over nothing
        # A metric that does not bear such examples may bear an evaluation's all the same.
        return answering.metric_names(task, examples)
    return None


class Evaluator:
    """Evaluates the student of a run and writes what it finds into the run directory.

    Args:
        program: The run's compiled functions.
        model: The student.
        run: The run directory.
        data: What the run trains on.
        evaluation: What to evaluate.
        monitor: Shows and logs the results.

    Raises:
        ValueError: Metrics are asked for, but no task has any, or an example of the evaluation
            split is longer than a row.
    """

    def __init__(
        self,
        program: Program,
        model: T5Config,
        run: RunDirectory,
        data: DataConfig,
        evaluation: EvaluationConfig,
        monitor: Monitor,
    ):
        self._program, self._model = program, model
        self._run = run
        self._data, self._config, self._monitor = data, evaluation, monitor
        # Opened once, for all runs that share it, and now: what does not fit a row is told before
        # the first step.
        self._batches: list[TrainBatches] = []
        if evaluation.period != 0:
            self._batches.append(open_batches(data, evaluation.split, seed=0, shuffle=False))
        self._examples: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._tasks = (
            providers.evaluated_tasks(data.mixture_or_task_name) if evaluation.metrics else []
        )

    def for_run(self, run: RunDirectory, monitor: Monitor) -> "Evaluator":
        """The same evaluator for another run directory; what was read of the data is shared."""
        twin = copy.copy(self)
        twin._run, twin._monitor = run, monitor
        return twin

    def run(self, params: Any, step: int, answers: Answers | None = None) -> dict[str, float]:
        """Evaluates a student on the evaluation split.

        Args:
            params: The student's parameters.
            step: Updates that made them.
            answers: What the student answers, if it has been asked already.

        Returns:
            The loss and the metrics, averaged over tasks.
        """
        loss = self._loss(params, step)
        if answers is None:
            [answers] = self.answer([params])
        return loss | self.scores(answers, step, self._config.split)

    def answer(self, students: Sequence[Any], split: str | None = None) -> list[Answers]:
        """Lets students, of one run or of several seeds, answer the tasks of a split.

        Args:
            students: The parameters of each.
            split: A split of the tasks; by default that of evaluation.

        Returns:
            The answers of each.
        """
        split = split or self._config.split
        found: list[Answers] = [{} for _ in students]
        for task in providers.having(self._tasks, split):
            examples = self._read(task, split)
            answers = answering.answer_examples(
                students, self._model, task, examples, self._config.decoding
            )
            for of_student, of_task in zip(found, answers, strict=True):
                of_student[task.name] = of_task
        return found

    def scores(
        self, answers: Answers, step: int, split: str, *, final: bool = False
    ) -> dict[str, float]:
        """Scores the tasks on a split, and writes answers and scores into the run directory.

        Args:
            answers: Of ``answer``.
            step: Updates that made the student.
            split: Whose answers these are.
            final: Whether it is one of the final splits, whose files are named after it.

        Returns:
            The metrics, averaged over tasks.
        """
        found = []
        for task in providers.having(self._tasks, split):
            result = answering.score_answers(task, self._read(task, split), answers[task.name])
            if hosts.is_first():
                name = self._run.name(task.name, split if final else None)
                path = answering.write_result(result, self._run, name, step)
                self._monitor.scalars(f"inference_eval/{name}", step, result.metrics)
                self._monitor.say(f"step {step}  {task.name} {split}: {result.summary()}  → {path}")
            found.append(result.metrics)
        names = set.intersection(*(set(metrics) for metrics in found)) if found else set()
        return {name: float(np.mean([m[name] for m in found])) for name in sorted(names)}

    def final_scores(self, answers: Answers, step: int, split: str) -> dict[str, float]:
        """The ``scores`` of a final split, as ``<split>/<metric>``."""
        found = self.scores(answers, step, split, final=True)
        return {f"{split}/{name}": value for name, value in found.items()}

    def _read(self, task: seqio.Task, split: str) -> list[dict[str, Any]]:
        key = (task.name, split)
        if key not in self._examples:
            self._examples[key] = answering.read_examples(task, split, self._data.use_cached)
        return self._examples[key]

    def _loss(self, params: Any, step: int) -> dict[str, float]:
        sums = {"loss": 0.0, "tokens": 0.0, "correct": 0.0}
        for i, (batch, _) in enumerate(self._batches[0]):
            if i == self._config.loss_batches:
                break
            part = self._program.evaluate(params, partitioning.put_batch(batch, self._program.mesh))
            sums = {key: value + float(part[key]) for key, value in sums.items()}
        tokens = max(sums["tokens"], 1.0)
        row = {"loss": sums["loss"] / tokens, "accuracy": sums["correct"] / tokens}
        name = self._data.mixture_or_task_name
        self._monitor.scalars(f"training_eval/{name}", step, row)
        self._monitor.say(
            f"step {step}  {name} {self._config.split}: "
            f"loss {row['loss']:.4f}  token accuracy {row['accuracy']:.4f}"
        )
        return {"loss": row["loss"]}

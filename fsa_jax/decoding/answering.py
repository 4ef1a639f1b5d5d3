"""Evaluation of a task by what the student writes: decode, postprocess, score.

Knows tasks through SeqIO alone. A task's ``postprocess_fn`` turns the text of a target or of a
prediction into what its metrics compare; a prediction that is a dict is written as it is, one JSON
line each, so that a task decides what its predictions file says. A task of label words is scored,
not decoded; its metric may have a method ``prediction_rows(targets, scores)``, which turns the
scores of all label words into the rows of the file.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import seqio
from etils import epath

from fsa_jax.decoding import label_scoring, slots
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.model.network import T5Config
from fsa_jax.runtime.run_directory import RunDirectory

Metrics = dict[str, float]
Answers = list[np.ndarray]  # of each example the output's tokens, or its target's log-probability


@dataclasses.dataclass(frozen=True)
class TaskResult:
    """What one task's evaluation found.

    Attributes:
        task: Name of the task.
        metrics: The task's metrics by name.
        rows: One JSON-able dict for each example, in the task's order.
    """

    task: str
    metrics: Metrics
    rows: list[dict[str, Any]]

    def summary(self) -> str:
        """The metrics in one line."""
        return "  ".join(f"{name} {value:.2f}" for name, value in self.metrics.items())


def read_examples(task: seqio.Task, split: str, use_cached: bool = False) -> list[dict[str, Any]]:
    """The examples of a split, or of a slice of one, in the task's order, untrimmed.

    Strings are bytes.

    Raises:
        ValueError: The task has no such split.
    """
    if split.split("[")[0] not in task.splits:
        raise ValueError(
            f"task {task.name} has no split {split!r}; it has {', '.join(task.splits)}"
        )
    dataset = task.get_dataset(
        sequence_length=None, split=split, shuffle=False, use_cached=use_cached
    )
    return list(dataset.as_numpy_iterator())


def evaluate_task(
    params: Any,
    config: T5Config,
    task: seqio.Task,
    split: str,
    decoding: DecodingConfig,
    use_cached: bool = False,
) -> TaskResult:
    """Lets the student answer every example of a split and scores the answers.

    Args:
        params: The student's parameters, unstacked or stacked as ``config`` says.
        config: The student.
        task: A registered SeqIO task.
        split: One of its splits.
        decoding: How to decode; scored tasks (label words) do not decode.
        use_cached: Read the task's SeqIO cache.

    Raises:
        ValueError: The task has no such split.
    """
    examples = read_examples(task, split, use_cached)
    [answers] = answer_examples([params], config, task, examples, decoding)
    return score_answers(task, examples, answers)


def answer_examples(
    students: Sequence[Any],
    config: T5Config,
    task: seqio.Task,
    examples: Sequence[Mapping[str, Any]],
    decoding: DecodingConfig,
) -> list[Answers]:
    """Lets each student answer examples.

    Args:
        students: The parameters of each, unstacked or stacked as ``config`` says.
        config: The network, that of all students.
        task: The examples' task.
        examples: Of ``read_examples``.
        decoding: How to decode; scored tasks (label words) do not decode.

    Returns:
        For each student what ``score_answers`` takes.
    """
    inputs = [e["inputs"] for e in examples]
    if not task.score_metric_fns:
        return slots.generate_each(students, config, inputs, decoding)
    # Each example's target is scored as a continuation of its input (rank classification).
    labels = [[e["targets"]] for e in examples]
    return label_scoring.score_labels_each(students, config, inputs, labels, decoding.batch_size)


def score_answers(
    task: seqio.Task, examples: Sequence[Mapping[str, Any]], answers: Answers
) -> TaskResult:
    """Scores a student's answers.

    Args:
        task: The examples' task.
        examples: Of ``read_examples``.
        answers: Of ``answer_examples``.
    """
    vocabulary = task.output_features["targets"].vocabulary
    if task.score_metric_fns:
        return _compare_scores(task, examples, [float(s[0]) for s in answers])
    texts = [vocabulary.decode([int(t) for t in tokens]) for tokens in answers]
    targets = _targets(task, examples)
    predictions = _predictions(task, examples, texts)
    metrics = _metrics(task.predict_metric_fns, targets, predictions)
    rows = [
        prediction
        if isinstance(prediction, dict)
        else {"task": task.name, "raw": text, "prediction": prediction, "target": target}
        for prediction, text, target in zip(predictions, texts, targets, strict=True)
    ]
    return TaskResult(task.name, metrics, rows)


def metric_names(task: seqio.Task, examples: Sequence[dict[str, Any]]) -> set[str]:
    """Tells without a student which metrics an evaluation of examples gives: gold is the answer.

    Args:
        task: The examples' task.
        examples: Of ``read_examples``; none tell only the names that do not depend on the data.
    """
    targets = _targets(task, examples)
    if task.score_metric_fns:
        return set(_metrics(task.score_metric_fns, targets, [0.0] * len(examples)))
    vocabulary = task.output_features["targets"].vocabulary
    gold = [_reference(example, vocabulary) for example in examples]
    return set(_metrics(task.predict_metric_fns, targets, _predictions(task, examples, gold)))


def _targets(task: seqio.Task, examples: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What the metrics compare with; a scored task's own text is not looked at."""
    vocabulary = task.output_features["targets"].vocabulary
    texts = [None if task.score_metric_fns else _reference(e, vocabulary) for e in examples]
    return [
        task.postprocess_fn(text, example=example, is_target=True)
        for text, example in zip(texts, examples, strict=True)
    ]


def _predictions(
    task: seqio.Task, examples: Sequence[Mapping[str, Any]], texts: Sequence[str]
) -> list[Any]:
    return [
        task.postprocess_fn(text, example=example, is_target=False)
        for text, example in zip(texts, examples, strict=True)
    ]


def _metrics(
    metric_fns: Sequence[Callable[..., Any]], targets: Sequence[Any], answers: Sequence[Any]
) -> Metrics:
    metrics: Metrics = {}
    for metric_fn in metric_fns:
        metrics.update(metric_fn(targets, answers))
    return metrics


def _reference(example: Mapping[str, Any], vocabulary: seqio.Vocabulary) -> str:
    if "targets_pretokenized" in example:
        return str(example["targets_pretokenized"], "utf-8")
    return str(vocabulary.decode([int(t) for t in example["targets"]]))


def _compare_scores(
    task: seqio.Task, examples: Sequence[Mapping[str, Any]], scores: Sequence[float]
) -> TaskResult:
    """The result of a scored task."""
    targets = _targets(task, examples)
    metrics = _metrics(task.score_metric_fns, targets, scores)
    return TaskResult(task.name, metrics, _score_rows(task, examples, targets, scores))


def _score_rows(
    task: seqio.Task,
    examples: Sequence[Mapping[str, Any]],
    targets: Sequence[Any],
    scores: Sequence[float],
) -> list[dict[str, Any]]:
    """The predictions file of a scored task: its metric's own rows, or else each score.

    Only the metric knows which scores belong to one answer.
    """
    for metric_fn in task.score_metric_fns:
        if hasattr(metric_fn, "prediction_rows"):
            return list(metric_fn.prediction_rows(targets, scores))
    vocabulary = task.output_features["targets"].vocabulary
    return [
        {"task": task.name, "raw": _reference(example, vocabulary), "score": score}
        for example, score in zip(examples, scores, strict=True)
    ]


def write_result(result: TaskResult, run: RunDirectory, name: str, step: int) -> epath.Path:
    """Writes answers and scalar scores into a run directory; see ``RunDirectory``.

    Args:
        result: What was found.
        run: Where to write.
        name: What the files are named after.
        step: Updates that made the student.

    Returns:
        The path of the predictions.
    """
    scalars = {k: float(v) for k, v in result.metrics.items() if np.ndim(v) == 0}
    return run.write_evaluation(name, step, scalars, result.rows)

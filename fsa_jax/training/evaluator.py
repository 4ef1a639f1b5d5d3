"""Evaluation within a run: loss over a split, and the metrics of the run's tasks."""

from typing import Any

import numpy as np
from etils import epath

from fsa_jax.data.batches import DataConfig, TrainBatches, open_batches
from fsa_jax.decoding import answering
from fsa_jax.model import partitioning
from fsa_jax.model.network import T5Config
from fsa_jax.runtime import hosts
from fsa_jax.training.config import EvaluationConfig
from fsa_jax.training.monitor import Monitor
from fsa_jax.training.train_step import Program


class Evaluator:
    """Evaluates the student of a run and writes what it finds into the run directory.

    Args:
      program: The run's compiled functions.
      model: The student.
      model_dir: The run directory.
      data: What the run trains on.
      evaluation: What to evaluate.
      monitor: Shows and logs the results.

    Raises:
      ValueError: Metrics are asked for, but no task has any.
    """

    def __init__(
        self,
        program: Program,
        model: T5Config,
        model_dir: str,
        data: DataConfig,
        evaluation: EvaluationConfig,
        monitor: Monitor,
    ):
        self._program, self._model = program, model
        self._folder = str(epath.Path(model_dir) / "inference_eval")
        self._data, self._config, self._monitor = data, evaluation, monitor
        self._batches: TrainBatches | None = None
        self._tasks = (
            answering.evaluated_tasks(data.mixture_or_task_name) if evaluation.metrics else []
        )

    def run(self, params: Any, step: int) -> dict[str, float]:
        """Returns the loss of the evaluation split and the metrics, averaged over tasks."""
        return self._loss(params, step) | self.scores(params, step, self._config.split, "")

    def scores(self, params: Any, step: int, split: str, suffix: str) -> dict[str, float]:
        """Scores the tasks on a split; the files are named ``<task><suffix>``."""
        found = []
        for task in self._tasks:
            result = answering.evaluate_task(
                params, self._model, task, split, self._config.decoding, self._data.use_cached
            )
            if hosts.is_first():
                path = answering.write_result(result, self._folder, task.name + suffix, step)
                self._monitor.scalars(f"inference_eval/{task.name}{suffix}", step, result.metrics)
                self._monitor.say(f"step {step}  {task.name} {split}: {result.summary()}  → {path}")
            found.append(result.metrics)
        names = set.intersection(*(set(metrics) for metrics in found)) if found else set()
        return {name: float(np.mean([m[name] for m in found])) for name in sorted(names)}

    def _loss(self, params: Any, step: int) -> dict[str, float]:
        if self._batches is None:
            self._batches = open_batches(self._data, self._config.split, seed=0, shuffle=False)
        sums = {"loss": 0.0, "tokens": 0.0, "correct": 0.0}
        for i, (batch, _) in enumerate(self._batches):
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

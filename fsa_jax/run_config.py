"""What a run is made of: the dataclasses that gin files bind (``gin/runs/``)."""

import dataclasses
from typing import Any

from fsa_jax.search import DecodingConfig


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which examples, and how they lie in rows.

    Attributes:
      mixture_or_task_name: A registered SeqIO name.
      task_feature_lengths: Positions of a row, ``{"inputs": …, "targets": …}``; None (unpacked
        rows only) for the longest of the split.
      batch_size: Rows of a step over all devices.
      pack: Several examples a row.
      split: What to train on.
      use_cached: Read the task's SeqIO cache.
      vocabulary: What the tasks' vocabulary has to be (a ``seqio.Vocabulary``); None: anything.
    """

    mixture_or_task_name: str
    task_feature_lengths: dict[str, int | None]
    batch_size: int
    pack: bool = True
    split: str = "train"
    use_cached: bool = False
    vocabulary: Any = None


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """When and on what to evaluate.

    Attributes:
      period: Steps between evaluations; None for each epoch.
      split: Split of the loss, and of the tasks' metrics.
      loss_batches: Batches of the loss at most; None for the whole split.
      metrics: Decode and score the tasks that have metrics.
      decoding: How to decode.
      best_metric: Keep the checkpoint with the highest value of this metric, averaged over tasks.
      final_splits: Splits to score at the end, with the best checkpoint.
    """

    period: int | None = 1000
    split: str = "validation"
    loss_batches: int | None = None
    metrics: bool = False
    decoding: DecodingConfig = dataclasses.field(default_factory=DecodingConfig)
    best_metric: str | None = None
    final_splits: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class CheckpointConfig:
    """When to save, what to keep, where to start from (``restore.py``).

    Attributes:
      period: Steps between checkpoints; None: at each evaluation.
      keep: How many of the latest to keep; None keeps all.
      initial_path: Parameters to start from.
      resume_path: Another run's whole state to go on from.
    """

    period: int | None = 1000
    keep: int | None = 3
    initial_path: str | None = None
    resume_path: str | None = None


@dataclasses.dataclass(frozen=True)
class ParallelConfig:
    """How the devices share the work (``partitioning.py``).

    Attributes:
      model: Devices that share one copy of the model.
      fsdp: Split parameters and optimizer state over the data axis too.
      micro_batches: Parts of a batch that are computed one after the other.
    """

    model: int = 1
    fsdp: bool = False
    micro_batches: int = 1

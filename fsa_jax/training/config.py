"""What a run is made of: the dataclasses that gin files bind (``gin/runs/``)."""

import dataclasses

from fsa_jax.decoding.search import DecodingConfig


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

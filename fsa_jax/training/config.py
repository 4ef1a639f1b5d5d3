"""What a run is made of: the dataclasses that gin files bind (``gin/runs/``)."""

import dataclasses

from fsa_jax.decoding.search import DecodingConfig


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """When and on what to evaluate.

    Attributes:
        period: Steps between evaluations; None for each epoch, 0 for none at all.
        split: Split of the loss, and of the tasks' metrics.
        loss_batches: Batches of the loss at most; None for the whole split.
        metrics: Decode and score the tasks that have metrics.
        decoding: How to decode.
        best_metric: Keep the checkpoint with the highest value of this metric, averaged over tasks.
        final_splits: Splits to score at the end, with the best checkpoint; those of them that the
            tasks have.
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


def check_length(total_steps: int | None, epochs: float | None) -> None:
    """Checks that the length of a run is said once.

    Args:
        total_steps: Updates in all.
        epochs: Instead: passes over the data in all.

    Raises:
        ValueError: Both or neither are given, or there is nothing to train.
    """
    if total_steps is not None and epochs is not None:
        raise ValueError(
            f"TRAIN_STEPS={total_steps} and TRAIN_EPOCHS={epochs} are both given: one of them says "
            "how long to train, set the other to None"
        )
    if total_steps is None and epochs is None:
        raise ValueError("nothing to train: give TRAIN_STEPS or TRAIN_EPOCHS")
    if total_steps is not None and total_steps < 1:
        raise ValueError(f"TRAIN_STEPS is {total_steps}: give 1 or more")
    if epochs is not None and not epochs > 0:
        raise ValueError(f"TRAIN_EPOCHS is {epochs}: give more than 0")

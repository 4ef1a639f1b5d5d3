"""Settings for T5X's gin files (``gin/t5x``): what T5X itself would take in another way, or ignore.

T5X crashes at its first save in a relative folder, takes the path of one checkpoint only, and knows
neither epochs nor examples a batch.
"""

import os

from etils import epath

from fsa_jax.runtime.run_directory import absolute, find_checkpoint


def folder(path: str) -> str:
    """Makes a folder's path absolute, relative to the working directory.

    Args:
        path: Any path or URL.
    """
    return str(absolute(os.path.expanduser(path)))


def checkpoint(path: str | None) -> str | None:
    """Finds the checkpoint to restore: a run directory's best, else its newest, or the one named.

    Args:
        path: A run directory or a ``checkpoint_<step>`` folder, ours or T5X's; None for none.

    Returns:
        The absolute path of a ``checkpoint_<step>`` folder, or None.

    Raises:
        FileNotFoundError: There is none.
        ValueError: The path is that of Hugging Face weights, which T5X cannot read.
    """
    if path is None:
        return None
    path = os.path.expanduser(path)
    source = epath.Path(path)
    if source.suffix == ".safetensors" or (source / "config.json").is_file():
        raise ValueError(
            f"{path} holds Hugging Face weights, which T5X cannot read: let the built-in engine "
            "write a checkpoint of them, e.g. `t5x train` with this INITIAL_CHECKPOINT_PATH and "
            "TRAIN_STEPS=1"
        )
    return str(find_checkpoint(path)[0])


def steps(total: int, epochs: float | None = None, examples_per_batch: int | None = None) -> int:
    """Returns the number of updates, and refuses what T5X would silently ignore.

    Args:
        total: The updates, TRAIN_STEPS.
        epochs: TRAIN_EPOCHS.
        examples_per_batch: EXAMPLES_PER_BATCH.

    Raises:
        ValueError: Epochs or examples a batch are given.
    """
    for name, value, instead in (
        ("TRAIN_EPOCHS", epochs, "TRAIN_STEPS"),
        ("EXAMPLES_PER_BATCH", examples_per_batch, "BATCH_SIZE (rows)"),
    ):
        if value is not None:
            raise ValueError(
                f"{name}={value}: T5X does not know it; give {instead} instead, and {name}=None"
            )
    return total

"""Paths for T5X's gin files (``gin/t5x``): absolute, and checkpoints found in run directories.

T5X crashes at its first save in a relative folder, and takes the path of one checkpoint only.
"""

from etils import epath

from fsa_jax.runtime.run_directory import absolute, find_checkpoint


def folder(path: str) -> str:
    """Makes a folder's path absolute, relative to the working directory.

    Args:
      path: Any path or URL.
    """
    return str(absolute(path))


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
    source = epath.Path(path)
    if source.suffix == ".safetensors" or (source / "config.json").is_file():
        raise ValueError(
            f"{path} holds Hugging Face weights, which T5X cannot read: let the built-in engine "
            "write a checkpoint of them, e.g. `t5x train` with this INITIAL_CHECKPOINT_PATH and "
            "TRAIN_STEPS=1"
        )
    return str(find_checkpoint(path)[0])

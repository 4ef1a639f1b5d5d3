"""Where the data lies: read from the environment at first use, never at import."""

import os
from pathlib import Path


def data_root() -> Path:
    """Returns the folder that holds the corpora and the benchmarks.

    Returns:
        The path named by ``FSA_DATA_DIR``.

    Raises:
        FileNotFoundError: ``FSA_DATA_DIR`` is unset, or it names no folder.
    """
    value = os.environ.get("FSA_DATA_DIR", "")
    if not value:
        raise FileNotFoundError(
            "FSA_DATA_DIR is not set: it names the folder with understanding/ (corpora) and fsa/ "
            "(the benchmark); set it, e.g. `export FSA_DATA_DIR=$HOME/fsa_data`"
        )
    root = Path(value).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"FSA_DATA_DIR={value} is not a folder: create it or correct it")
    return root


def cache_root() -> Path:
    """Returns the folder for what can be made again from the data, whether it is there or not.

    Returns:
        The path named by ``FSA_CACHE_DIR``; ``cache`` in the data root where that is unset.

    Raises:
        FileNotFoundError: Neither is set, or the data root is no folder.
        ValueError: It is a bucket.
    """
    value = os.environ.get("FSA_CACHE_DIR", "")
    if "://" in value:
        raise ValueError(f"FSA_CACHE_DIR={value} is a bucket: name a folder of this machine")
    return Path(value).expanduser() if value else data_root() / "cache"


def token_tables() -> Path:
    """Returns the folder of the token tables, whether it is there or not; see ``cache_root``."""
    return cache_root() / "tokens"

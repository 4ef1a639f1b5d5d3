"""Which code and which libraries made something: what manifests and stores of results keep."""

import importlib.metadata
import pathlib
import subprocess
from typing import Any

import fsa_jax

_PACKAGES = ("jax", "flax", "optax", "orbax-checkpoint", "seqio", "tensorflow", "numpy")


def facts() -> dict[str, Any]:
    """Returns the version of this package, its commit, and the versions of its libraries."""
    return {"fsa_jax": fsa_jax.__version__, "git": git_revision(), "versions": versions()}


def versions() -> dict[str, str]:
    """Returns the versions of the libraries that decide the numbers."""
    return {name: importlib.metadata.version(name) for name in _PACKAGES}


def git_revision() -> str | None:
    """Returns the checkout's commit, ``-dirty`` where files differ; None outside a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--match=-"]
    try:
        found = subprocess.run(
            command, cwd=pathlib.Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()

"""``manifest.json`` of a run directory: what it takes to repeat the run."""

import importlib.metadata
import json
import pathlib
import subprocess
from typing import Any

from etils import epath

import fsa_jax

_PACKAGES = ("jax", "flax", "optax", "orbax-checkpoint", "seqio", "tensorflow", "numpy")


def write(model_dir: str, **facts: Any) -> None:
    """Writes the manifest whole, under a temporary name first.

    Args:
      model_dir: The run directory.
      **facts: JSON-able facts of the run (seed, data fingerprint, …).
    """
    folder = epath.Path(model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"fsa_jax": fsa_jax.__version__, "git": git_revision(), "versions": versions(), **facts}
    temporary = folder / "manifest.json.tmp"
    temporary.write_text(json.dumps(facts, indent=2) + "\n")
    temporary.replace(folder / "manifest.json")


def versions() -> dict[str, str]:
    """Versions of the libraries that decide the numbers."""
    return {name: importlib.metadata.version(name) for name in _PACKAGES}


def git_revision() -> str | None:
    """The checkout's commit, ``-dirty`` where files differ; None outside a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--match=-"]
    try:
        found = subprocess.run(
            command, cwd=pathlib.Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()

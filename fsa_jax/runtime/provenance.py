"""Which code, libraries and machine made something: what manifests and files of figures keep."""

import contextlib
import importlib.metadata
import os
import pathlib
import platform
import subprocess
from typing import Any

import fsa_jax

_PACKAGES = ("jax", "flax", "optax", "orbax-checkpoint", "seqio", "tensorflow", "numpy")


def facts() -> dict[str, Any]:
    """Returns the version of this package, its commit, and the versions of its libraries."""
    return {"fsa_jax": fsa_jax.__version__, "git": git_revision(), "versions": versions()}


# Instructions by which float32 results, and so scores of small students, differ; widest first.
_INSTRUCTIONS = {"avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}
_CPUINFO = pathlib.Path("/proc/cpuinfo")


def machine() -> dict[str, Any]:
    """Returns the processor, its number of cores and Python's version: what figures depend on."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def processor() -> str:
    """Returns the processor's name with its widest instructions, such as ``AMD EPYC (AVX-512)``.

    As Linux tells it; elsewhere what Python knows.
    """
    try:
        text = _CPUINFO.read_text()
    except OSError:
        return platform.processor() or platform.machine()
    lines = (line.partition(":") for line in text.splitlines() if ":" in line)
    facts = {name.strip(): value.strip() for name, _, value in lines}
    name = facts.get("model name", platform.machine())
    flags = facts.get("flags", facts.get("Features", "")).split()
    widest = next((words for flag, words in _INSTRUCTIONS.items() if flag in flags), None)
    return f"{name} ({widest})" if widest else name


def versions() -> dict[str, str]:
    """Returns the versions of the libraries that decide the numbers, of those that are here."""
    found = {}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


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

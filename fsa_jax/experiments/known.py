"""Names that a declaration may use: tasks, teachers, schemes, numbers of reviews.

Told without SeqIO, so that a declaration is checked at once.
"""

import os
import re
from pathlib import Path
from typing import Any

from fsa_jax.opinions import corpus
from fsa_jax.opinions.corpus import SIZES, TEACHERS, size_name
from fsa_jax.opinions.data_sets import DATA_SETS, PERCENTAGES, SEEDS
from fsa_jax.runtime.files import near

__all__ = ["PERCENTAGES", "SCHEMES", "SEEDS"]
SCHEMES = ("R12421", "R11111", "R00100")
_COUNT = re.compile(r"(\d+)([km]?)")
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
_ZERO_SHOT = {"tsa": "tsc", "asa": "asc"}


def data_root() -> Path | None:
    """The folder named by ``FSA_DATA_DIR``, where that is set and there."""
    value = os.environ.get("FSA_DATA_DIR", "")
    root = Path(value).expanduser() if value else None
    return root if root is not None and root.is_dir() else None


def zero_shot_of(task: str) -> str | None:
    """Returns the data set of a zero-shot task; None where the task is fine-tuned on."""
    for kind, classified in _ZERO_SHOT.items():
        if task.startswith(f"{classified}_"):
            return f"{kind}_{task.removeprefix(f'{classified}_')}"
    return None


def tasks() -> list[str]:
    """Returns the benchmark's tasks, the zero-shot ones, and those that the user registered."""
    found = list(DATA_SETS)
    for name, data_set in DATA_SETS.items():
        kind, _, rest = name.partition("_")
        if data_set.form == "fsa":
            found.append(f"{_ZERO_SHOT[kind]}_{rest}")
    root = data_root()
    if root is not None:
        found += sorted(path.stem for path in (root / "benchmarks").glob("*.json"))
    return found


def check_teacher(teacher: str) -> None:
    """Refuses a teacher who is neither known nor has a corpus in ``$FSA_DATA_DIR``.

    Raises:
        ValueError: The message says how to make a corpus of one's own.
    """
    root = data_root()
    known = {*TEACHERS, *(corpus.teachers_in(root) if root is not None else ())}
    if teacher not in known:
        raise ValueError(
            f"unknown teacher {teacher!r}{near(teacher, known)}; a teacher of your own "
            f"is known by the corpus: `fsa generate --teacher {teacher} …`, then `fsa corpus build`"
        )


def read_count(value: Any) -> int | None:
    """Reads a number of reviews: 1000, 100k, 1m; None or ``all`` stand for all.

    Raises:
        ValueError: It is none of those that mixtures are registered for.
    """
    if value is None or value == "all":
        return None
    match = _COUNT.fullmatch(str(value).lower())
    count = int(match[1]) * _UNITS[match[2]] if match else 0
    if count not in SIZES:
        names = ", ".join(map(size_name, SIZES))
        raise ValueError(f"reviews is {value!r}: it is all or one of {names}")
    return count


def count_name(count: int | None) -> str:
    """Writes a number of reviews as names do: 500, 1k, 2500, 100k, 1m; None is ``all``."""
    return "all" if count is None else size_name(count)

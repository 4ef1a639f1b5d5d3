"""Sentences of the tests with every system's answers, as the page's browser of examples needs them.

Of several seeds the first one's answers are shown.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fsa_jax.experiments.collecting import prediction_file
from fsa_jax.experiments.tables import Table
from fsa_jax.opinions.scoring.predictions import SUBSETS, kind_of, read_predictions

_MOST = 1500  # sentences of a task


def examples(table: Table) -> dict[str, Any]:
    """Returns, by task: sentences ``[text, gold, flags]``, and answers by system.

    ``flags`` holds the letters of the sub-sets that the sentence is in: i, m, h. An answer is
    ``[units, verdict]``, the verdict 1 where all is right.
    """
    found: dict[str, Any] = {}
    for answers in table.plan.answers:
        row = next(row for row in table.rows if row.system.name == answers.system.name)
        seeds = next((c.values for (t, _), c in row.cells.items() if t == answers.task), {})
        file = prediction_file(answers, min(seeds)) if seeds else None
        if file is None:
            continue
        task = found.setdefault(answers.task, {"sentences": {}, "systems": {}})
        task["systems"][answers.system.name] = _read(file, answers.task, task["sentences"])
    return {task: _as_lists(content) for task, content in found.items()}


def _read(file: Path, task: str, sentences: dict[str, Any]) -> dict[str, Any]:
    """A system's answers by sentence; adds the sentences that it is the first to have."""
    answers: dict[str, Any] = {}
    for number, (row, _) in enumerate(read_predictions(file, kind_of(task))):
        if number == _MOST:
            break
        keys, name = row["keys"], str(row.get("id", number))
        flags = "".join(flag[0] for flag, on in zip(SUBSETS, row["flags"], strict=True) if on == 1)
        sentences.setdefault(name, [row.get("text") or "", _units(keys.gold), flags])
        right = sorted(keys.gold) == sorted(keys.parsed) and not keys.junk
        written = _units(keys.parsed) + [f"? {part}" for part in row.get("unparsed") or []]
        answers[name] = [written, int(right)]
    return answers


def _units(keys: Iterable[Sequence[str]]) -> list[str]:
    return [" | ".join(key) for key in keys]


def _as_lists(content: dict[str, Any]) -> dict[str, Any]:
    """Answers in the order of the sentences, which are named once."""
    names = list(content["sentences"])
    systems = content["systems"]
    return {
        "sentences": list(content["sentences"].values()),
        "systems": {s: [answers.get(name) for name in names] for s, answers in systems.items()},
    }

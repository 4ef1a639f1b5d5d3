"""Prediction files: JSON lines of prediction rows, from students and LLMs alike.

A row needs ``task``, ``gold``, and ``parsed`` or ``raw``; a unit is an object or a list of its
values with the polarity last. The rows that T5X writes are read as well: they hold ours under
``prediction``. Where ``parsed`` is null, ``raw`` is parsed here: as the Python list that LLMs are
asked for, as a target text, or, of a classified gold unit, as a label in words. Rows without
``reference`` get it where the sentence (``text``) is known.
"""

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from fsa_jax.opinions.questions import ASC_LABELS, TSC_LABELS
from fsa_jax.opinions.readers import FORMATS, detect
from fsa_jax.opinions.scoring.llm_answers import read_answer, read_label, unit_of
from fsa_jax.opinions.scoring.rows import Row, keys_of
from fsa_jax.opinions.units import ASA, ASC, QUAD, TSA, TSC, Kind

SUBSETS = ("implicit", "multiple", "hard")


_KINDS = {
    "tsa": TSA,
    "asa": ASA,
    "asqp": QUAD,
    "acos": QUAD,
    "quad": QUAD,
    "instructabsa_tsa": TSA,
    "instructabsa_asa": ASA,
    "tsc": TSC,
    "asc": ASC,
}
_FLAGS = {None: -1, False: 0, True: 1}


def kind_of(task: str, unit: Any = None) -> Kind | None:
    """Tells what a task asks for by its name or else by a unit; ``None`` if neither says."""
    for prefix, kind in _KINDS.items():
        if task == prefix or task.startswith(f"{prefix}_"):
            return kind
    if isinstance(unit, dict):
        fields = {"target", "category", "opinion"} & set(unit)
        for kind in (QUAD, TSA, ASA):
            if set(kind.fields) == fields:
                return kind
    if isinstance(unit, list) and len(unit) == len(QUAD.keys):
        return QUAD
    return None


def read_predictions(path: Path, kind: Kind | None = None) -> Iterator[tuple[Row, Kind]]:
    """Yields the rows of a file, with units as objects, each with what its task asks for.

    Args:
        path: A file of prediction rows.
        kind: What the task asks for; ``None`` tells it by the task's name or the units.

    Raises:
        ValueError: A line is no prediction row, or one of another task, with file and line.
    """
    found, task = kind, None
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if line.isspace():
                continue
            try:
                row = _load(line)
                if "gold" not in row:
                    row = row.get("prediction", row)
                if row["task"] != task:
                    if task is not None:
                        raise ValueError(f"rows of {task} and {row['task']}: one file, one task")
                    task = row["task"]
                if found is None:
                    found = _find_kind(row)
                _settle(row, found)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                reason = _complaint(error, line) + ("" if task else _looks(path))
                raise ValueError(f"{path}:{number}: no prediction row: {reason}") from error
            yield row, found


def _load(line: bytes) -> Any:
    """Reads a line of JSON, as Python writes it: with NaN and Infinity, which orjson refuses."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)


def _complaint(error: Exception, line: bytes) -> str:
    """Says in a user's words what is wrong with a line that cannot be read."""
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON: {error.msg} at column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    row = _load(line)
    if not isinstance(row, dict):
        return f"an object is expected, not {type(row).__name__}"
    row = row if "gold" in row else row.get("prediction", row)
    for name in ("gold", "parsed", "reference", "unparsed"):
        value = row.get(name, [])
        if not isinstance(value, list) and (value is not None or name == "gold"):
            return f"{name} is {json.dumps(value)[:60]}, a list is expected"
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _looks(path: Path) -> str:
    """Says which other format a file looks like, if it does."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        seen = detect(file.read(65536))
    return f"; it looks like {seen}, {FORMATS[seen].DESCRIPTION}" if seen else ""


def _find_kind(row: Row) -> Kind:
    units = row["gold"] or row.get("parsed") or [None]
    # Rows of before do not say what they answer: their task's name tells, or their units.
    kind = _KINDS.get(str(row.get("kind"))) or kind_of(str(row["task"]), units[0])
    if kind is None:
        raise ValueError(f"what does task {row['task']!r} ask for? say --kind tsa, asa or quad")
    return kind


def _spell(polarity: Any) -> Any:
    return polarity.strip().lower() if isinstance(polarity, str) else polarity


def _read_raw(row: Row, kind: Kind) -> None:
    """Reads what the model wrote; no text at all is no empty answer, but none."""
    if row["raw"] is None:
        row["parsed"], row["unparsed"] = [], ["null"]
        return
    answer = read_answer(row["raw"], kind, row.get("text") or "")
    row["parsed"], row["unparsed"], reference = answer
    if kind.is_classified and not answer.units and len(row["gold"]) == 1:
        label = read_label(row["raw"], ASC_LABELS if kind == ASC else TSC_LABELS)
        if label is not None:
            gold = row["gold"][0]
            unit = gold if isinstance(gold, dict) else unit_of(gold, kind)
            row["parsed"], row["unparsed"], reference = [unit | {"polarity": label}], [], None
    if row.get("reference") is None:
        row["reference"] = reference


def _settle(row: Row, kind: Kind) -> None:
    """Makes units of what stands for them, and adds the row's ``keys`` and ``flags``.

    Flags say for each of ``SUBSETS`` whether the row is in it: 1, 0, or -1 for unknown.
    """
    if row.get("parsed") is None:
        _read_raw(row, kind)
    try:
        keys = keys_of(row, kind)
    except TypeError:  # Units that are lists, as LLM evaluations write them.
        for name in ("gold", "parsed"):
            row[name] = [u if isinstance(u, dict) else unit_of(u, kind) for u in row[name]]
        keys = keys_of(row, kind)
    for units in (keys.gold, keys.parsed):
        for fields in units:
            if None in fields:
                raise ValueError(f"a unit without {kind.keys[fields.index(None)]}: {fields}")
    if any(_spell(unit[-1]) != unit[-1] for units in keys[:3] for unit in units if unit):
        # Other programs may write "Positive"; a label set of one's own may hold any word.
        for name in ("gold", "parsed"):
            row[name] = [unit | {"polarity": _spell(unit["polarity"])} for unit in row[name]]
        if row.get("reference") is not None:
            row["reference"] = [[*unit[:-1], _spell(unit[-1])] for unit in row["reference"]]
        keys = keys_of(row, kind)
    if keys.predicted != keys.parsed:
        for fields in keys.predicted:
            if len(fields) != len(kind.keys):
                raise ValueError(f"reference: {fields!r} is no {', '.join(kind.keys)}")
    row["keys"] = keys
    get = row.get
    try:
        row["flags"] = _FLAGS[get("implicit")], _FLAGS[get("multiple")], _FLAGS[get("hard")]
    except (KeyError, TypeError):
        wrong = {name: get(name) for name in SUBSETS}
        raise ValueError(f"{wrong}: true, false or null is expected") from None

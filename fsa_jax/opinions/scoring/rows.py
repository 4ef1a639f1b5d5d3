"""The one scorer of students and LLMs: prediction rows, what is counted of them, their scores.

A *prediction row* explains one output: ``id, task, raw, parsed, gold, matches, reason``, and beside
them ``text``, the sub-sets it belongs to (``implicit, multiple, hard``), ``unparsed`` (parts of the
output that are no unit), and ``reference`` (the units by the paper's rule, where that can be
applied). Every score is a function of the rows alone.

*Reference F1* is the paper's: precision is the share of predicted units found in the sentence's
gold list, recall the share of gold units found among the predicted ones; duplicates count.
*Strict F1* matches each gold unit once, and counts every part of an output that is no unit as a
wrong one.

Knows neither tasks nor models: a text, a kind and gold units are all it takes.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any

import numpy as np

from fsa_jax.opinions.scoring.counts import COLUMNS, Keys, count, metrics, pair
from fsa_jax.opinions.scoring.llm_answers import in_sentence
from fsa_jax.opinions.units import (
    Kind,
    Unit,
    canonical_key,
    parse,
    parse_reference,
    unit_key,
)

Row = dict[str, Any]
_GETTERS: dict[tuple[str, ...], Callable[[Any], Any]] = {}


def prediction_row(
    task: str, kind: Kind, raw: str, gold: list[Unit], text: str, **about: Any
) -> Row:
    """Explains one output.

    Args:
        task: Name of the task.
        kind: What the task asks for.
        raw: What the model wrote.
        gold: The sentence's gold units.
        text: The sentence.
        **about: ``id``, and the sub-sets that the sentence belongs to.

    Returns:
        The prediction row, fit for JSON.
    """
    parsed, unparsed = parse(raw, kind, text)
    matches = match(parsed, gold, kind)
    return {
        "id": about.pop("id", ""),
        "task": task,
        "kind": kind.row_name,
        "raw": raw,
        "parsed": parsed,
        "gold": gold,
        "matches": matches,
        "reason": explain(parsed, unparsed, gold, matches, kind),
        "text": text,
        **about,
        "unparsed": unparsed,
        "reference": [list(unit) for unit in parse_reference(raw, kind, text)],
    }


def label_row(
    task: str,
    kind: Kind,
    label_scores: Mapping[str, float],
    gold: list[Unit],
    text: str,
    **about: Any,
) -> Row:
    """Explains an answer that was chosen among labels: the highest score wins, the first of equals.

    Args:
        task: Name of the task.
        kind: What the task asks for, with its fields given.
        label_scores: Score of each label, in the order of the label set.
        gold: The one gold unit whose polarity was asked for.
        text: The sentence.
        **about: ``id``, and the sub-sets that the sentence belongs to.

    Returns:
        The prediction row, with ``label_scores`` besides.
    """
    label = max(label_scores, key=lambda word: label_scores[word])
    parsed = [unit | {"polarity": label} for unit in gold]
    matches = match(parsed, gold, kind)
    return {
        "id": about.pop("id", ""),
        "task": task,
        "kind": kind.row_name,
        "raw": label,
        "parsed": parsed,
        "gold": gold,
        "matches": matches,
        "reason": explain(parsed, [], gold, matches, kind),
        "text": text,
        **about,
        "label_scores": dict(label_scores),
    }


def match(parsed: list[Unit], gold: list[Unit], kind: Kind) -> list[list[int]]:
    """Pairs predicted and gold units of the same fields, each at most once.

    Returns:
        Pairs [index in ``parsed``, index in ``gold``], in the order of ``parsed``.
    """
    keys = ([unit_key(unit, kind) for unit in units] for units in (parsed, gold))
    return [list(indices) for indices in pair(*keys)]


def explain(
    parsed: list[Unit], unparsed: list[str], gold: list[Unit], matches: list[list[int]], kind: Kind
) -> str:
    """Says why a row is not perfect, unit by unit; an empty text where it is."""
    hit_parsed = {pair[0] for pair in matches}
    hit_gold = {pair[1] for pair in matches}
    if len(hit_parsed) == len(parsed) and len(hit_gold) == len(gold) and not unparsed:
        return ""
    extra = [unit for index, unit in enumerate(parsed) if index not in hit_parsed]
    missed = [unit for index, unit in enumerate(gold) if index not in hit_gold]
    reasons = []
    for unit in missed:
        reasons.append(_why_missed(unit, extra, kind))
    known = Counter(unit_key(unit, kind) for unit in gold)
    reasons.extend(_why_extra(unit, known, kind) for unit in extra)
    reasons.extend(f"not a unit: {part!r}" for part in unparsed)
    return "; ".join(reasons)


def _why_missed(unit: Unit, extra: list[Unit], kind: Kind) -> str:
    """Explains a missed unit by the extra one closest to it, which it takes out of the list."""
    said = _say(unit, kind)
    for index, other in enumerate(extra):
        keys = zip(unit_key(other, kind), unit_key(unit, kind), kind.keys, strict=True)
        wrong = [name for mine, asked, name in keys if mine != asked]
        # A foreign target with the same polarity explains nothing; a confused category does.
        if wrong == ["polarity"] or (len(wrong) == 1 and kind.name != "tsa"):
            del extra[index]
            return f"{said}: {wrong[0]} predicted as {other[wrong[0]]!r}"
    for index, other in enumerate(extra):
        if _overlap(unit, other):
            del extra[index]
            return f"{said}: place predicted as {_say(other, kind)}"
    return f"{said}: not predicted"


def _why_extra(unit: Unit, known: Counter[tuple[str, ...]], kind: Kind) -> str:
    said = _say(unit, kind)
    if known[unit_key(unit, kind)]:
        return f"{said}: predicted more often than it is there"
    if "target" in kind.fields and unit["start"] is None and unit["target"] != "NULL":
        return f"{said}: the sentence does not hold this target"
    if kind.categories is not None and unit.get("category") not in kind.categories:
        return f"{said}: the category is outside the space"
    return f"{said}: not in the gold"


def _say(unit: Unit, kind: Kind) -> str:
    return "(" + ", ".join(str(unit[key]) for key in kind.keys) + ")"


def _overlap(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    if a.get("start") is None or b.get("start") is None:
        return False
    return bool(a["start"] < b["end"] and b["start"] < a["end"])


def keys_of(row: Row, kind: Kind) -> Keys:
    """Returns what is counted of a row.

    Rows of which nobody has applied the reference rule are filtered by it here, as far as it can be
    told from the units.

    Raises:
        TypeError: A unit is no object.
        KeyError: A unit lacks a field.
    """
    key = _GETTERS.get(kind.keys) or _GETTERS.setdefault(kind.keys, itemgetter(*kind.keys))
    gold, parsed = list(map(key, row["gold"])), list(map(key, row["parsed"]))
    reference, text = row.get("reference"), row.get("text")
    if reference is not None:
        predicted = list(map(tuple, reference))
    elif text:
        predicted = [fields for fields in parsed if in_sentence(fields, kind, text)]
    else:
        predicted = parsed
    if not gold == parsed == predicted:
        gold, parsed, predicted = (
            list(map(canonical_key, keys)) for keys in (gold, parsed, predicted)
        )
    return Keys(gold, parsed, predicted, unanswered(row, kind))


def unanswered(row: Row, kind: Kind) -> int:
    """Returns how many answers of a row are none.

    Those are the parts of an output that are no unit; where each gold unit has one answer, the gold
    units that got none. They stay in the denominator: saying nothing is no way to be right.
    """
    if kind.is_classified:
        return max(0, len(row["gold"]) - len(row["parsed"]))
    return len(row.get("unparsed") or ())


def score(rows: Iterable[Row], kind: Kind) -> dict[str, float]:
    """Scores prediction rows.

    Args:
        rows: Prediction rows of one task.
        kind: What the task asks for.

    Returns:
        All scores, as of ``counts.metrics``: ``f1, precision, recall`` (reference), the same
        strict, of extraction and soft, ``polarity_accuracy`` and ``parse_failure_rate``, all in
        percent.
    """
    sums = np.zeros(len(COLUMNS))
    for row in rows:
        sums += count(keys_of(row, kind), kind)
    return metrics(sums)


def make_postprocess(task: str, kind: Kind | Callable[[], Kind]) -> Callable[..., Any]:
    """Returns a SeqIO postprocessor: targets become gold units, outputs prediction rows.

    Args:
        task: Name of the task.
        kind: What the task asks for, or a function that says it at first use.
    """

    def postprocess(output: str, example: Mapping[str, Any], is_target: bool = False) -> Any:
        gold = json.loads(_text(example["gold"]))
        if is_target:
            return gold
        about = {
            "id": _text(example["id"]),
            "implicit": _flag(example["implicit"]),
            "multiple": _flag(example["multiple"]),
            "hard": _flag(example["hard"]),
        }
        text = _text(example["text"])
        return prediction_row(task, _kind(kind), output, gold, text, **about)

    return postprocess


class OpinionF1:
    """A SeqIO metric function over gold units and prediction rows.

    Args:
        kind: What the task asks for, or a function that says it at first use.
        prompt: Writes the question about somebody's own text; None where the text is the question.

    Attributes:
        prompt: See above; the second argument is for what is given with a text, here nothing.
    """

    def __init__(
        self,
        kind: Kind | Callable[[], Kind],
        prompt: Callable[[str, str], str] | None = None,
    ):
        self._told, self.prompt = kind, prompt

    @property
    def kind(self) -> Kind:
        """What the task asks for, by which also answers without gold are read."""
        return _kind(self._told)

    def __call__(self, targets: list[list[Unit]], predictions: list[Row]) -> dict[str, float]:
        """Returns all scores, as of ``score``.

        Args:
            targets: The gold units of each sentence.
            predictions: Their prediction rows.
        """
        if len(targets) != len(predictions):
            raise ValueError(f"{len(targets)} targets, {len(predictions)} predictions")
        return score(predictions, self.kind)


def _kind(kind: Kind | Callable[[], Kind]) -> Kind:
    return kind if isinstance(kind, Kind) else kind()


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _flag(value: Any) -> bool | None:
    """-1 stands for *not annotated*."""
    return None if int(value) < 0 else bool(int(value))

"""Zero-shot classification (tables 5 and 10): which label word is the most probable answer.

Targeted (TSC) and aspect-level (ASC) sentiment classification ask for the polarity of one gold
target or category of a sentence. Each (sentence, target) becomes one example for each label word,
with the word as its target; the model scores the targets (SeqIO's *score* metrics), and the word
with the highest score is the answer. Examples carry `group` (which pair they belong to),
`label_words` (JSON), `label_index`, `correct_index`, and the sentence's flags.
"""

import collections
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import seqio

from tasks.benchmark import DATA_SETS, DataSet, sentences_of
from tasks.features import OUTPUT_FEATURES, Rows, RowsSource, preprocessors
from tasks.linearize import gold_units

# Four labels for targets, three for categories, as table 10 lists them; a conflict is no
# category's.
TSC_LABELS = ("negative", "neutral", "positive", "conflict")
ASC_LABELS = ("negative", "neutral", "positive")
VERSION = 1
TASKS = {
    "tsc_rest14": ("tsa_rest14", TSC_LABELS),
    "tsc_laptop14": ("tsa_laptop14", TSC_LABELS),
    "asc_rest16": ("asa_rest16", ASC_LABELS),
    "asc_laptop16": ("asa_laptop16", ASC_LABELS),
}
_SUBSETS = ("implicit", "multiple", "hard")


def prompt(sentence: str, unit: Mapping[str, Any]) -> str:
    """Writes the question of table 10 for students and open models."""
    if "target" in unit:
        asked = f"Opinion target: {unit['target']}"
    else:
        asked = f"Aspect category: {unit['category']}"
    return f"Sentence: {sentence}\n{asked}\nLabel:"


def read_rows(split: str, data_set: DataSet, labels: Sequence[str]) -> Rows:
    """Returns one example for each label word of each gold unit of a split."""
    rows: Rows = []
    group = 0
    words = json.dumps(labels)
    for sentence, hard in sentences_of(data_set, split):
        for unit in gold_units(sentence, data_set.kind):
            if unit["polarity"] not in labels:
                raise ValueError(
                    f"sentence {sentence.id}: {unit['polarity']!r} is none of {', '.join(labels)}"
                )
            for index, label in enumerate(labels):
                rows.append(
                    {
                        "id": sentence.id,
                        "text": sentence.text,
                        "group": group,
                        "label_words": words,
                        "label_index": index,
                        "correct_index": labels.index(unit["polarity"]),
                        "implicit": -1 if sentence.implicit is None else int(sentence.implicit),
                        "multiple": int(sentence.is_multiple),
                        "hard": int(hard),
                        "inputs": prompt(sentence.text, unit),
                        "targets": label,
                    }
                )
            group += 1
    return rows


def postprocess(output: str, example: Mapping[str, Any], is_target: bool = False) -> Any:
    """Returns what the metric needs of an example; a model's own text is not looked at."""
    if not is_target:
        return output
    names = ("group", "label_index", "correct_index", *_SUBSETS)
    return {name: int(example[name]) for name in names}


def choose(targets: Sequence[Mapping[str, int]], scores: Sequence[float]) -> list[dict[str, int]]:
    """Picks the most probable label of each group; the first one of equals.

    Args:
        targets: Examples as of `postprocess`.
        scores: Log probability of each example's label word.

    Returns:
        One of the group's examples each, with `chosen_index`, in the order of the groups.
    """
    groups: dict[int, list[tuple[float, int, Mapping[str, int]]]] = collections.defaultdict(list)
    for target, score in zip(targets, scores, strict=True):
        groups[target["group"]].append((-float(score), target["label_index"], target))
    answers = []
    for group in sorted(groups):
        _, index, target = min(groups[group], key=lambda item: item[:2])
        answers.append({**target, "chosen_index": index})
    return answers


def accuracy(targets: Sequence[Mapping[str, int]], scores: Sequence[float]) -> dict[str, float]:
    """The metric of table 5: accuracy in percent, on all and on the sub-sets.

    Args:
        targets: Examples as of `postprocess`.
        scores: Log probability of each example's label word.
    """
    answers = choose(targets, scores)
    metrics = {"accuracy": _share(answers)}
    for name in _SUBSETS:
        chosen = [answer for answer in answers if answer[name] == 1]
        if chosen:
            metrics[f"{name}_accuracy"] = _share(chosen)
    return metrics


def _share(answers: Sequence[Mapping[str, int]]) -> float:
    if not answers:
        return 0.0
    right = sum(answer["chosen_index"] == answer["correct_index"] for answer in answers)
    return 100.0 * right / len(answers)


def register() -> None:
    """Registers the zero-shot tasks; nothing is read."""
    for name, (data_set_name, labels) in TASKS.items():
        data_set = DATA_SETS[data_set_name]
        seqio.TaskRegistry.add(
            name,
            source=RowsSource(
                functools.partial(read_rows, data_set=data_set, labels=labels),
                tuple(data_set.splits),
            ),
            preprocessors=preprocessors(),
            output_features=OUTPUT_FEATURES,
            postprocess_fn=postprocess,
            metric_fns=[accuracy],
        )

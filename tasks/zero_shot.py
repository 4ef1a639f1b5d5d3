"""Zero-shot classification (tables 5 and 10): which label word is the most probable answer.

Targeted (TSC) and aspect-level (ASC) sentiment classification ask for the polarity of one gold
target or category of a sentence. Each such question becomes one example for each label word, with
the word as its target; the model scores the targets (SeqIO's *score* metrics), and the word with
the highest score is the answer. Examples carry ``group`` (which pair they belong to),
``label_words`` (JSON), ``label_index``, ``correct_index``, ``gold`` (the pair's one unit, JSON),
and the sentence's flags.

Students have learnt the newline as a piece of its own, and read the question in lines
(``tsc_rest14``). Weights that have not (T5, Flan-T5, Tk-Instruct) are asked by ``tsc_rest14_t5``,
in which newlines are blanks, as in T5's own tokenizer.

The metric, ``Accuracy``, also makes the prediction rows of the answers, one for each pair. ``fsa
score`` reads them as those of any task: an answer is one predicted unit against one gold unit, so
the F1 of such a file is its accuracy.
"""

import dataclasses
import functools
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import seqio

from fsa_jax.opinions.data_sets import DATA_SETS, sentences_of
from fsa_jax.opinions.questions import ASKED, CLASSIFICATIONS, Question, data_set_of, questions
from fsa_jax.opinions.scoring.rows import Row, label_row
from fsa_jax.opinions.sentences import Sentence
from fsa_jax.opinions.units import Kind
from tasks.extraction import question_features
from tasks.features import OUTPUT_FEATURES, Rows, RowsSource, preprocessors
from tasks.vocabulary import without_newlines

# Behind the names of tasks for weights that know no newline.
PLAIN_T5 = "_t5"
_SUBSETS = ("implicit", "multiple", "hard")
_NUMBERS = ("group", "label_index", "correct_index", *_SUBSETS)
Target = dict[str, Any]


def prompt(question: Question) -> str:
    """Writes the question of table 10 for students and open models."""
    return ASKED.format(question.text)


def read_rows(split: str, task: str, newlines: bool = True) -> Rows:
    """Returns one example for each label word of each gold unit of a split.

    Args:
        split: Name of the split.
        task: One of ``CLASSIFICATIONS``.
        newlines: Whether the question stands in lines; in one of its own if not.
    """
    labels = CLASSIFICATIONS[task].labels
    rows: Rows = []
    for group, question in enumerate(questions(task, sentences_of(data_set_of(task), split))):
        (unit,) = question.gold
        example = question_features(question) | {
            "group": group,
            "label_words": json.dumps(labels),
            "correct_index": labels.index(unit["polarity"]),
            "inputs": prompt(question) if newlines else without_newlines(prompt(question)),
        }
        rows += [
            example | {"label_index": index, "targets": label} for index, label in enumerate(labels)
        ]
    return rows


def postprocess(output: Any, example: Mapping[str, Any], is_target: bool = False) -> Any:
    """Returns what the metric needs of an example; a model's own text is not looked at."""
    if not is_target:
        return output
    target: Target = {name: int(example[name]) for name in _NUMBERS}
    target |= {name: _text(example[name]) for name in ("id", "text")}
    target |= {name: json.loads(_text(example[name])) for name in ("label_words", "gold")}
    return target


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def choose(targets: Sequence[Target], scores: Sequence[float]) -> list[Target]:
    """Picks the most probable label of each group; the first one of equals.

    Args:
        targets: Examples as of ``postprocess``.
        scores: Log probability of each example's label word.

    Returns:
        One of the group's examples each, with ``chosen_index`` and ``label_scores`` (by label
        word), in the order of the groups.
    """
    groups: defaultdict[int, dict[int, tuple[float, Target]]] = defaultdict(dict)
    for target, score in zip(targets, scores, strict=True):
        groups[target["group"]][target["label_index"]] = (float(score), target)
    answers = []
    for _, found in sorted(groups.items()):
        indices = sorted(found)
        chosen = max(indices, key=lambda index: found[index][0])
        target = found[chosen][1]
        by_word = {target["label_words"][index]: found[index][0] for index in indices}
        answers.append({**target, "chosen_index": chosen, "label_scores": by_word})
    return answers


class Accuracy:
    """The metric of table 5, and the rows that explain it.

    Args:
        task: Name of the task.
        kind: What the gold units hold.
        labels: What may be answered.
        newlines: Whether the question stands in lines; in one of its own if not.

    Attributes:
        kind: What is asked for: the polarity of given fields.
        labels: What may be answered.
    """

    def __init__(self, task: str, kind: Kind, labels: Sequence[str], newlines: bool = True):
        self._task, self._newlines = task, newlines
        self.kind = dataclasses.replace(kind, is_classified=True)
        self.labels = tuple(labels)

    def prompt(self, text: str, given: str) -> str:
        """Writes the question for somebody's own sentence, as a student reads it.

        Args:
            text: The sentence.
            given: The target or category whose polarity is asked for.
        """
        (field,) = self.kind.fields
        question = Question("", Sentence("", text), (), False, {field: given})
        return prompt(question) if self._newlines else without_newlines(prompt(question))

    def __call__(self, targets: Sequence[Target], scores: Sequence[float]) -> dict[str, float]:
        """Returns the accuracy in percent, on all and on the sub-sets.

        Args:
            targets: Examples as of ``postprocess``.
            scores: Log probability of each example's label word.
        """
        answers = choose(targets, scores)
        metrics = {"accuracy": _share(answers)}
        for name in _SUBSETS:
            chosen = [answer for answer in answers if answer[name] == 1]
            if chosen:
                metrics[f"{name}_accuracy"] = _share(chosen)
        return metrics

    def prediction_rows(self, targets: Sequence[Target], scores: Sequence[float]) -> list[Row]:
        """Returns a prediction row for each question, with ``label_scores`` besides.

        Args:
            targets: Examples as of ``postprocess``.
            scores: Log probability of each example's label word.
        """
        return [self._row(answer) for answer in choose(targets, scores)]

    def _row(self, answer: Target) -> Row:
        flags = {key: None if answer[key] < 0 else bool(answer[key]) for key in _SUBSETS}
        return label_row(
            self._task,
            self.kind,
            answer["label_scores"],
            answer["gold"],
            answer["text"],
            id=answer["id"],
            **flags,
        )


def _share(answers: Sequence[Target]) -> float:
    if not answers:
        return 0.0
    right = sum(answer["chosen_index"] == answer["correct_index"] for answer in answers)
    return 100.0 * int(right) / len(answers)


def register() -> None:
    """Registers the zero-shot tasks; nothing is read."""
    for name, asked in CLASSIFICATIONS.items():
        data_set = DATA_SETS[asked.data_set]
        for suffix in ("", PLAIN_T5):
            read = functools.partial(read_rows, task=name, newlines=not suffix)
            seqio.TaskRegistry.add(
                f"{name}{suffix}",
                source=RowsSource(read, tuple(data_set.splits)),
                preprocessors=preprocessors(),
                output_features=OUTPUT_FEATURES,
                postprocess_fn=postprocess,
                metric_fns=[Accuracy(f"{name}{suffix}", data_set.kind, asked.labels, not suffix)],
            )

"""The benchmarks as SeqIO tasks: targeted and aspect-level sentiment analysis, and quads.

Splits of the FSA tasks: ``train``, ``validation``, ``test`` (the reported one: the original test
set and the hard samples together), ``test_original`` and ``test_hard``. Examples carry ``id, text,
gold`` (JSON) and the flags ``implicit, multiple, hard`` (-1: not annotated) through to the
postprocessor. A name may end with a percentage of the training data (``tsa_rest14_p25``); a smaller
part lies in a larger one. Each of the paper's seeds has a draw of its own besides
(``tsa_rest14_p25_s42``).
"""

import functools
import hashlib
import json
import math
from collections.abc import Callable, Sequence

import seqio

from fsa_jax.opinions.data_sets import DATA_SETS, PERCENTAGES, SEEDS, DataSet, sentences_of
from fsa_jax.opinions.questions import Question, about_sentence
from fsa_jax.opinions.scoring.rows import OpinionF1, make_postprocess
from fsa_jax.opinions.sentences import Sentence
from fsa_jax.opinions.units import Kind, linearize
from tasks.features import OUTPUT_FEATURES, Rows, RowsSource, preprocessors


def example_row(sentence: Sentence, kind: Kind, hard: bool) -> dict[str, str | int]:
    """Returns a sentence as an example.

    Args:
        sentence: The sentence.
        kind: What the task asks for.
        hard: Whether it is one of the benchmark's additional hard samples.
    """
    question = about_sentence(sentence, kind, hard)
    return question_features(question) | {
        "inputs": question.text,
        "targets": linearize(question.gold, kind),
    }


def question_features(question: Question) -> dict[str, str | int]:
    """Returns what an example carries through to its prediction row; -1 is *not annotated*."""
    flags = {name: -1 if is_in is None else int(is_in) for name, is_in in question.subsets.items()}
    return {
        "id": question.id,
        "text": question.sentence.text,
        "gold": json.dumps(question.gold, ensure_ascii=False),
        **flags,
    }


def read_rows(
    split: str, data_set: DataSet, percentage: int = 100, seed: int | None = None
) -> Rows:
    """Returns the examples of a split.

    Args:
        split: Name of the split.
        data_set: The data set.
        percentage: How much of the train split to draw, rounded up; the sentences with the smallest
            hashes of their ids.
        seed: Draws another part; None for the one that all share.
    """
    sentences = sentences_of(data_set, split)
    if percentage < 100 and split == "train":
        sentences = draw_fraction(sentences, percentage, seed)
    return [example_row(sentence, data_set.kind, hard) for sentence, hard in sentences]


def draw_fraction(
    sentences: list[tuple[Sentence, bool]], percentage: int, seed: int | None = None
) -> list[tuple[Sentence, bool]]:
    """Draws a part of the sentences in their order; a smaller part lies in every larger one."""
    count = math.ceil(len(sentences) * percentage / 100)
    ranked = sorted(range(len(sentences)), key=lambda i: _rank(sentences[i][0].id, seed))
    return [sentences[index] for index in sorted(ranked[:count])]


def _rank(name: str, seed: int | None) -> bytes:
    draw = "fraction" if seed is None else f"fraction {seed}"
    return hashlib.sha256(f"{draw}:{name}".encode()).digest()


def add_task(
    name: str,
    read: Callable[[str], Rows],
    splits: Sequence[str] | Callable[[], Sequence[str]],
    kind: Kind | Callable[[], Kind],
    prompt: Callable[[str, str], str] | None = None,
) -> None:
    """Registers a task that writes target texts and is scored by the scorer.

    Args:
        name: Name of the task.
        read: Returns the examples of a split, as of ``example_row``.
        splits: The splits, or a function that says them at first use.
        kind: What the task asks for, or a function that says it at first use.
        prompt: Writes a text's inputs; None where the text is the input. Its second argument is
            empty.
    """
    seqio.TaskRegistry.add(
        name,
        source=RowsSource(read, splits),
        preprocessors=preprocessors(),
        output_features=OUTPUT_FEATURES,
        postprocess_fn=make_postprocess(name, kind),
        metric_fns=[OpinionF1(kind, prompt)],
    )


def register() -> None:
    """Registers the benchmarks' tasks; nothing is read."""
    for name, data_set in DATA_SETS.items():
        splits = tuple(data_set.splits)
        add_task(name, functools.partial(read_rows, data_set=data_set), splits, data_set.kind)
        for percentage in PERCENTAGES:
            read = functools.partial(read_rows, data_set=data_set, percentage=percentage)
            add_task(f"{name}_p{percentage}", read, splits, data_set.kind)
            for seed in SEEDS:
                draw = functools.partial(read, seed=seed)
                add_task(f"{name}_p{percentage}_s{seed}", draw, splits, data_set.kind)

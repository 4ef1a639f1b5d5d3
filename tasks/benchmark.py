"""The benchmarks as SeqIO tasks: targeted and aspect-level sentiment analysis, and quads.

Splits of the FSA tasks: `train`, `validation`, `test` (the reported one: the original test set and
the hard samples together), `test_original` and `test_hard`. Examples carry `id, text, gold` (JSON)
and the flags `implicit, multiple, hard` (-1: not annotated) through to the postprocessor. A name
may end with a percentage of the training data (`tsa_rest14_p25`); a smaller part lies in a larger
one.
"""

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import seqio

from tasks import linearize, scorer
from tasks.categories import LAPTOP, RESTAURANT
from tasks.features import OUTPUT_FEATURES, Rows, RowsSource, preprocessors
from tasks.linearize import Kind
from tasks.locations import data_root
from tasks.opinions import Sentence
from tasks.readers import load_file

PERCENTAGES = (1, 2, 5, 10, 20, 25, 50, 75)
HARD = "hard_test"
_LAYOUTS = {
    "fsa": "fsa/{atsa,acsa}/{rest14,laptop14,rest16,laptop16}/{train,dev,test,hard_test}.json",
    "asqp": "asqp/{rest15,rest16}/{train,dev,test}.txt",
    "acos": "acos/{Laptop-ACOS/laptop,Restaurant-ACOS/rest16}_quad_{train,dev,test}.tsv",
}


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set and what is asked for in it.

    Args:
        kind: What is asked for.
        form: Format of its files.
        splits: Files of each split, relative to the data root.
    """

    kind: Kind
    form: str
    splits: Mapping[str, tuple[str, ...]]


def _fsa(folder: str, kind: Kind) -> DataSet:
    file = f"fsa/{folder}/{{}}.json".format
    return DataSet(
        kind,
        "fsa",
        {
            "train": (file("train"),),
            "validation": (file("dev"),),
            "test": (file("test"), file(HARD)),
            "test_original": (file("test"),),
            "test_hard": (file(HARD),),
        },
    )


def _quads(pattern: str, form: str) -> DataSet:
    names = {"train": "train", "validation": "dev", "test": "test"}
    splits = {split: (pattern.format(name),) for split, name in names.items()}
    return DataSet(linearize.QUAD, form, splits)


_ASA_RESTAURANT = dataclasses.replace(linearize.ASA, categories=RESTAURANT)
_ASA_LAPTOP = dataclasses.replace(linearize.ASA, categories=LAPTOP)
DATA_SETS: Mapping[str, DataSet] = {
    "tsa_rest14": _fsa("atsa/rest14", linearize.TSA),
    "tsa_laptop14": _fsa("atsa/laptop14", linearize.TSA),
    "asa_rest16": _fsa("acsa/rest16", _ASA_RESTAURANT),
    "asa_laptop16": _fsa("acsa/laptop16", _ASA_LAPTOP),
    "asqp_rest15": _quads("asqp/rest15/{}.txt", "asqp"),
    "asqp_rest16": _quads("asqp/rest16/{}.txt", "asqp"),
    "acos_rest16": _quads("acos/Restaurant-ACOS/rest16_quad_{}.tsv", "acos"),
    "acos_laptop16": _quads("acos/Laptop-ACOS/laptop_quad_{}.tsv", "acos"),
}


def benchmark_file(relative: str, form: str) -> Path:
    """Returns the path of a benchmark file.

    Args:
        relative: Its place below the data root.
        form: Its format.

    Raises:
        FileNotFoundError: There is no such file, or no `FSA_DATA_DIR`.
    """
    path = data_root() / relative
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: put the data under $FSA_DATA_DIR/{_LAYOUTS[form]}"
        )
    return path


@functools.lru_cache(maxsize=64)
def _load(path: str, form: str, stamp: tuple[int, int]) -> tuple[Sentence, ...]:
    return tuple(load_file(path, form))


def load_sentences(path: Path, form: str) -> tuple[Sentence, ...]:
    """Reads a benchmark file, once as long as it does not change."""
    stat = path.stat()
    return _load(str(path), form, (stat.st_mtime_ns, stat.st_size))


def sentences_of(data_set: DataSet, split: str) -> list[tuple[Sentence, bool]]:
    """Reads the sentences of a split, each with whether it is one of the added hard samples.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is broken.
    """
    found: list[tuple[Sentence, bool]] = []
    for relative in data_set.splits[split]:
        path = benchmark_file(relative, data_set.form)
        hard = path.stem == HARD
        found.extend((sentence, hard) for sentence in load_sentences(path, data_set.form))
    return found


def example_row(sentence: Sentence, kind: Kind, hard: bool) -> dict[str, str | int]:
    """Returns a sentence as an example.

    Args:
        sentence: The sentence.
        kind: What the task asks for.
        hard: Whether it is one of the benchmark's additional hard samples.
    """
    gold = linearize.gold_units(sentence, kind)
    return {
        "id": sentence.id,
        "text": sentence.text,
        "gold": json.dumps(gold, ensure_ascii=False),
        "implicit": -1 if sentence.implicit is None else int(sentence.implicit),
        "multiple": int(sentence.is_multiple),
        "hard": int(hard),
        "inputs": sentence.text,
        "targets": linearize.linearize(gold, kind),
    }


def read_rows(split: str, data_set: DataSet, percentage: int = 100) -> Rows:
    """Returns the examples of a split.

    Args:
        split: Name of the split.
        data_set: The data set.
        percentage: How much of the train split to draw, rounded up; the sentences with the smallest
            hashes of their ids.
    """
    sentences = sentences_of(data_set, split)
    if percentage < 100 and split == "train":
        sentences = draw_fraction(sentences, percentage)
    return [example_row(sentence, data_set.kind, hard) for sentence, hard in sentences]


def draw_fraction(sentences: list[tuple[Sentence, bool]], percentage: int) -> list:
    """Draws a part of the sentences in their order; a smaller part lies in every larger one."""
    count = math.ceil(len(sentences) * percentage / 100)
    ranked = sorted(range(len(sentences)), key=lambda i: _rank(sentences[i][0].id))
    return [sentences[index] for index in sorted(ranked[:count])]


def _rank(name: str) -> bytes:
    return hashlib.sha256(f"fraction:{name}".encode()).digest()


def add_task(
    name: str,
    read: Callable[[str], Rows],
    splits: Sequence[str] | Callable[[], Sequence[str]],
    kind: Kind | Callable[[], Kind],
) -> None:
    """Registers a task that writes target texts and is scored by the scorer.

    Args:
        name: Name of the task.
        read: Returns the examples of a split, as of `example_row`.
        splits: The splits, or a function that says them at first use.
        kind: What the task asks for, or a function that says it at first use.
    """
    seqio.TaskRegistry.add(
        name,
        source=RowsSource(read, splits),
        preprocessors=preprocessors(),
        output_features=OUTPUT_FEATURES,
        postprocess_fn=scorer.make_postprocess(name, kind),
        metric_fns=[scorer.make_metric(kind)],
    )


def register() -> None:
    """Registers the benchmarks' tasks; nothing is read."""
    for name, data_set in DATA_SETS.items():
        splits = tuple(data_set.splits)
        add_task(name, functools.partial(read_rows, data_set=data_set), splits, data_set.kind)
        for percentage in PERCENTAGES:
            read = functools.partial(read_rows, data_set=data_set, percentage=percentage)
            add_task(f"{name}_p{percentage}", read, splits, data_set.kind)

"""The benchmarks' data sets: what is asked for in each, its splits, and the files they lie in.

Nothing here needs SeqIO, so commands that only read files start at once.
"""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path

from fsa_jax.opinions.categories import LAPTOP, RESTAURANT
from fsa_jax.opinions.readers import load_file
from fsa_jax.opinions.sentences import Sentence
from fsa_jax.opinions.units import ASA, QUAD, TSA, Kind
from fsa_jax.runtime.locations import data_root

HARD = "hard_test"
# Parts of a train split that have names, and the paper's ten seeds, each with draws of its own.
PERCENTAGES = (1, 2, 5, 10, 20, 25, 50, 75)
SEEDS = (42, 52, 62, 72, 82, 142, 152, 162, 172, 182)
_LAYOUTS = {
    "fsa": "fsa/{atsa,acsa}/{rest14,laptop14,rest16,laptop16}/{train,dev,test,hard_test}.json",
    "asqp": "asqp/{rest15,rest16}/{train,dev,test}.txt",
    "acos": "acos/{Laptop-ACOS/laptop,Restaurant-ACOS/rest16}_quad_{train,dev,test}.tsv",
}


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set and what is asked for in it.

    Attributes:
        kind: What is asked for.
        domain: Restaurant or laptop.
        form: Format of its files.
        splits: Files of each split, relative to the data root.
    """

    kind: Kind
    domain: str
    form: str
    splits: Mapping[str, tuple[str, ...]]


def _fsa(folder: str, kind: Kind, domain: str) -> DataSet:
    file = f"fsa/{folder}/{{}}.json".format
    return DataSet(
        kind,
        domain,
        "fsa",
        {
            "train": (file("train"),),
            "validation": (file("dev"),),
            "test": (file("test"), file(HARD)),
            "test_original": (file("test"),),
            "test_hard": (file(HARD),),
        },
    )


def _quads(pattern: str, form: str, domain: str) -> DataSet:
    names = {"train": "train", "validation": "dev", "test": "test"}
    splits = {split: (pattern.format(name),) for split, name in names.items()}
    return DataSet(QUAD, domain, form, splits)


_ASA_RESTAURANT = dataclasses.replace(ASA, categories=RESTAURANT)
_ASA_LAPTOP = dataclasses.replace(ASA, categories=LAPTOP)
DATA_SETS: Mapping[str, DataSet] = {
    "tsa_rest14": _fsa("atsa/rest14", TSA, "restaurant"),
    "tsa_laptop14": _fsa("atsa/laptop14", TSA, "laptop"),
    "asa_rest16": _fsa("acsa/rest16", _ASA_RESTAURANT, "restaurant"),
    "asa_laptop16": _fsa("acsa/laptop16", _ASA_LAPTOP, "laptop"),
    "asqp_rest15": _quads("asqp/rest15/{}.txt", "asqp", "restaurant"),
    "asqp_rest16": _quads("asqp/rest16/{}.txt", "asqp", "restaurant"),
    "acos_rest16": _quads("acos/Restaurant-ACOS/rest16_quad_{}.tsv", "acos", "restaurant"),
    "acos_laptop16": _quads("acos/Laptop-ACOS/laptop_quad_{}.tsv", "acos", "laptop"),
}


def benchmark_file(relative: str, form: str, root: Path | None = None) -> Path:
    """Returns the path of a benchmark file.

    Args:
        relative: Its place below the data root.
        form: Its format.
        root: The data root; ``None`` for ``FSA_DATA_DIR``.

    Raises:
        FileNotFoundError: There is no such file, or no ``FSA_DATA_DIR``.
    """
    path = (root or data_root()) / relative
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: put the data under {root or '$FSA_DATA_DIR'}/{_LAYOUTS[form]}"
        )
    return path


@functools.lru_cache(maxsize=64)
def _load(path: str, form: str, stamp: tuple[int, int]) -> tuple[Sentence, ...]:
    return tuple(load_file(path, form))


def load_sentences(path: Path, form: str) -> tuple[Sentence, ...]:
    """Reads a benchmark file, once as long as it does not change."""
    stat = path.stat()
    return _load(str(path), form, (stat.st_mtime_ns, stat.st_size))


def sentences_of(
    data_set: DataSet, split: str, root: Path | None = None
) -> list[tuple[Sentence, bool]]:
    """Reads the sentences of a split, each with whether it is one of the added hard samples.

    Args:
        data_set: The data set.
        split: Name of one of its splits.
        root: The data root; ``None`` for ``FSA_DATA_DIR``.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is broken.
    """
    found: list[tuple[Sentence, bool]] = []
    for relative in data_set.splits[split]:
        path = benchmark_file(relative, data_set.form, root)
        hard = path.stem == HARD
        found.extend((sentence, hard) for sentence in load_sentences(path, data_set.form))
    return found

"""The FSA benchmark as SeqIO tasks: targeted and aspect-level sentiment analysis.

Splits: `train`, `validation`, `test` (the reported one: the original test set and the hard samples
together), `test_original` and `test_hard`. Examples carry `id, text, gold` (JSON) and the flags
`implicit, multiple, hard` (-1: not annotated) through to the postprocessor.
"""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import seqio
import tensorflow as tf

from tasks import linearize, scorer
from tasks.features import OUTPUT_FEATURES, preprocessors
from tasks.linearize import Kind
from tasks.locations import data_root
from tasks.opinions import Sentence
from tasks.readers import load_file

SPLITS = ("train", "validation", "test", "test_original", "test_hard")
FILES: Mapping[str, tuple[str, ...]] = {
    "train": ("train",),
    "validation": ("dev",),
    "test": ("test", "hard_test"),
    "test_original": ("test",),
    "test_hard": ("hard_test",),
}
DATA_SETS: Mapping[str, tuple[str, Kind]] = {
    "tsa_rest14": ("atsa/rest14", linearize.TSA),
    "tsa_laptop14": ("atsa/laptop14", linearize.TSA),
    "asa_rest16": ("acsa/rest16", linearize.ASA),
    "asa_laptop16": ("acsa/laptop16", linearize.ASA),
}
Rows = list[dict[str, str | int]]


class RowsSource(seqio.DataSource):
    """Examples from a function of the split, called at first use.

    Args:
        read: Returns the examples of a split: dicts of strings and integers, all with the same
            keys.
        splits: The splits.
    """

    def __init__(self, read: Callable[[str], Rows], splits: Sequence[str]):
        self._read = read
        super().__init__(splits=splits)

    @property
    def supports_arbitrary_sharding(self) -> bool:
        """Sharding is SeqIO's, by examples."""
        return False

    def list_shards(self, split: str) -> Sequence[str]:
        """Returns one shard."""
        return [split]

    def num_input_examples(self, split: str) -> int:
        """Returns the number of examples of a split."""
        return len(self._read(split))

    def get_dataset(self, split="train", shuffle=True, seed=None, shard_info=None, **unused):
        """Returns the examples of a split, shuffled as a whole if asked."""
        if shard_info and shard_info.num_shards > 1:
            raise ValueError("this source is one shard: let SeqIO shard its examples")
        rows = self._read(split)
        if not rows:
            raise ValueError(f"the split {split} is empty")
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        dataset = tf.data.Dataset.from_tensor_slices(columns)
        if shuffle:
            dataset = dataset.shuffle(len(rows), seed=seed)
        return dataset


def benchmark_file(folder: str, name: str) -> Path:
    """Returns the path of a benchmark file.

    Args:
        folder: Such as `atsa/rest14`.
        name: train, dev, test or hard_test.

    Raises:
        FileNotFoundError: There is no such file, or no `FSA_DATA_DIR`.
    """
    path = data_root() / "fsa" / folder / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: put the FSA benchmark under $FSA_DATA_DIR/fsa/"
            "{atsa,acsa}/{rest14,laptop14,rest16,laptop16}/{train,dev,test,hard_test}.json"
        )
    return path


@functools.lru_cache(maxsize=64)
def _load(path: str, stamp: tuple[int, int]) -> tuple[Sentence, ...]:
    return tuple(load_file(path))


def load_sentences(path: Path) -> tuple[Sentence, ...]:
    """Reads a benchmark file, once as long as it does not change."""
    stat = path.stat()
    return _load(str(path), (stat.st_mtime_ns, stat.st_size))


def example_rows(sentences: Sequence[Sentence], kind: Kind, hard: bool) -> Rows:
    """Returns the examples of a file's sentences.

    Args:
        sentences: The sentences.
        kind: What the task asks for.
        hard: Whether these are the benchmark's additional hard samples.
    """
    rows: Rows = []
    for sentence in sentences:
        gold = linearize.gold_units(sentence, kind)
        rows.append(
            {
                "id": sentence.id,
                "text": sentence.text,
                "gold": json.dumps(gold, ensure_ascii=False),
                "implicit": -1 if sentence.implicit is None else int(sentence.implicit),
                "multiple": int(sentence.is_multiple),
                "hard": int(hard),
                "inputs": sentence.text,
                "targets": linearize.linearize(gold, kind),
            }
        )
    return rows


def _read_split(split: str, folder: str, kind: Kind) -> Rows:
    rows: Rows = []
    for name in FILES[split]:
        sentences = load_sentences(benchmark_file(folder, name))
        rows.extend(example_rows(sentences, kind, hard=name == "hard_test"))
    return rows


def add_task(name: str, source: seqio.DataSource, kind: Kind) -> None:
    """Registers a task that writes target texts and is scored by the scorer.

    Args:
        name: Name of the task.
        source: Yields examples as of `example_rows`.
        kind: What the task asks for.
    """
    seqio.TaskRegistry.add(
        name,
        source=source,
        preprocessors=preprocessors(),
        output_features=OUTPUT_FEATURES,
        postprocess_fn=scorer.make_postprocess(name, kind),
        metric_fns=[scorer.make_metric(kind)],
    )


def register() -> None:
    """Registers the benchmark's tasks; nothing is read."""
    for name, (folder, kind) in DATA_SETS.items():
        read = functools.partial(_read_split, folder=folder, kind=kind)
        add_task(name, RowsSource(read, SPLITS), kind)

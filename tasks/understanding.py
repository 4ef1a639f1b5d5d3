"""The sentiment understanding corpus as SeqIO tasks and mixtures.

A corpus is one folder for each teacher, prompt and domain, written by ``fsa corpus`` as a TFDS tree
without code: ``$FSA_DATA_DIR/understanding/<teacher>_<prompt>_<domain>/1.0.0/``. A task reads one
such folder, a mixture several, each at a rate of its number of examples.

Names may end with a number of reviews, drawn as ``fsa_jax.opinions.corpus`` says: the held-out ones
count, and every prompt and baseline draws the same. A mixture of both domains takes half of its
reviews from each. Corpora of before have no draw file; of them a size takes the first examples of
the train split, as it did when they were made.

Knows a corpus by its folder and its name alone: neither who wrote it nor who learns from it.
"""

import functools
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import seqio
import tensorflow as tf

from fsa_jax.opinions import analyses
from fsa_jax.opinions.corpus import (
    DOMAINS,
    IN_TRAIN,
    NAME,
    SIZES,
    SPLITS,
    TEACHERS,
    VERSION,
    corpus_name,
    read_draw,
    size_name,
    teachers_in,
)
from fsa_jax.runtime import files
from fsa_jax.runtime.locations import data_root
from tasks.features import (
    DISTILLATION_LENGTHS,
    OUTPUT_FEATURES,
    VOCABULARY,
    deterministic,
    preprocessors,
)

# A prompt's folder, and what is dropped from its texts.
PROMPTS: Mapping[str, tuple[str, tuple[str, ...] | None]] = {
    "anl": ("anl", None),
    "rw": ("rw", None),
    "anl_without_reasoning": ("anl", analyses.LABELS),
    "anl_without_labels": ("anl", ("reasoning",)),
}
_TEXTS = ("inputs", "targets", "review_id")
MIXTURES = (("anl",), ("rw",), ("anl", "rw"), ("anl_without_reasoning",), ("anl_without_labels",))


class CorpusSource(seqio.TfdsDataSource):
    """The folder of one (teacher, prompt, domain), found at first use.

    Args:
        config: Name of the folder, ``<teacher>_<prompt>_<domain>``.
        reviews: How many reviews to draw, the held-out ones included; ``None`` for all.
    """

    def __init__(self, config: str, reviews: int | None = None):
        self._config = config
        self._reviews = reviews
        super().__init__(tfds_name=f"{NAME}/{config}:{VERSION}", splits=SPLITS, read_only=True)

    @property
    def folder(self) -> Path:
        """The folder of the corpus, whether it exists or not."""
        return data_root() / NAME / self._config / VERSION

    @property
    def tfds_dataset(self) -> seqio.LazyTfdsLoader:
        """The loader of the folder.

        Raises:
            FileNotFoundError: There is no corpus in the folder.
            ValueError: The corpus was counted with another vocabulary, or is smaller than the task.
        """
        return self._open()[0]

    def _open(self) -> tuple[seqio.LazyTfdsLoader, str]:
        """Returns the loader of the folder, and what it takes as the train split."""
        folder = self.folder
        if not (folder / "dataset_info.json").is_file():
            others = ", ".join(sorted(teachers_in(data_root())))
            hint = f"; MIXTURE_OR_TASK_NAME may name a teacher that has one: {others}"
            raise FileNotFoundError(
                f"{folder} holds no corpus (no dataset_info.json): make one with `fsa corpus "
                f"build` or `fsa corpus import FILE… --output-dir {data_root()}`"
                + (hint if others else "")
            )
        check_manifest(folder)
        name, train = self._tfds_dataset.name, "train"
        if self._reviews is not None:
            splits = _loader(name, str(data_root()), train).info.splits
            held = {split: int(splits[split].num_examples) for split in SPLITS}
            train = f"train[:{self._drawn(folder, held)}]"
        return _loader(name, str(data_root()), train), train

    def _drawn(self, folder: Path, held: Mapping[str, int]) -> int:
        """Returns how many examples of the train split are among the drawn reviews."""
        wanted = self._reviews or 0
        draw = read_draw(folder)
        there = sum(held.values()) if draw is None else len(draw)
        if there < wanted:
            raise ValueError(
                f"{folder} holds {there} reviews, {wanted} are asked for: use a smaller size or "
                "the name without one, or build a larger corpus"
            )
        drawn = min(wanted, held["train"]) if draw is None else draw[:wanted].count(IN_TRAIN)
        if not drawn:
            raise ValueError(
                f"{folder}: none of the first {wanted} reviews is in the train split: use a larger "
                "size"
            )
        return drawn

    def num_input_examples(self, split: str) -> int:
        """Returns the number of examples, read from the corpus at each call."""
        loader, train = self._open()
        return int(loader.info.splits[train if split == "train" else split].num_examples)

    # SeqIO's version remembers the shards of the folder that was there at its first call.
    def list_shards(self, split: str) -> list[str]:
        """Returns the names of the split's files."""
        return [str(instruction.filename) for instruction in self.tfds_dataset.files(split)]

    def fingerprint(self, split: str) -> str:
        """Returns what tells a changed corpus, or another part of it."""
        train = self._open()[1]
        paths = sorted(path for path in self.folder.iterdir() if path.is_file())
        return f"{train} {files.fingerprint(paths)}"

    def get_dataset(
        self,
        split: str = "train",
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: seqio.ShardInfo | None = None,
        **unused: Any,
    ) -> tf.data.Dataset:
        """Returns the texts of a split."""
        if shuffle or shard_info:
            dataset = super().get_dataset(split, shuffle, seed, shard_info)
            return dataset.map(lambda example: {name: example[name] for name in _TEXTS})
        # What TFDS does too, in the same order, but it parses the examples one by one: seven times
        # as long.
        parts = self.tfds_dataset.files(split)
        dataset = tf.data.Dataset.from_tensor_slices(
            {
                # Typed, since an empty split has no file that would tell.
                "file": tf.constant([os.fspath(part.filename) for part in parts], tf.string),
                "skip": np.array([part.skip for part in parts], np.int64),
                "take": np.array([part.take for part in parts], np.int64),
            }
        ).interleave(
            lambda part: (
                tf.data.TFRecordDataset(part["file"]).skip(part["skip"]).take(part["take"])
            ),
            cycle_length=16,
            block_length=16,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        features = {name: tf.io.FixedLenFeature((), tf.string) for name in _TEXTS}
        return (
            dataset.batch(1024)
            .map(
                lambda records: tf.io.parse_example(records, features),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
            .unbatch()
        )

    def __str__(self) -> str:
        return f"CorpusSource({self._config}, reviews={self._reviews})"

    __repr__ = __str__


@functools.lru_cache(maxsize=1024)
def _loader(name: str, root: str, train: str) -> seqio.LazyTfdsLoader:
    splits = {"train": train, "validation": "validation"}
    return seqio.LazyTfdsLoader(name, data_dir=root, split_map=splits, read_only=True)


def check_manifest(folder: Path) -> None:
    """Refuses a corpus that names another vocabulary than the one in use.

    Args:
        folder: The folder of the corpus; ``manifest.json`` lies in it or in its parent.

    Raises:
        ValueError: The digests differ, or the manifest is no JSON object.
    """
    for path in (folder / "manifest.json", folder.parent / "manifest.json"):
        if path.is_file():
            break
    else:
        return
    try:
        named = json.loads(path.read_text(encoding="utf-8")).get("vocabulary")
    except (json.JSONDecodeError, AttributeError) as error:
        raise ValueError(f"{path} is no JSON object: {error}") from error
    if isinstance(named, dict):
        named = named.get("sha256")
    if named and named != VOCABULARY.sha256:
        raise ValueError(
            f"{path} names the vocabulary {named[:12]}…, but {VOCABULARY.sentencepiece_model_file} "
            f"is {VOCABULARY.sha256[:12]}…: point FSA_VOCABULARY at the corpus's vocabulary or "
            "build the corpus again"
        )


@deterministic
def _keep_parts(dataset: tf.data.Dataset, parts: tuple[str, ...]) -> tf.data.Dataset:
    """Drops parts of the analyses; those that cannot be read are left out."""

    def shorten(text: bytes) -> bytes:
        return analyses.keep_parts(text.decode("utf-8"), parts).encode("utf-8")

    def rewrite(example: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        targets = tf.numpy_function(shorten, [example["targets"]], tf.string, stateful=False)
        return {**example, "targets": tf.ensure_shape(targets, ())}

    dataset = dataset.map(rewrite, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.filter(lambda example: tf.strings.length(example["targets"]) > 0)


def _rate(task: seqio.Task) -> int:
    """The number of training examples, read when a mixture is drawn from."""
    return int(task.num_input_examples("train"))


_FOUND: set[str] = set()


def register_found() -> None:
    """Registers the teachers that have a corpus in ``$FSA_DATA_DIR``: by their folders, unread."""
    root = os.environ.get("FSA_DATA_DIR")
    if root:
        for teacher in sorted(teachers_in(Path(root).expanduser()).difference(TEACHERS)):
            register_teacher(teacher)
            _FOUND.add(teacher)


def register_teacher(teacher: str) -> None:
    """Registers the tasks and mixtures of a teacher.

    Afterwards there are tasks ``understanding_<teacher>_<prompt>_<domain>[_<size>]`` and mixtures
    ``distill_<teacher>_<prompts>[_<domain>][_<size>]``. Nothing is read.

    Args:
        teacher: Its name as in the folder names: letters, digits and ``_``.

    Raises:
        ValueError: The name is not fit for a task, or already registered.
    """
    if not teacher.replace("_", "").isalnum() or not teacher.isascii():
        raise ValueError(f"teacher name {teacher!r}: use letters, digits and _ only")
    if teacher in _FOUND:
        return
    if f"understanding_{teacher}_anl_restaurant" in seqio.TaskRegistry.names():
        raise ValueError(f"teacher {teacher} is already registered")
    task_sizes = sorted({*SIZES, *(size // 2 for size in SIZES)})
    for prompt in PROMPTS:
        for domain in DOMAINS:
            for reviews in (None, *task_sizes):
                add_task(teacher, prompt, domain, reviews)
    for prompts in MIXTURES:
        for reviews in (None, *SIZES):
            add_mixture(teacher, prompts, DOMAINS, reviews)
            for domain in DOMAINS:
                add_mixture(teacher, prompts, (domain,), reviews)


def add_task(teacher: str, prompt: str, domain: str, reviews: int | None) -> None:
    """Registers the task of one corpus, unless it is there; a prompt of one's own is its folder."""
    name = task_name(teacher, prompt, domain, reviews)
    if name in seqio.TaskRegistry.names():
        return
    folder, parts = PROMPTS.get(prompt, (prompt, None))
    steps = preprocessors(DISTILLATION_LENGTHS)
    if parts is not None:
        steps.insert(0, functools.partial(_keep_parts, parts=parts))
    seqio.TaskRegistry.add(
        name,
        source=CorpusSource(corpus_name(teacher, folder, domain), reviews),
        preprocessors=steps,
        output_features=OUTPUT_FEATURES,
        metric_fns=[],
    )


def task_name(teacher: str, prompt: str, domain: str, reviews: int | None) -> str:
    """Returns the name of the task of one corpus."""
    size = "" if reviews is None else f"_{size_name(reviews)}"
    return f"understanding_{teacher}_{prompt}_{domain}{size}"


def mixture_name(
    teacher: str, prompts: Iterable[str], domains: tuple[str, ...], reviews: int | None
) -> str:
    """Returns the name of a mixture."""
    domain = "" if len(domains) > 1 else f"_{domains[0]}"
    size = "" if reviews is None else f"_{size_name(reviews)}"
    return f"distill_{teacher}_{'_'.join(prompts)}{domain}{size}"


def add_mixture(
    teacher: str, prompts: Iterable[str], domains: tuple[str, ...], reviews: int | None
) -> None:
    """Registers the mixture of prompts and domains, whose tasks are there."""
    part = None if reviews is None else reviews // len(domains)
    names = [task_name(teacher, prompt, d, part) for prompt in prompts for d in domains]
    name = mixture_name(teacher, prompts, domains, reviews)
    seqio.MixtureRegistry.add(name, [(task, _rate) for task in names])

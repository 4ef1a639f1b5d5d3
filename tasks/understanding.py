"""The sentiment understanding corpus as SeqIO tasks and mixtures.

A corpus is one folder for each teacher, prompt and domain, written by `fsa corpus` as a TFDS tree
without code: `$FSA_DATA_DIR/understanding/<teacher>_<prompt>_<domain>/1.0.0/`. A task reads one
such folder, a mixture several, each at a rate of its number of examples. Names may end with a
number of reviews (`_100k`): the reviews with the smallest hashes, so that a smaller set lies in a
larger one.
"""

import functools
import json
from pathlib import Path

import numpy as np
import seqio
import tensorflow as tf
import tensorflow_datasets as tfds

from tasks.features import DISTILLATION_LENGTHS, OUTPUT_FEATURES, VOCABULARY, preprocessors
from tasks.locations import data_root

VERSION = "1.0.0"
TEACHERS = ("llama2_7b", "mixtral_8x7b", "gpt35", "lexicon")
PROMPTS = ("anl", "rw")
DOMAINS = ("restaurant", "laptop")
SPLITS = ("train", "validation")
SIZES = {
    "1k": 1_000,
    "2k": 2_000,
    "5k": 5_000,
    "10k": 10_000,
    "20k": 20_000,
    "50k": 50_000,
    "100k": 100_000,
    "200k": 200_000,
    "500k": 500_000,
    "1m": 1_000_000,
}
_HASH_KEY = (0x46534120, 0x72657669)
_HASH_BUCKETS = 2**62


class CorpusSource(seqio.TfdsDataSource):
    """The folder of one (teacher, prompt, domain), found at first use.

    Args:
        config: Name of the folder, `<teacher>_<prompt>_<domain>`.
        reviews: How many reviews to train on; `None` for all.
    """

    def __init__(self, config: str, reviews: int | None = None):
        self._config = config
        self._reviews = reviews
        super().__init__(
            tfds_name=f"understanding/{config}:{VERSION}",
            splits={split: split for split in SPLITS},
            read_only=True,
        )

    @property
    def folder(self) -> Path:
        """The folder of the corpus, whether it exists or not."""
        return data_root() / "understanding" / self._config / VERSION

    @property
    def tfds_dataset(self) -> seqio.LazyTfdsLoader:
        """The loader of the folder.

        Raises:
            FileNotFoundError: There is no corpus in the folder.
            ValueError: The corpus was counted with another vocabulary.
        """
        folder = self.folder
        if not (folder / "dataset_info.json").is_file():
            raise FileNotFoundError(
                f"{folder} holds no corpus (no dataset_info.json): make one with `fsa corpus "
                f"build` or `fsa corpus import FILE… --output-dir {data_root()}`"
            )
        check_manifest(folder)
        return _loader(self._tfds_dataset.name, str(data_root()))

    def get_dataset(self, split="train", shuffle=True, seed=None, shard_info=None, **unused):
        """Returns the split as a dataset of raw features; the train split cut to size."""
        dataset = self.tfds_dataset.load(
            split, shuffle_files=shuffle, seed=seed, shard_info=shard_info
        )
        if self._reviews is None or split != "train":
            return dataset
        threshold = _threshold(str(self.folder), self._reviews)
        return dataset.filter(lambda example: _hash(example["review_id"]) <= threshold)

    def num_input_examples(self, split: str) -> int:
        """Returns the number of examples, read from the corpus at each call."""
        count = int(self.tfds_dataset.info.splits[split].num_examples)
        if self._reviews is None or split != "train":
            return count
        _threshold(str(self.folder), self._reviews)
        return self._reviews

    def __str__(self):
        return f"CorpusSource({self._config}, reviews={self._reviews})"

    __repr__ = __str__


@functools.lru_cache(maxsize=256)
def _loader(name: str, root: str) -> seqio.LazyTfdsLoader:
    return seqio.LazyTfdsLoader(name, data_dir=root, read_only=True)


def check_manifest(folder: Path) -> None:
    """Refuses a corpus that names another vocabulary than the one in use.

    Args:
        folder: The folder of the corpus; `manifest.json` lies in it or in its parent.

    Raises:
        ValueError: The digests differ, or the manifest is no JSON object.
    """
    for path in (folder / "manifest.json", folder.parent / "manifest.json"):
        if path.is_file():
            break
    else:
        return
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        named = manifest.get("vocabulary")
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


def _hash(review_ids: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_hash_bucket_strong(review_ids, _HASH_BUCKETS, key=list(_HASH_KEY))


@functools.lru_cache(maxsize=64)
def _threshold(folder: str, reviews: int) -> int:
    """The largest hash among the `reviews` smallest ones of the train split."""
    builder = tfds.builder_from_directory(folder)
    decoders = tfds.decode.PartialDecoding({"review_id": builder.info.features["review_id"]})
    dataset = builder.as_dataset(split="train", decoders=decoders).batch(4096)
    hashes = [_hash(batch["review_id"]).numpy() for batch in dataset]
    unique = np.unique(np.concatenate(hashes)) if hashes else np.zeros((0,), np.int64)
    if len(unique) < reviews:
        raise ValueError(
            f"{folder} holds {len(unique)} reviews in its train split, {reviews} are asked for: "
            "use the name without a size, or build a larger corpus"
        )
    return int(unique[reviews - 1])


def _corpus_preprocessors():
    return [_text_features, *preprocessors(DISTILLATION_LENGTHS)]


@seqio.map_over_dataset
def _text_features(example):
    return {
        "inputs": example["inputs"],
        "targets": example["targets"],
        "review_id": example["review_id"],
    }


def _rate(task: seqio.Task) -> int:
    """The number of training examples, read when a mixture is drawn from."""
    return task.num_input_examples("train")


def register_teacher(teacher: str) -> None:
    """Registers the tasks and mixtures of a teacher.

    Afterwards there are tasks `understanding_<teacher>_<prompt>_<domain>[_<size>]` and mixtures
    `distill_<teacher>_<prompts>[_<domain>][_<size>]`. Nothing is read.

    Args:
        teacher: Its name as in the folder names: letters, digits and `_`.

    Raises:
        ValueError: The name is not fit for a task, or already registered.
    """
    if not teacher.replace("_", "").isalnum() or not teacher.isascii():
        raise ValueError(f"teacher name {teacher!r}: use letters, digits and _ only")
    if f"understanding_{teacher}_anl_restaurant" in seqio.TaskRegistry.names():
        raise ValueError(f"teacher {teacher} is already registered")
    for prompt in PROMPTS:
        for domain in DOMAINS:
            _add_task(teacher, prompt, domain)
    for prompts in (("anl",), ("rw",), ("anl", "rw")):
        _add_mixture(teacher, prompts, DOMAINS)


def _add_task(teacher: str, prompt: str, domain: str) -> None:
    config = f"{teacher}_{prompt}_{domain}"
    seqio.TaskRegistry.add(
        f"understanding_{config}",
        source=CorpusSource(config),
        preprocessors=_corpus_preprocessors(),
        output_features=OUTPUT_FEATURES,
        metric_fns=[],
    )


def _add_mixture(teacher: str, prompts: tuple[str, ...], domains: tuple[str, ...]) -> None:
    names = [
        f"understanding_{teacher}_{prompt}_{domain}" for prompt in prompts for domain in domains
    ]
    seqio.MixtureRegistry.add(
        f"distill_{teacher}_{'_'.join(prompts)}", [(name, _rate) for name in names]
    )

"""The baselines that learn from reviews alone: DAPT (span corruption) and rating prediction.

Both read ``$FSA_DATA_DIR/reviews.jsonl``, the file that ``fsa reviews`` writes: one review a line,
``review_id, domain, rating, text, source``. The reviews that distillation holds out are held out
here too, and a name that ends with a number of reviews draws the same ones
(``fsa_jax.opinions.corpus``).
"""

import array
import codecs
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import seqio
import tensorflow as tf

from fsa_jax.opinions.corpus import (
    DOMAINS,
    HELD_OUT,
    INPUT_LENGTH,
    SIZES,
    SPLITS,
    draw_rank,
    is_held_out,
    nearness,
    size_name,
)
from fsa_jax.runtime import files
from fsa_jax.runtime.locations import data_root
from tasks.features import (
    DISTILLATION_LENGTHS,
    OUTPUT_FEATURES,
    VOCABULARY,
    OneShardSource,
    TrimAndAppendEos,
    deterministic,
    preprocessors,
)

NOISE_DENSITY = 0.15
MEAN_SPAN_LENGTH = 3.0
CHUNK_TOKENS = INPUT_LENGTH
_SIGNATURE = {
    "review_id": tf.TensorSpec((), tf.string),
    "text": tf.TensorSpec((), tf.string),
    "rating": tf.TensorSpec((), tf.float32),
}


class ReviewsSource(OneShardSource):
    """The reviews of one domain, read line by line at each pass.

    Args:
        domain: Restaurant or laptop.
        reviews: How many to draw, the held-out ones included; ``None`` for all.
    """

    def __init__(self, domain: str, reviews: int | None = None):
        self._domain = domain
        self._reviews = reviews
        super().__init__(splits=SPLITS)

    def num_input_examples(self, split: str) -> int:
        """Returns the number of reviews of a split, counted once for each state of the file."""
        found = self._survey()
        if split == "validation":
            return int(found.held_out.sum())
        return int((~found.held_out)[: self._reviews].sum())

    def fingerprint(self, split: str) -> str:
        """Returns what tells a changed file of reviews."""
        return f"{self._domain} {self._reviews} {files.fingerprint([reviews_file()])}"

    def get_dataset(
        self,
        split: str = "train",
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: seqio.ShardInfo | None = None,
        **unused: Any,
    ) -> tf.data.Dataset:
        """Returns the reviews of a split; shuffled in a window of 10,000 if asked."""
        path = reviews_file()
        found = self._survey()
        limit = None
        if split == "train" and self._reviews is not None:
            limit = found.ranks[self._reviews - 1]

        def rows() -> Iterator[dict[str, Any]]:
            for row in read_reviews(path):
                if row["domain"] != self._domain:
                    continue
                name = row["review_id"]
                held_out = name == found.nearest or is_held_out(name)
                if held_out != (split == "validation"):
                    continue
                if limit is None or draw_rank(name) <= limit:
                    yield {field: row[field] for field in _SIGNATURE}

        dataset = tf.data.Dataset.from_generator(rows, output_signature=_SIGNATURE)
        return dataset.shuffle(10_000, seed=seed) if shuffle else dataset

    def _survey(self) -> "_Survey":
        """Surveys the domain's reviews, once for each state of the file.

        Raises:
            ValueError: There are fewer than are asked for.
        """
        path = reviews_file()
        found = _survey(str(path), path.stat().st_mtime_ns, self._domain)
        if self._reviews is not None and len(found.ranks) < self._reviews:
            raise ValueError(
                f"{path} holds {len(found.ranks)} {self._domain} reviews, {self._reviews} are "
                "asked for: use a smaller size or the name without one"
            )
        return found


def reviews_file() -> Path:
    """Returns the path of the reviews.

    Raises:
        FileNotFoundError: There is no such file.
    """
    path = data_root() / "reviews.jsonl"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: make it with `fsa reviews collect … --output {path}`"
        )
    return path


def read_reviews(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the reviews of a file.

    Raises:
        ValueError: A line is no review, with file and line.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                yield {
                    "review_id": str(row["review_id"]),
                    "domain": row["domain"],
                    "rating": float(row["rating"]),
                    "text": str(row["text"]),
                }
            except (ValueError, KeyError, TypeError, OverflowError) as error:
                raise ValueError(
                    f"{path}:{number}: no review with review_id, domain, rating and text ({error})"
                ) from error


class _Survey(NamedTuple):
    """The reviews of a domain, in the order of the draw.

    Args:
        ranks: Their ranks, shape (reviews,), uint64, ascending.
        held_out: Whether each is held out, shape (reviews,), bool.
        nearest: Id of the one nearest to being held out, which always is; "" where there is none.
    """

    ranks: np.ndarray
    held_out: np.ndarray
    nearest: str


@functools.lru_cache(maxsize=8)
def _survey(path: str, stamp: int, domain: str) -> _Survey:
    ranks, near = array.array("Q"), array.array("d")
    nearest = (1.0, "")
    for row in read_reviews(Path(path)):
        if row["domain"] == domain:
            ranks.append(draw_rank(row["review_id"]))
            near.append(nearness(row["review_id"]))
            nearest = min(nearest, (near[-1], row["review_id"]))
    order = np.argsort(np.asarray(ranks), kind="stable")
    held_out = np.asarray(near) < max(HELD_OUT, np.nextafter(nearest[0], 1))
    return _Survey(np.asarray(ranks)[order], held_out[order], nearest[1])


@deterministic
@seqio.map_over_dataset
def _rating_example(example: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    stars = tf.strings.as_string(example["rating"], precision=1)
    return {
        "review_id": example["review_id"],
        "inputs": example["text"],
        "targets": tf.strings.regex_replace(stars, r"\.0$", ""),
    }


def _chunks(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Cuts reviews into runs of at most ``CHUNK_TOKENS`` tokens."""

    def cut(example: Mapping[str, tf.Tensor]) -> tf.data.Dataset:
        tokens = tf.cast(VOCABULARY.encode_tf(example["text"]), tf.int32)
        return tf.data.Dataset.from_tensor_slices(tokens).batch(CHUNK_TOKENS)

    return dataset.flat_map(cut).map(lambda tokens: {"tokens": tokens})


def span_corruption(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """T5's denoising: 15% of the tokens in spans of 3 on average become sentinels.

    Args:
        dataset: Examples with ``tokens``, shape (length,), int32.

    Returns:
        Examples with ``inputs`` (the rest, one sentinel for each span) and ``targets`` (each
        sentinel with its span behind it), both without end of sequence.
    """

    @seqio.map_over_dataset(num_seeds=2)
    def corrupt(example: Mapping[str, tf.Tensor], seeds: tf.Tensor) -> dict[str, tf.Tensor]:
        tokens = example["tokens"]
        noise = noise_mask(tf.size(tokens), seeds)
        return {
            "inputs": _replace_spans(tokens, noise),
            "targets": _replace_spans(tokens, tf.logical_not(noise)),
        }

    return corrupt(dataset.filter(lambda example: tf.size(example["tokens"]) > 1))


def noise_mask(length: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
    """Draws which tokens are noise.

    Args:
        length: Number of tokens, at least 2.
        seeds: Two stateless seeds, shape (2, 2).

    Returns:
        Booleans of shape (length,); the first token is never noise, the last one always.
    """
    noisy = tf.cast(tf.round(tf.cast(length, tf.float32) * NOISE_DENSITY), tf.int32)
    noisy = tf.clip_by_value(noisy, 1, length - 1)
    spans = tf.cast(tf.round(tf.cast(noisy, tf.float32) / MEAN_SPAN_LENGTH), tf.int32)
    spans = tf.clip_by_value(spans, 1, tf.minimum(noisy, length - noisy))
    kept_lengths = _partition(length - noisy, spans, seeds[0])
    noise_lengths = _partition(noisy, spans, seeds[1])
    lengths = tf.reshape(tf.stack([kept_lengths, noise_lengths], axis=1), [-1])
    return tf.repeat(tf.math.mod(tf.range(2 * spans), 2) == 1, lengths)


def _partition(total: tf.Tensor, parts: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Cuts a total into that many parts of at least 1, all ways equally probable."""
    cuts = tf.random.experimental.stateless_shuffle(tf.range(1, total), seed)[: parts - 1]
    bounds = tf.concat([[0], tf.sort(cuts), [total]], axis=0)
    return bounds[1:] - bounds[:-1]


def _replace_spans(tokens: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Replaces each run of masked tokens by one sentinel, from the first one on."""
    starts = tf.logical_and(mask, tf.logical_not(tf.concat([[False], mask[:-1]], axis=0)))
    sentinels = VOCABULARY.sentinel_id(0) + 1 - tf.cumsum(tf.cast(starts, tokens.dtype))
    replaced = tf.where(starts, sentinels, tokens)
    return tf.boolean_mask(replaced, tf.logical_or(starts, tf.logical_not(mask)))


def rating_accuracy(targets: Sequence[str], predictions: Sequence[str]) -> dict[str, float]:
    """Returns the share of predicted ratings that are right, in percent."""
    pairs = list(zip(targets, predictions, strict=True))
    right = sum(target.strip() == prediction.strip() for target, prediction in pairs)
    return {"accuracy": 100.0 * right / len(pairs) if pairs else 0.0}


def _rate(task: seqio.Task) -> int:
    return int(task.num_input_examples("train"))


def register() -> None:
    """Registers the baselines; nothing is read."""
    dapt: list[Callable[..., Any]] = [
        _chunks,
        span_corruption,
        TrimAndAppendEos(DISTILLATION_LENGTHS),
    ]
    rating = [_rating_example, *preprocessors(DISTILLATION_LENGTHS)]
    _add("dapt", dapt, [])
    _add("rating_prediction", rating, [rating_accuracy])


def _add(baseline: str, steps: list[Callable[..., Any]], metrics: list[Callable[..., Any]]) -> None:
    for domain in DOMAINS:
        for reviews in (None, *sorted({*SIZES, *(size // 2 for size in SIZES)})):
            seqio.TaskRegistry.add(
                _name(baseline, domain, reviews),
                source=ReviewsSource(domain, reviews),
                preprocessors=steps,
                output_features=OUTPUT_FEATURES,
                metric_fns=metrics,
            )
    for reviews in (None, *SIZES):
        part = None if reviews is None else reviews // len(DOMAINS)
        seqio.MixtureRegistry.add(
            _name(baseline, "reviews", reviews),
            [(_name(baseline, domain, part), _rate) for domain in DOMAINS],
        )


def _name(baseline: str, domain: str, reviews: int | None) -> str:
    return f"{baseline}_{domain}" + ("" if reviews is None else f"_{size_name(reviews)}")

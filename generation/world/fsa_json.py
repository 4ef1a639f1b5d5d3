"""Writes a benchmark of sample sentences in the FSA benchmark's JSON format, with its quirks."""

import json
import random
from pathlib import Path
from typing import Any

from fsa_jax.opinions.corpus import INVENTED
from fsa_jax.runtime import files
from generation.world.sentences import HARD_KINDS, SampleOpinion, SampleSentence, Speaker

DATASETS = {
    ("atsa", "rest14"): "restaurant",
    ("atsa", "laptop14"): "laptop",
    ("acsa", "rest16"): "restaurant",
    ("acsa", "laptop16"): "laptop",
}
SIZES = {"train": 800, "dev": 150, "test": 250, "hard_test": 100}
# A train set draws from the front of the word lists only; what is behind it, only the reviews
# teach.
TRAIN_REACH = 0.6


def draw_split(domain: str, split: str, size: int, rng: random.Random) -> list[SampleSentence]:
    """Draws the sentences of one split.

    Those of ``hard_test`` all hold implicit or multiple sentiments.
    """
    speaker = Speaker(domain, rng, reach=TRAIN_REACH if split in ("train", "dev") else 1.0)
    kinds = list(HARD_KINDS), list(HARD_KINDS.values())
    return [
        speaker.sentence(0.55, rng.choices(*kinds)[0] if split == "hard_test" else None)
        for _ in range(size)
    ]


def to_items(
    sentences: list[SampleSentence], task: str, dataset: str, split: str
) -> list[dict[str, Any]]:
    """Returns the items of one benchmark file.

    The published files differ by split, and readers must cope: offsets are strings in train, dev
    and test, and integers in hard_test; opinion words are left out of train and dev, are one string
    in the tests of 2014 and spans elsewhere.
    """
    # Both hard files of a domain are one file there, so its items are named by the domain alone.
    name = dataset.rstrip("0123456789") if split == "hard_test" else dataset
    return [
        {
            "ID": f"{INVENTED}{name}-{split}:{index}",
            "sentence": sentence.text,
            "aspects": [
                _aspect(o, task, dataset, split)
                for o in sentence.opinions
                if _annotated(o, task, split)
            ],
        }
        for index, sentence in enumerate(sentences)
    ]


def _annotated(opinion: SampleOpinion, task: str, split: str) -> bool:
    # The targeted data sets of 2014 list named targets only.
    return not (task == "atsa" and split != "hard_test" and opinion.target is None)


def _aspect(opinion: SampleOpinion, task: str, dataset: str, split: str) -> dict[str, Any]:
    hard = split == "hard_test"
    named = opinion.target is not None and not (dataset == "laptop16" and not hard)
    aspect: dict[str, Any] = {
        "from": None,
        "to": None,
        "target": None,
        "category": opinion.category,
    }
    if named:
        start, end = opinion.start, opinion.start + len(opinion.target)  # type: ignore[operator, arg-type]
        aspect |= {
            "from": start if hard else str(start),
            "to": end if hard else str(end),
            "target": opinion.target,
        }
    elif dataset == "rest16" and not hard:
        aspect |= {"from": "0", "to": "0", "target": "NULL"}
    if task == "atsa" and not hard:
        aspect["category"] = None
    aspect["polarity"] = opinion.polarity
    spans: list[dict[str, Any]] = [
        {"from": at, "to": at + len(word), "opinion": word} for at, word in opinion.words
    ]
    if hard or (split == "test" and task == "acsa"):
        aspect["opinion_words"] = spans
    elif split == "test":
        aspect["opinion_words"] = " ".join(span["opinion"] for span in spans) or None
    return aspect


def write_benchmark(folder: Path, seed: int, sizes: dict[str, int] | None = None) -> dict[str, int]:
    """Writes ``folder/{atsa,acsa}/{data set}/{split}.json`` in it.

    Args:
        folder: The ``fsa`` folder of a data root.
        seed: Same seed, same bytes.
        sizes: Sentences by split, default ``SIZES``.

    Returns:
        Sentences by file.
    """
    counts = {}
    for (task, dataset), domain in DATASETS.items():
        for split, size in (sizes or SIZES).items():
            name = domain if split == "hard_test" else dataset
            rng = random.Random(f"{seed} benchmark {name} {split}")
            sentences = draw_split(domain, split, size, rng)
            if dataset.endswith("16"):
                sentences = [without_conflict(sentence) for sentence in sentences]
            path = folder / task / dataset / f"{split}.json"
            text = json.dumps(
                to_items(sentences, task, dataset, split), ensure_ascii=False, indent=1
            )
            with files.atomic_file(path) as stream:
                stream.write(text.encode("utf-8-sig"))
            counts[f"{task}/{dataset}/{split}"] = len(sentences)
    return counts


def without_conflict(sentence: SampleSentence) -> SampleSentence:
    """Splits a conflict into its two opinions.

    That is because the data sets of 2016 know no such polarity.
    """
    opinions: list[SampleOpinion] = []
    for opinion in sentence.opinions:
        if opinion.polarity != "conflict":
            opinions.append(opinion)
            continue
        for polarity, words in zip(("positive", "negative"), opinion.words, strict=True):
            opinions.append(
                SampleOpinion(opinion.target, opinion.start, opinion.category, polarity, (words,))
            )
    return SampleSentence(sentence.text, tuple(opinions))

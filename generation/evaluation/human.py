"""Prepares the paper's human evaluation of teachers (appendix B.2) for Label Studio.

Annotators see a review and, side by side, the analyses of all teachers under letters that are drawn
anew for each review; they give each analysis six scores. Which letter stands for whom is in a key
file of its own, which annotators do not get.
"""

import collections
import dataclasses
import hashlib
import json
import random
import string
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from generation import files
from generation.corpus.from_ledgers import LedgerReader
from generation.corpus.records import Example
from generation.records import DOMAINS, OK


@dataclasses.dataclass(frozen=True)
class Criterion:
    """One of the six scores; ``points`` says what earns 0, 1 and 2."""

    name: str
    title: str
    points: tuple[str, str, str]


CRITERIA = (
    Criterion(
        "precision",
        "Precision of targets and aspects",
        ("several are wrong", "one target or aspect is wrong", "all are right"),
    ),
    Criterion(
        "recall",
        "Recall of targets and aspects",
        ("a target or several aspects are missing", "one aspect is missing", "none is missing"),
    ),
    Criterion(
        "sentiment",
        "Accuracy of sentiments, at most the score of precision",
        (
            "one is off by two of the five levels, or several by one",
            "one is off by one level",
            "all are right",
        ),
    ),
    Criterion(
        "persuasiveness",
        "Persuasiveness of the reasoning",
        (
            "one reason supports nothing, or several are weak",
            "one reason is weak",
            "every reason supports its sentiment",
        ),
    ),
    Criterion(
        "exhaustiveness",
        "Exhaustiveness of the reasoning",
        (
            "several telling passages are left out",
            "one telling passage is left out",
            "every telling passage is used",
        ),
    ),
    Criterion(
        "hallucination",
        "Freedom of the reasoning from hallucination",
        (
            "several reasons use words that the review lacks or that do not matter",
            "one reason does",
            "none does",
        ),
    ),
)
LEVELS_NOTE = (
    "Sentiments have five levels: very negative, negative, neutral (slight ones too), positive, "
    "very positive. Mark the passages that matter before you score."
)


@dataclasses.dataclass(frozen=True)
class Paths:
    """The three files of one evaluation, side by side."""

    tasks: Path

    @property
    def config(self) -> Path:
        """The labelling interface, to be pasted into the project's settings."""
        return self.tasks.with_suffix(".xml")

    @property
    def key(self) -> Path:
        """Who stands behind each letter."""
        return self.tasks.with_suffix(".key.json")


def export(
    folders: list[Path], output: Path, count: int, seed: int = 0, prompt: str = "anl"
) -> dict[str, int]:
    """Writes tasks, labelling interface and key.

    Args:
        folders: output folders of ``fsa generate``, of one teacher or of several.
        output: the tasks, ``….json``; the two other files lie beside it.
        count: reviews of each domain.
        seed: of the draw of reviews and letters.
        prompt: name of the prompt whose answers are judged.

    Returns:
        The number of tasks by domain.

    Raises:
        ValueError: too few reviews have a good answer of every teacher.
    """
    reader = LedgerReader(folders, allow_incomplete=True)
    teachers, chosen = _choose(reader, prompt, count, seed)
    texts = _texts(reader, prompt, set().union(*chosen.values()))
    letters = string.ascii_lowercase[: len(teachers)]
    tasks: list[dict[str, Any]] = []
    key: dict[str, dict[str, str]] = {}
    for domain, names in chosen.items():
        for review_id in names:
            task = f"{domain}-{len(tasks) + 1:04d}"
            order = random.Random(f"{seed} {review_id}").sample(teachers, len(teachers))
            key[task] = dict(zip(letters, order, strict=True))
            data = {"task": task, "domain": domain, "review": texts[review_id][""]}
            data |= {f"analysis_{n}": texts[review_id][t] for n, t in key[task].items()}
            tasks.append({"data": data})
    paths = Paths(output)
    files.write_json(paths.key, {"prompt": prompt, "seed": seed, "tasks": key})
    with files.atomic_file(paths.config) as stream:
        stream.write(interface(letters).encode())
    files.write_json(paths.tasks, tasks)
    return {domain: len(names) for domain, names in chosen.items()}


def _good(reader: LedgerReader, prompt: str) -> Iterator[Example]:
    return (e for e in reader.examples() if e.prompt == prompt and e.status == OK)


def _choose(
    reader: LedgerReader, prompt: str, count: int, seed: int
) -> tuple[list[str], dict[str, list[str]]]:
    """Returns the teachers, and by domain the reviews that all of them have answered well."""
    answered: dict[str, dict[str, set[str]]] = collections.defaultdict(
        lambda: collections.defaultdict(set)
    )
    for example in _good(reader, prompt):
        answered[example.domain][example.teacher].add(example.review_id)
    teachers = sorted({teacher for by_teacher in answered.values() for teacher in by_teacher})
    if not teachers:
        raise ValueError(
            f"the ledgers hold no good answer to prompt {prompt!r}; name other folders or --prompt"
        )
    if len(teachers) > len(string.ascii_lowercase):
        raise ValueError(f"{len(teachers)} teachers are too many for one page; name fewer folders")
    chosen = {}
    for domain in (name for name in DOMAINS if name in answered):
        shared = set.intersection(*(answered[domain][teacher] for teacher in teachers))
        if len(shared) < count:
            raise ValueError(
                f"only {len(shared)} {domain} reviews have a good answer to {prompt!r} of every "
                f"teacher ({', '.join(teachers)}); lower --count, or let the teachers answer the "
                "same reviews"
            )
        chosen[domain] = sorted(shared, key=lambda name: _draw(name, seed))[:count]
    return teachers, chosen


def _draw(review_id: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{review_id}".encode("utf-8", "replace")).digest()


def _texts(reader: LedgerReader, prompt: str, wanted: set[str]) -> dict[str, dict[str, str]]:
    """Returns by review the answers by teacher, and the review's own text under no name."""
    texts: dict[str, dict[str, str]] = collections.defaultdict(dict)
    for example in _good(reader, prompt):
        if example.review_id in wanted:
            texts[example.review_id][""] = example.inputs
            texts[example.review_id][example.teacher] = example.targets
    return texts


def interface(letters: Iterable[str]) -> str:
    """Returns Label Studio's labelling interface for analyses under these letters."""
    lines = [
        "<View>",
        f'  <Header size="5" value={quoteattr(LEVELS_NOTE)}/>',
        '  <Labels name="passage" toName="review"><Label value="Passage that matters"/></Labels>',
        '  <Text name="review" value="$review" granularity="word"/>',
    ]
    for letter in letters:
        lines.append(f'  <Header size="3" value="Analysis {letter.upper()}"/>')
        lines.append(f'  <Text name="analysis_{letter}" value="$analysis_{letter}"/>')
        for criterion in CRITERIA:
            points = "; ".join(f"{n}: {criterion.points[n]}" for n in (2, 1, 0))
            lines.append(f'  <Header size="5" value={quoteattr(f"{criterion.title} ({points})")}/>')
            lines.append(
                f'  <Choices name="{criterion.name}_{letter}" toName="analysis_{letter}" '
                'choice="single-radio" showInline="true" required="true" '
                f'requiredMessage="{criterion.title.split(",")[0]} of {letter.upper()}">'
            )
            lines.append("".join(f'    <Choice value="{n}"/>' for n in (0, 1, 2)))
            lines.append("  </Choices>")
    return "\n".join([*lines, "</View>"]) + "\n"


def load_key(path: Path) -> dict[str, dict[str, str]]:
    """Reads who stands behind each letter of each task.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no key.
    """
    try:
        key = json.loads(files.require_file(path).read_text("utf-8"))["tasks"]
        return {str(task): dict(letters) for task, letters in key.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            f"{path} is no key; name the ….key.json that `fsa humaneval export` wrote"
        ) from None

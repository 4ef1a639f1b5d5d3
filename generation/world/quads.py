"""Writes quad data sets of sample sentences, in the two published formats.

Their sentences are tokenised: words and signs with blanks between them, and places count words.
"""

import random
import re
from pathlib import Path

from fsa_jax.runtime import files
from generation.world.fsa_json import draw_split, without_conflict
from generation.world.sentences import SampleOpinion, SampleSentence

SIZES = {"train": 400, "dev": 80, "test": 160}
# File → domain; ABSA-QUAD's are text, ACOS's tab-separated.
_FILES = {
    "asqp/rest15/{}.txt": "restaurant",
    "asqp/rest16/{}.txt": "restaurant",
    "acos/Restaurant-ACOS/rest16_quad_{}.tsv": "restaurant",
    "acos/Laptop-ACOS/laptop_quad_{}.tsv": "laptop",
}
_TOKEN = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
_POLARITIES = ("negative", "neutral", "positive")
_IMPLICIT = (-1, -1)


def write_quads(folder: Path, seed: int) -> dict[str, int]:
    """Writes ``asqp/…`` and ``acos/…`` of a data root.

    Args:
        folder: The data root.
        seed: Same seed, same bytes.

    Returns:
        Sentences by file.
    """
    counts = {}
    for pattern, domain in _FILES.items():
        write = _acos_line if pattern.endswith(".tsv") else _asqp_line
        for split, size in SIZES.items():
            rng = random.Random(f"{seed} quads {pattern} {split}")
            drawn = [without_conflict(s) for s in draw_split(domain, split, size, rng)]
            # A sentence without opinions has no line in either format.
            lines = [write(sentence) for sentence in drawn if sentence.opinions]
            name = pattern.format(split)
            with files.atomic_file(folder / name) as stream:
                stream.write("".join(f"{line}\n" for line in lines).encode())
            counts[name] = len(lines)
    return counts


def _asqp_line(sentence: SampleSentence) -> str:
    words = [match.group() for match in _TOKEN.finditer(sentence.text)]
    quads = []
    for opinion in sentence.opinions:
        target, said = (
            "NULL" if place == _IMPLICIT else " ".join(words[slice(*place)])
            for place in _places(sentence.text, opinion)
        )
        category = opinion.category.lower().replace("#", " ")
        quads.append([target, category, opinion.polarity, said])
    return f"{' '.join(words)}####{quads}"


def _acos_line(sentence: SampleSentence) -> str:
    words = [match.group() for match in _TOKEN.finditer(sentence.text)]
    quads = []
    for opinion in sentence.opinions:
        target, said = (f"{a},{b}" for a, b in _places(sentence.text, opinion))
        polarity = _POLARITIES.index(opinion.polarity)
        quads.append(f"{target} {opinion.category} {polarity} {said}")
    return "\t".join([" ".join(words), *quads])


def _places(text: str, opinion: SampleOpinion) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where target and opinion words stand, counted in words; ``_IMPLICIT`` for neither."""
    target = _IMPLICIT
    if opinion.target is not None and opinion.start is not None:
        target = _words(text, opinion.start, opinion.start + len(opinion.target))
    said = _IMPLICIT
    if opinion.words:
        at, word = opinion.words[0]
        said = _words(text, at, at + len(word))
    return target, said


def _words(text: str, start: int, end: int) -> tuple[int, int]:
    inside = [
        number
        for number, match in enumerate(_TOKEN.finditer(text))
        if match.start() < end and match.end() > start
    ]
    return inside[0], inside[-1] + 1

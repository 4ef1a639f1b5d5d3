"""Table 2: what a benchmark holds, counted as the paper counts."""

import dataclasses
from collections.abc import Iterable, Sequence

from fsa_jax.opinions.sentences import Sentence
from fsa_jax.opinions.units import ASA, TSA, Kind, gold_units


@dataclasses.dataclass(frozen=True, slots=True)
class Stats:
    """The columns of table 2.

    Attributes:
        sentences: #Sent.
        targets: #Trg, unique in their sentence by target, polarity and place; implicit ones not.
        categories: #Asp, unique in their sentence by category and polarity.
        implicit: #Imp, sentences with an opinion without opinion words; ``None`` where no opinion
            words are annotated.
        multiple: #Mul, sentences with more than one polarity.
    """

    sentences: int
    targets: int
    categories: int
    implicit: int | None
    multiple: int


@dataclasses.dataclass(frozen=True, slots=True)
class SubsetStats:
    """The sub-sets of a test set: sentences, and the units that a task asks for in them."""

    sentences: int
    units: int
    implicit_sentences: int
    implicit_units: int
    multiple_sentences: int
    multiple_units: int


def stats(sentences: Sequence[Sentence]) -> Stats:
    """Counts the sentences and opinions of a file."""
    annotated = any(sentence.implicit is not None for sentence in sentences)
    return Stats(
        sentences=len(sentences),
        targets=_units(sentences, TSA),
        categories=_units(sentences, ASA),
        implicit=sum(bool(sentence.implicit) for sentence in sentences) if annotated else None,
        multiple=sum(sentence.is_multiple for sentence in sentences),
    )


def subset_stats(sentences: Sequence[Sentence], kind: Kind) -> SubsetStats:
    """Counts the sub-sets of a test set.

    Args:
        sentences: The original test set and the hard samples.
        kind: What the task asks for.
    """
    implicit = [sentence for sentence in sentences if sentence.implicit]
    multiple = [sentence for sentence in sentences if sentence.is_multiple]
    return SubsetStats(
        sentences=len(sentences),
        units=_units(sentences, kind),
        implicit_sentences=len(implicit),
        implicit_units=_units(implicit, kind),
        multiple_sentences=len(multiple),
        multiple_units=_units(multiple, kind),
    )


def _units(sentences: Iterable[Sentence], kind: Kind) -> int:
    return sum(len(gold_units(sentence, kind)) for sentence in sentences)

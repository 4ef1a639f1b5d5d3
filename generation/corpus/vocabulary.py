"""Cuts a SentencePiece vocabulary to the pieces that a corpus uses most.

A student that starts from nothing owes its vocabulary nothing, and at a small size most of a step
is the product with the embedding's rows: T5's 32,128 cost a tiny student five sixths of its time.
What remains keeps its scores, so that a text of kept pieces is cut as before, and another one is
spelt with shorter pieces; single characters always stay.
"""

import collections
import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files


@dataclasses.dataclass(frozen=True)
class Trimmed:
    """What became of a vocabulary.

    Attributes:
        pieces: Kept.
        before: That it had.
        covered: Share of the corpus's tokens, as cut before, whose piece is kept.
        longer: Tokens of the corpus as cut now, for each one before.
    """

    pieces: int
    before: int
    covered: float
    longer: float


def trim(source: Path, texts: Iterable[str], pieces: int, path: Path) -> Trimmed:
    """Writes the vocabulary of the most frequent pieces.

    Args:
        source: A SentencePiece model whose pieces have scores of their own (unigram, as T5's).
        texts: What to count pieces in; read twice as lines, so lines are what is kept in memory.
        pieces: How many to keep: control pieces, single characters, and then by frequency; of
            equally frequent ones the first in the model.
        path: The model file to write.

    Raises:
        ValueError: The file is no unigram model, or ``pieces`` is too few for its characters.
    """
    import sentencepiece
    from google.protobuf import message
    from sentencepiece import sentencepiece_model_pb2 as schema

    content = source.read_bytes()
    model: Any = schema.__dict__["ModelProto"]()
    try:
        model.ParseFromString(content)
    except message.DecodeError:
        raise ValueError(f"{source} is no SentencePiece model") from None
    if model.trainer_spec.model_type != type(model.trainer_spec).UNIGRAM:
        raise ValueError(f"{source} is no unigram model: pieces of others depend on one another")
    processor = sentencepiece.SentencePieceProcessor(model_proto=content)
    lines = collections.Counter(line for text in texts for line in text.split("\n"))
    counts = _count(processor, lines)
    kept = _kept(model, counts, pieces, source)
    before, all_pieces = len(model.pieces), list(model.pieces)
    del model.pieces[:]
    model.pieces.extend(all_pieces[number] for number in sorted(kept))
    model.trainer_spec.vocab_size = len(kept)
    written = model.SerializeToString()
    with files.atomic_file(path) as stream:
        stream.write(written)
    total = sum(counts.values())
    now = _count(sentencepiece.SentencePieceProcessor(model_proto=written), lines)
    return Trimmed(
        len(kept),
        before,
        sum(counts[number] for number in kept) / max(1, total),
        sum(now.values()) / max(1, total),
    )


def _count(processor: Any, lines: collections.Counter[str]) -> collections.Counter[int]:
    counts: collections.Counter[int] = collections.Counter()
    for line, times in lines.items():
        for number in processor.encode(line):
            counts[number] += times
    return counts


def _kept(model: Any, counts: collections.Counter[int], pieces: int, source: Path) -> set[int]:
    normal = model.SentencePiece.NORMAL
    kept = {
        number
        for number, piece in enumerate(model.pieces)
        if piece.type != normal or len(piece.piece) == 1
    }
    if len(kept) > pieces:
        raise ValueError(
            f"--pieces {pieces}: {source} has {len(kept)} control pieces and single characters, "
            "which always stay"
        )
    by_frequency = sorted(range(len(model.pieces)), key=lambda number: (-counts[number], number))
    for number in by_frequency:
        if len(kept) == pieces or not counts[number]:
            break
        kept.add(number)
    return kept

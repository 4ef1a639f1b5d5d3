"""Trains a small SentencePiece vocabulary with T5's conventions."""

import io
from collections.abc import Iterable
from pathlib import Path

from fsa_jax.runtime import files


def train_vocabulary(texts: Iterable[str], path: Path, pieces: int = 1000) -> int:
    """Trains a unigram model like T5's (pad 0, eos 1, unk 2, no bos) and writes it to ``path``.

    The sentinels and the newline token are not in it: readers add them when they load a vocabulary.

    Args:
        texts: What to train on; the same texts in the same order give the same bytes.
        path: The model file to write.
        pieces: The most pieces to keep; small texts give fewer.

    Returns:
        The number of pieces.

    Source: Raffel et al. 2020 (T5), section 3.1.1; Kudo 2018 (unigram model).
    """
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line for text in texts for line in text.split("\n") if line.strip()),
        model_writer=model,
        model_type="unigram",
        vocab_size=pieces,
        hard_vocab_limit=False,
        character_coverage=1.0,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        pad_piece="<pad>",
        eos_piece="</s>",
        unk_piece="<unk>",
        num_threads=1,
        minloglevel=2,
    )
    with files.atomic_file(path) as stream:
        stream.write(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).get_piece_size()

"""Remembered words give the very tokens of TensorFlow Text, or say that they cannot."""

import json
import random

import numpy as np
import sentencepiece
import tensorflow as tf
import tensorflow_text

from fsa_jax.data import word_tokens
from fsa_jax.data.word_tokens import WordTokens

MARKS = ["  ", "[NL]", " [NL] ", "...", "!!!!!!!", "aaaa", "=====", "</s>", "<unk>", "▁", "\t"]
LETTERS = "é’“–ﬁ½´ ​́ſ文🙂\x00­~*x7"


def texts_like(samples, count, seed):
    """Texts with strange pieces put into them."""
    draw = random.Random(seed)
    for _ in range(count):
        letters = list(draw.choice(samples)[:300])
        for _ in range(draw.randrange(6)):
            new = draw.choice([*MARKS, *LETTERS, draw.choice(".!?-a*") * draw.randrange(2, 60)])
            letters.insert(draw.randrange(len(letters) + 1), new)
        yield "".join(letters).encode()


def differences(model, texts):
    """(How many texts were left, those with other tokens than TensorFlow Text's)."""
    found = WordTokens(model).encode(texts)
    expected = tensorflow_text.SentencepieceTokenizer(model=model).tokenize(tf.constant(texts))
    wrong = [
        text
        for text, ids, right in zip(texts, found, expected.to_list(), strict=True)
        if ids is not None and np.frombuffer(ids, np.int32).tolist() != right
    ]
    return found.count(None), wrong


def test_tokens_of_strange_texts_are_those_of_tensorflow_text(vocabulary_file):
    samples = [
        "The wine list is great but the service was slow .",
        "I love the screen ; the battery dies after an hour . A poor keyboard ?",
        "mmmm sooooo quick brown lazy foxes jump over xyzzy 0123456789",
    ]
    texts = [*texts_like(samples, 2000, seed=1), b"", b" ", b"\xff wine", b"wine" * 2000]
    left, wrong = differences(vocabulary_file.read_bytes(), texts)
    assert wrong == []
    assert 100 < left < 1900


def test_real_texts_have_the_tokens_of_tensorflow_text(real_data):
    lines = (real_data / "corpus" / "mixtral_400.json").read_text(encoding="utf-8-sig").splitlines()
    texts = [json.loads(line)[key] for line in lines for key in ("Text", "mixtral_response")]
    model = (real_data / "t5_vocab" / "spiece.model").read_bytes()
    left, wrong = differences(model, [text.replace("\n", " ").encode() for text in texts])
    assert wrong == []
    assert left < 0.1 * len(texts)
    left, wrong = differences(model, list(texts_like(texts, 4000, seed=2)))
    assert wrong == []
    assert left < 3900


def test_a_word_with_two_segmentations_as_good_is_left(vocabulary_file):
    """``oo`` is a piece: ``oo`` + ``o`` scores what ``o`` + ``oo`` does."""
    words = WordTokens(vocabulary_file.read_bytes())
    left = [ids is None for ids in words.encode([b"the wine oo", b"the wine ooo", b"ooo oo"])]
    assert left == [False, True, True]


def test_a_vocabulary_whose_pieces_are_merged_is_left_alone(tmp_path):
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the wine list is great", "the service was slow"] * 20),
        model_prefix=str(tmp_path / "merged"),
        model_type="bpe",
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    words = WordTokens((tmp_path / "merged.model").read_bytes())
    assert words.encode([b"the wine", b""]) == [None, None]


def test_only_so_many_words_are_remembered(vocabulary_file, monkeypatch):
    monkeypatch.setattr(word_tokens, "_MOST_WORDS", 3)
    words = WordTokens(vocabulary_file.read_bytes())
    before = words.encode([b"the wine was"])
    assert len(words) == 3
    assert words.encode([b"the list"])[0]
    assert not words
    assert words.encode([b"the wine was"]) == before

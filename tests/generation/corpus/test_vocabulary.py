"""A vocabulary is cut to the pieces that a corpus uses most."""

import dataclasses

import pytest
import sentencepiece
import typer.testing
from corpora import make

from generation import commands
from generation.corpus.vocabulary import trim
from generation.world.vocabulary import train_vocabulary
from tasks.vocabulary import NewlineVocabulary

TEXTS = [
    f"the {word} was {mood}, and we had {word}"
    for word in ("wine", "soup", "salad", "service", "waiter")
    for mood in ("good", "bad", "fine", "terrible")
] * 9
CLI = typer.testing.CliRunner()


@pytest.fixture
def whole(tmp_path):
    path = tmp_path / "whole.model"
    train_vocabulary(TEXTS, path, pieces=70)
    return path


def read(path):
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def test_texts_of_kept_pieces_are_cut_as_before_and_all_others_are_spelt(whole, tmp_path):
    wine = [text for text in TEXTS if "wine was good" in text]
    cut = tmp_path / "cut.model"
    used = {piece for text in wine for piece in read(whole).encode(text)}
    size = read(whole).get_piece_size()
    always = sum(len(piece) == 1 for piece in map(read(whole).id_to_piece, range(3, size)))
    done = trim(whole, wine, 3 + always + len(used), cut)
    assert done.pieces < done.before == read(whole).get_piece_size()
    assert dataclasses.replace(done, pieces=0, before=0) == dataclasses.replace(
        done, pieces=0, before=0, covered=1.0, longer=1.0
    )
    for text in wine:
        assert read(cut).encode(text, out_type=str) == read(whole).encode(text, out_type=str)
    for text in TEXTS:
        assert read(cut).decode(read(cut).encode(text)) == text
        assert len(read(cut).encode(text)) >= len(read(whole).encode(text))
    assert any(len(read(cut).encode(t)) > len(read(whole).encode(t)) for t in TEXTS)


def test_rare_pieces_go_first_and_training_reads_what_is_left(whole, tmp_path):
    done = trim(whole, TEXTS, read(whole).get_piece_size() - 5, tmp_path / "cut.model")
    assert 0.8 < done.covered < 1.0 < done.longer < 1.5
    vocabulary = NewlineVocabulary(tmp_path / "cut.model")
    assert vocabulary.vocab_size == done.pieces + 101
    assert vocabulary.decode(vocabulary.encode("we had soup\nthe wine")) == "we had soup\nthe wine"


def test_what_cannot_be_cut_is_said(whole, tmp_path):
    with pytest.raises(ValueError, match=r"--pieces 5: .* control pieces and single characters"):
        trim(whole, TEXTS, 5, tmp_path / "cut.model")
    (tmp_path / "no.model").write_bytes(b"\xff\xff no model")
    with pytest.raises(ValueError, match="no SentencePiece model"):
        trim(tmp_path / "no.model", TEXTS, 50, tmp_path / "cut.model")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS),
        model_prefix=str(tmp_path / "bpe"),
        model_type="bpe",
        vocab_size=60,
        minloglevel=2,
    )
    with pytest.raises(ValueError, match="no unigram model"):
        trim(tmp_path / "bpe.model", TEXTS, 50, tmp_path / "cut.model")
    assert not (tmp_path / "cut.model").exists()


def test_the_command_cuts_to_ledgers_and_to_corpora_alike(runs, tmp_path, monkeypatch):
    rows = ["soup was good"]
    whole = tmp_path / "whole.model"
    make(runs, tmp_path / "data")
    from generation.corpus import stats

    texts = [t for row in stats.read([runs]) for t in (row.inputs, row.targets)]
    train_vocabulary(texts, whole, pieces=400)
    monkeypatch.setenv("FSA_VOCABULARY", str(whole))
    shown = {}
    for name, source in (("ledgers", runs), ("corpora", tmp_path / "data")):
        command = ["vocabulary", str(source), "--pieces", "200", "--output", str(tmp_path / name)]
        result = CLI.invoke(commands.corpus, command)
        assert result.exit_code == 0, result.output
        assert "200 of 400 pieces" in result.output
        assert "VOCAB_SIZE: at least 301" in result.output
        shown[name] = (tmp_path / name).read_bytes()
    assert shown["ledgers"] == shown["corpora"]
    assert read(tmp_path / "ledgers").encode(rows)

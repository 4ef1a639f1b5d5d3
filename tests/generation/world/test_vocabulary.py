"""The sample world's vocabulary keeps T5's conventions, and is the same each time."""

import sentencepiece

from generation.world.vocabulary import train_vocabulary

TEXTS = [
    f"the {word} was {mood} .\nwe had {word}" for word in ("wine", "soup") for mood in "abc"
] * 9


def test_ids_are_t5s_and_bytes_repeat(tmp_path):
    count = train_vocabulary(TEXTS, tmp_path / "one.model", pieces=40)
    train_vocabulary(TEXTS, tmp_path / "two.model", pieces=40)
    assert (tmp_path / "one.model").read_bytes() == (tmp_path / "two.model").read_bytes()
    model = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "one.model"))
    assert (model.pad_id(), model.eos_id(), model.unk_id(), model.bos_id()) == (0, 1, 2, -1)
    assert model.get_piece_size() == count <= 40
    assert model.decode(model.encode("the wine was a .")) == "the wine was a ."

import copy
import hashlib
import json
import pickle
import random
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tasks.vocabulary import get_vocabulary, without_newlines


@pytest.fixture
def vocabulary(vocabulary_file):
    return get_vocabulary(str(vocabulary_file))


def test_newline_follows_the_hundred_sentinels(vocabulary):
    pieces = vocabulary.vocab_size - 101
    assert vocabulary.newline_id == pieces + 100
    assert vocabulary.sentinel_id(0) == pieces + 99
    assert vocabulary.encode("a\nb").count(vocabulary.newline_id) == 1
    assert vocabulary.encode("<extra_id_0> wine <extra_id_99>")[0] == vocabulary.sentinel_id(0)
    assert vocabulary.encode("<extra_id_99>") == [pieces]
    with pytest.raises(ValueError, match="there are 100"):
        vocabulary.sentinel_id(100)


def test_text_survives_with_its_lines(vocabulary):
    text = "The wine list is great .\n\nFood was cold\nand slow"
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert vocabulary.decode([*ids, 1, 7, 8]) == text


def test_tensorflow_agrees_with_python(vocabulary):
    draw = random.Random(3)
    alphabet = ["wine", "list", "\n", " ", "great", ".", "é", "{", "[NL]", "\n\n", "  "]
    for _ in range(200):
        text = "".join(draw.choice(alphabet) for _ in range(draw.randrange(12)))
        ids = vocabulary.encode(text)
        np.testing.assert_array_equal(vocabulary.encode_tf(tf.constant(text)).numpy(), ids)
        decoded = vocabulary.decode_tf(tf.constant(ids, tf.int32)).numpy().decode()
        assert decoded == vocabulary.decode(ids)


def test_nothing_is_read_before_use_and_the_environment_is_followed(monkeypatch, vocabulary_file):
    monkeypatch.setenv("FSA_VOCABULARY", "/nowhere/spiece.model")
    vocabulary = get_vocabulary()
    with pytest.raises(FileNotFoundError, match=r"/nowhere/spiece.model .*FSA_VOCABULARY"):
        vocabulary.encode("a")
    monkeypatch.setenv("FSA_VOCABULARY", str(vocabulary_file))
    assert vocabulary.encode("a\nb")
    digest = hashlib.sha256(vocabulary_file.read_bytes()).hexdigest()
    assert vocabulary.sha256 == digest


def test_copies_and_pickles_are_equal(vocabulary):
    for twin in (copy.deepcopy(vocabulary), pickle.loads(pickle.dumps(vocabulary))):
        assert twin == vocabulary
        assert twin.encode("wine\nlist") == vocabulary.encode("wine\nlist")
    assert vocabulary != get_vocabulary("/elsewhere")


def test_a_url_is_read_once(vocabulary_file, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    served = shutil.copy(vocabulary_file, tmp_path / "served.model")
    source = f"file://{served}"
    first = get_vocabulary(source)
    assert first.sha256 == hashlib.sha256(vocabulary_file.read_bytes()).hexdigest()
    assert len(list((tmp_path / "fsa_jax" / "vocabularies").iterdir())) == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"not a model", "not a SentencePiece model"), (b"", "holds no pieces")],
)
def test_a_file_of_another_kind_is_named(tmp_path, content, complaint):
    path = tmp_path / "wrong.model"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"wrong.model is not a Sentence.*|{complaint}") as caught:
        get_vocabulary(str(path)).encode("a")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_real_texts_get_the_ids_of_hugging_face(real_data, tmp_path):
    transformers = pytest.importorskip("transformers")
    shutil.copy(real_data / "t5_vocab" / "spiece.model", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": 100})
    )
    peer = transformers.T5Tokenizer.from_pretrained(tmp_path)
    peer.add_tokens(["[NL]"])
    ours = get_vocabulary(str(real_data / "t5_vocab" / "spiece.model"))
    assert (ours.vocab_size, ours.newline_id, ours.sentinel_id(0)) == (32101, 32100, 32099)
    lines = (real_data / "corpus" / "mixtral_400.json").read_text(encoding="utf-8-sig").splitlines()
    texts = [json.loads(line)[key] for line in lines for key in ("Text", "mixtral_response")]
    assert len(texts) == 800
    assert sum("\n" in text for text in texts) > 200
    for text in texts:
        expected = peer(text.replace("\n", "[NL]"), add_special_tokens=False).input_ids
        assert ours.encode(text) == expected


def test_prompts_to_foreign_checkpoints_get_the_ids_of_hugging_face(real_data, tmp_path):
    """Tk-Instruct and T5 read blanks for newlines, and never saw the added piece."""
    transformers = pytest.importorskip("transformers")
    shutil.copy(real_data / "t5_vocab" / "spiece.model", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": 100})
    )
    peer = transformers.T5Tokenizer.from_pretrained(tmp_path)
    ours = get_vocabulary(str(real_data / "t5_vocab" / "spiece.model"))
    prompts = [
        "Definition: List.\n\nPositive Example 1 -\nInput: Fine .\nOutput: \n\nNow \n go",
        "Sentence: The bar was fine .\nOpinion target: bar\nLabel:",
    ]
    for prompt in prompts:
        expected = peer(prompt, add_special_tokens=False).input_ids
        assert ours.encode(without_newlines(prompt)) == expected
        assert ours.newline_id not in expected

"""Hugging Face export: what plain transformers makes of the folder."""

import dataclasses
import json
import random

import jax
import numpy as np
import pytest
import safetensors.numpy
import sentencepiece
from flax.linen import meta

from fsa_jax.huggingface import export, weights
from fsa_jax.model import network

transformers = pytest.importorskip("transformers")

WORDS = "the pasta was great but we waited an hour for cold soup and rude staff".split()  # noqa: SIM905
PIECES = 60
SIZE = {
    "vocab_size": 192,
    "emb_dim": 32,
    "num_heads": 4,
    "head_dim": 8,
    "mlp_dim": 48,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
}
CONFIGS = {
    "t5_1_0": network.T5Config(**SIZE),
    "t5_1_1": network.T5Config(
        **SIZE, mlp_activations=("gelu", "linear"), logits_via_embedding=False
    ),
}


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    """A small SentencePiece model with T5's special ids."""
    folder = tmp_path_factory.mktemp("vocabulary")
    chooser = random.Random(0)
    lines = [" ".join(chooser.choices(WORDS, k=8)) + "." for _ in range(400)]
    (folder / "text.txt").write_text("\n".join(lines))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"),
        model_prefix=str(folder / "small"),
        vocab_size=PIECES,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return folder / "small.model"


@pytest.fixture(scope="module")
def pieces(vocabulary):
    return sentencepiece.SentencePieceProcessor(model_file=str(vocabulary)).get_piece_size()


def random_params(config):
    """Parameters far enough from the initial ones for a model that does not repeat its input."""
    params = jax.device_get(meta.unbox(network.init_params(config, jax.random.key(3))))
    rng = np.random.default_rng(5)

    def shake(path, leaf):
        noise = rng.normal(size=leaf.shape).astype(np.float32)
        return leaf + 0.3 * noise if path[0].key != "token_embedder" else leaf

    return jax.tree_util.tree_map_with_path(shake, params)


@pytest.fixture(scope="module", params=CONFIGS)
def exported(request, vocabulary, tmp_path_factory):
    """The parameters, their config and the folder they were exported to."""
    config = CONFIGS[request.param]
    params = random_params(config)
    target = tmp_path_factory.mktemp("export") / "student"
    texts = {"README.md": "# mine\n"}
    export.export(params, config, vocabulary, target, max_length=30, texts=texts)
    return params, config, target


def test_export_then_import_is_identical(exported):
    params, config, folder = exported
    assert weights.config_from_hf(folder) == config
    assert all(file.stat().st_mode & 0o044 == 0o044 for file in folder.iterdir())
    jax.tree.map(np.testing.assert_array_equal, weights.load_params(folder, config), params)


def test_scanned_layers_export_alike(exported, vocabulary, tmp_path):
    params, config, folder = exported
    config = dataclasses.replace(config, scan_layers=True)
    export.export(network.stack_layers(params, config), config, vocabulary, tmp_path / "scanned")
    assert (tmp_path / "scanned/model.safetensors").read_bytes() == (
        folder / "model.safetensors"
    ).read_bytes()


def test_import_then_export_keeps_every_tensor_and_the_greedy_text(exported, vocabulary, tmp_path):
    """Round trip of a model that transformers itself saved."""
    torch = pytest.importorskip("torch")
    original = transformers.T5ForConditionalGeneration.from_pretrained(exported[2])
    original.save_pretrained(tmp_path / "theirs")
    config = weights.config_from_hf(tmp_path / "theirs")
    assert config == exported[1]
    params = weights.load_params(tmp_path / "theirs", config)
    folder = export.export(params, config, vocabulary, tmp_path / "ours", max_length=30)

    theirs = safetensors.numpy.load_file(tmp_path / "theirs/model.safetensors")
    ours = safetensors.numpy.load_file(folder / "model.safetensors")
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert tensor.tobytes() == ours[name].tobytes(), name

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(["the pasta was great", "rude staff"], padding=True, return_tensors="pt")
    again = transformers.T5ForConditionalGeneration.from_pretrained(folder)
    with torch.no_grad():
        theirs, ours = (model.generate(**inputs).tolist() for model in (original, again))
    assert tokenizer.batch_decode(theirs) == tokenizer.batch_decode(ours)
    assert theirs[0] != theirs[1]
    assert len({*theirs[0], *theirs[1]}) > 4


def test_logits_of_transformers_are_ours(exported, in_float64, assert_as_exact):
    torch = pytest.importorskip("torch")
    params, config, folder = exported
    model = transformers.T5ForConditionalGeneration.from_pretrained(folder).eval()
    inputs = np.array([[5, 9, 20, 1], [7, 1, 0, 0]], np.int32)
    decoder = np.array([[0, 8, 30], [0, 12, 3]], np.int32)

    @torch.no_grad()
    def logits(model):
        return model(
            input_ids=torch.tensor(inputs).long(),
            attention_mask=torch.tensor(inputs > 0).long(),
            decoder_input_ids=torch.tensor(decoder).long(),
        ).logits.numpy()

    hidden = network.T5(config).apply({"params": params}, inputs, decoder)
    ours = network.logits(params, hidden, config)
    assert_as_exact("logits", ours, logits(model), in_float64(model, logits))


def test_the_tokenizer_has_the_newline_after_the_sentinels(exported, vocabulary, pieces):
    folder = exported[2]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary))
    assert len(tokenizer) == pieces + 101
    assert tokenizer.convert_tokens_to_ids("[NL]") == pieces + 100
    assert tokenizer.convert_tokens_to_ids("<extra_id_0>") == pieces + 99
    first, second = "the pasta was great.", "we waited an hour"
    ids = tokenizer(f"{first} [NL] {second}").input_ids
    assert ids == [*processor.encode(first), pieces + 100, *processor.encode(second), 1]
    text = tokenizer.decode(ids, skip_special_tokens=True)
    assert text.replace("[NL] ", "\n") == f"{first}\n{second}"


def test_generation_is_greedy_and_bounded(exported):
    generation = transformers.GenerationConfig.from_pretrained(exported[2])
    assert (generation.max_length, generation.do_sample, generation.num_beams) == (30, False, 1)
    assert (generation.decoder_start_token_id, generation.eos_token_id) == (0, 1)


def test_further_files_lie_beside_the_weights(exported):
    assert (exported[2] / "README.md").read_text() == "# mine\n"


def test_rows_can_be_those_of_the_vocabulary(exported, vocabulary, pieces, tmp_path):
    params, config, _ = exported
    folder = export.export(params, config, vocabulary, tmp_path / "small", rows=pieces + 101)
    assert json.loads((folder / "config.json").read_text())["vocab_size"] == pieces + 101
    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    embedding = params["token_embedder"]["embedding"]
    np.testing.assert_array_equal(tensors["shared.weight"], embedding[: pieces + 101])
    with pytest.raises(ValueError, match=f"{pieces + 101} ids but the embedding only {pieces}"):
        export.export(params, config, vocabulary, tmp_path / "less", rows=pieces)
    assert not (tmp_path / "less").exists()


def test_nothing_is_overwritten_or_left_half_written(exported, vocabulary, tmp_path, monkeypatch):
    params, config, _ = exported
    target = tmp_path / "student"
    target.mkdir()
    (target / "mine.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="is not empty"):
        export.export(params, config, vocabulary, target)

    monkeypatch.setattr(export, "_generation_config", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export.export(params, config, vocabulary, target, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["student"]
    assert (target / "mine.txt").read_text() == "keep"

    monkeypatch.undo()
    export.export(params, config, vocabulary, target, overwrite=True)
    assert not (target / "mine.txt").exists()
    assert (target / "model.safetensors").is_file()


def test_wrong_vocabularies_are_named(exported, vocabulary, tmp_path):
    params, config, _ = exported
    with pytest.raises(FileNotFoundError, match=r"absent.model does not exist"):
        export.export(params, config, tmp_path / "absent.model", tmp_path / "out")
    broken = tmp_path / "broken.model"
    broken.write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"broken.model is no SentencePiece model"):
        export.export(params, config, broken, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_vocabulary_of_a_task_exports_like_its_file(exported, vocabulary, tmp_path):
    """SeqIO's vocabulary holds the added pieces; a default one has a URL and no path."""
    from tasks.vocabulary import get_vocabulary

    params, config, folder = exported
    loaded = get_vocabulary(str(vocabulary)).sp_model
    assert loaded != vocabulary.read_bytes()
    again = export.export(params, config, loaded, tmp_path / "again")
    for name in ("tokenizer.json", "spiece.model"):
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name


def test_real_vocabulary_gives_id_32100_to_the_newline(real_data, tmp_path):
    params = random_params(dataclasses.replace(CONFIGS["t5_1_0"], vocab_size=32128))
    config = dataclasses.replace(CONFIGS["t5_1_0"], vocab_size=32128)
    model = real_data / "t5_vocab" / "spiece.model"
    folder = export.export(params, config, model, tmp_path / "student")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer.convert_tokens_to_ids("[NL]") == 32100
    assert tokenizer.convert_tokens_to_ids("<extra_id_99>") == 32000
    assert tokenizer("food | positive ; staff | negative").input_ids[1] == 1820


def test_the_tokenizer_agrees_with_the_tasks_on_real_texts(real_data, tmp_path):
    """What a student learned as tokens is what transformers shows it."""
    from tasks import vocabulary

    model = real_data / "t5_vocab" / "spiece.model"
    config = dataclasses.replace(CONFIGS["t5_1_0"], vocab_size=32128)
    folder = export.export(random_params(config), config, model, tmp_path / "student")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ours = vocabulary.get_vocabulary(str(model))
    lines = (real_data / "corpus/mixtral_400.json").read_text("utf-8-sig").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    texts = [row[key].strip() for row in rows for key in ("Text", "mixtral_response")]
    different = [
        text
        for text in texts
        if tokenizer(text.replace("\n", " [NL] ")).input_ids != [*ours.encode(text), 1]
    ]
    print(f"{len(texts) - len(different)} of {len(texts)} real texts have the same ids")
    assert not different

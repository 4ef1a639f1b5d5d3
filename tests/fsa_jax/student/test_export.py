"""A student for others: its card runs, it tells its task, and nothing is overwritten."""

import contextlib
import dataclasses
import io
import json
import re

import jax
import numpy as np
import pytest
import seqio
from safetensors import safe_open

from fsa_jax.decoding import slots
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.opinions.readers import load_file
from fsa_jax.runtime.run_directory import RunDirectory
from fsa_jax.student import calibration
from fsa_jax.student.export import best_seed, export_ctranslate2, export_hf
from fsa_jax.student.load import load

LENGTH = 16
FACTS = {"mixture_or_task_name": "tsa_rest14", "steps": 120, "seed": 42, "git": "abc"}


@pytest.fixture
def talkative(student):
    """A student whose answers hold many different words, each of them in its vocabulary."""
    rng = np.random.default_rng(5)
    config = dataclasses.replace(student.config, vocab_size=student.vocabulary.vocab_size)
    params = jax.device_get(student.params)
    table = rng.normal(size=(config.vocab_size, config.emb_dim)).astype(np.float32)
    # Neither sentinels, nor padding, nor what is unknown: transformers does not show them.
    table[[0, 2, *range(config.vocab_size - 101, config.vocab_size - 1)]] = 0
    params = jax.tree.map(lambda x: x + 0.6 * rng.normal(size=x.shape).astype(x.dtype), params)
    params["token_embedder"]["embedding"] = table
    facts = FACTS | {"model": dataclasses.asdict(config)}
    return dataclasses.replace(student, params=params, config=config, facts=facts)


@pytest.fixture
def run(tmp_path):
    """The run that the student is from: it tells how long an answer may be."""
    run = RunDirectory(tmp_path / "run")
    run.write_manifest(FACTS)
    run.write_config(f"MAX_DECODE_LENGTH = {LENGTH}\n")
    return run


@pytest.fixture
def exported(talkative, run, tmp_path):
    return export_hf(talkative, tmp_path / "mine", overwrite=False, run=run)


@pytest.fixture
def converted(talkative, run, tmp_path):
    """The same student as a folder of CTranslate2."""
    pytest.importorskip("ctranslate2")
    pytest.importorskip("torch")
    return export_ctranslate2(talkative, tmp_path / "fast", overwrite=False, run=run)


def printed_by_the_card(folder, monkeypatch):
    """Runs the code of a folder's card; returns its only example, what it prints, and the code."""
    code = (folder / "README.md").read_text().split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(folder.parent)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    (example,) = re.findall(r'"(The .+?)"', code)
    return example, printed.getvalue().removesuffix("\n"), code


def greedy(student, texts):
    """Our own answers."""
    vocabulary = student.vocabulary
    inputs = [np.array([*vocabulary.encode(text), vocabulary.eos_id]) for text in texts]
    decoding = DecodingConfig(max_length=LENGTH, batch_size=8)
    outputs = slots.generate(student.params, student.config, inputs, decoding)
    return [vocabulary.decode([int(token) for token in tokens]) for tokens in outputs]


def real_sentences(real_data):
    """200 sentences of a test split."""
    sentences = load_file(real_data / "fsa" / "atsa" / "rest14" / "test.json", "fsa")
    assert len(sentences) >= 200
    return [sentence.text for sentence in sentences[:200]]


def as_shown(text):
    """An answer of transformers as the card says to read it."""
    return re.sub(r" *\[NL\] *", "\n", text)


def test_the_five_lines_of_the_card_give_our_greedy_text(exported, talkative, monkeypatch):
    pytest.importorskip("torch")
    example, printed, code = printed_by_the_card(exported, monkeypatch)
    assert len(code.splitlines()) == 5
    (ours,) = greedy(talkative, [example])
    assert as_shown(printed) == ours
    assert len(set(ours)) > 2


def test_the_card_of_a_ctranslate2_folder_gives_our_greedy_text(converted, talkative, monkeypatch):
    example, printed, _ = printed_by_the_card(converted, monkeypatch)
    (ours,) = greedy(talkative, [example])
    assert as_shown(printed) == ours
    assert len(set(ours)) > 2


def test_transformers_gives_our_greedy_text_on_200_real_sentences(
    real_data, talkative, run, tmp_path
):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    texts = real_sentences(real_data)
    folder = export_hf(talkative, tmp_path / "mine", overwrite=False, run=run)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.T5ForConditionalGeneration.from_pretrained(folder)
    with torch.no_grad():
        answers = model.generate(**tokenizer(texts, padding=True, return_tensors="pt"))
    theirs = list(map(as_shown, tokenizer.batch_decode(answers, skip_special_tokens=True)))
    assert theirs == greedy(talkative, texts)
    assert len(set(theirs)) > 50


def test_ctranslate2_gives_our_greedy_text_on_200_real_sentences(
    real_data, talkative, run, tmp_path
):
    ctranslate2 = pytest.importorskip("ctranslate2")
    transformers = pytest.importorskip("transformers")
    texts = real_sentences(real_data)
    folder = export_ctranslate2(talkative, tmp_path / "fast", overwrite=False, run=run)
    tokenizer = transformers.T5Tokenizer.from_pretrained(folder)
    inputs = [tokenizer.convert_ids_to_tokens(ids) for ids in tokenizer(texts).input_ids]
    found = ctranslate2.Translator(str(folder)).translate_batch(
        inputs, beam_size=1, min_decoding_length=0, max_decoding_length=LENGTH - 1
    )
    ids = [tokenizer.convert_tokens_to_ids(one.hypotheses[0]) for one in found]
    theirs = list(map(as_shown, tokenizer.batch_decode(ids)))
    assert theirs == greedy(talkative, texts)
    assert len(set(theirs)) > 50


def test_a_ctranslate2_folder_has_all_but_the_hugging_face_weights(exported, converted):
    def names(folder):
        return {file.name for file in folder.iterdir()}

    weights = {"model.safetensors", "generation_config.json"}
    its_own = {"model.bin", "shared_vocabulary.json"}
    assert names(converted) == names(exported) - weights | its_own
    assert "library_name: ctranslate2\n" in (converted / "README.md").read_text()


def test_a_ctranslate2_folder_is_not_taken_for_weights(converted):
    with pytest.raises(ValueError, match="fast is a folder of CTranslate2: give the run or"):
        load(str(converted), say=print)


def test_an_int8_folder_is_smaller(talkative, converted, tmp_path):
    export_ctranslate2(talkative, tmp_path / "int8", overwrite=False, quantization="int8")
    small, large = (f / "model.bin" for f in (tmp_path / "int8", converted))
    assert small.stat().st_size < 0.4 * large.stat().st_size


def test_the_folder_tells_its_task_to_whoever_loads_it_here(exported, talkative):
    again = load(str(exported), say=print)
    assert again.task == seqio.get_mixture_or_task("tsa_rest14")
    assert again.facts == json.loads(json.dumps(talkative.facts))
    assert again.config == talkative.config


def test_the_checkpoints_calibration_goes_with_it(talkative, run, tmp_path):
    facts = {"slope": 0.5, "offset": -1.0, "step": 120}
    calibration.write(run, "tsa", facts)
    calibration.write(run, "asa", facts | {"step": 60})
    student = dataclasses.replace(talkative, step=120)
    folder = RunDirectory(export_hf(student, tmp_path / "mine", overwrite=False, run=run))
    assert calibration.read(folder, "tsa", 0, print) == calibration.Calibration(0.5, -1.0)
    assert calibration.read(folder, "asa", 0, print) is None


def test_the_card_says_which_run_it_is_from(exported):
    card = (exported / "README.md").read_text()
    for fact in ("tsa_rest14", "120", "42", "abc"):
        assert fact in card


def test_its_rows_are_those_of_the_embedding(exported, talkative):
    rows, width = talkative.params["token_embedder"]["embedding"].shape
    with safe_open(exported / "model.safetensors", "numpy") as tensors:
        assert tensors.get_tensor("shared.weight").shape == (rows, width)
    assert (exported / "spiece.model").is_file()


def test_a_folder_that_is_not_empty_is_left_alone(exported, student):
    before = (exported / "README.md").read_text()
    with pytest.raises(FileExistsError, match="overwrite"):
        export_hf(student, exported, overwrite=False)
    assert (exported / "README.md").read_text() == before
    export_hf(student, exported, overwrite=True)
    assert "abc" not in (exported / "README.md").read_text()


def test_of_seeds_the_best_on_dev_is_taken(tmp_path):
    for seed, f1 in ((42, 50.0), (52, 61.5), (62, 55.0)):
        run = RunDirectory(tmp_path / "runs" / f"seed_{seed}")
        run.write_manifest({"seed": seed, "best_metric": "f1"})
        checkpoint = run.checkpoint(3)
        (checkpoint / "state" / "d").mkdir(parents=True)
        (checkpoint / "metrics").mkdir()
        (checkpoint / "metrics" / "metrics").write_text(json.dumps({"f1": f1}))
    said = []
    best = best_seed(str(tmp_path / "runs"), said.append)
    assert best == str(tmp_path / "runs" / "seed_52")
    assert said == [f"the best of 3 seeds on dev: {best} (61.50)"]
    assert best_seed(str(tmp_path / "runs" / "seed_42"), said.append).endswith("seed_42")
    assert best_seed("weights/t5-base", said.append) == "weights/t5-base"
    (tmp_path / "runs" / "seed_42" / "checkpoint_3" / "metrics" / "metrics").unlink()
    with pytest.raises(ValueError, match="seed_42 kept no best checkpoint"):
        best_seed(str(tmp_path / "runs"), said.append)

import json
import pathlib

import numpy as np
import pytest
import sentencepiece
import tensorflow_datasets as tfds

REVIEWS = [
    "The wine list is great but the service was slow .",
    "I love the screen ; the battery dies after an hour .",
    "Food was cold and the waiter forgot our drinks !",
    "Sentiment: Positive | negative neutral conflict 0 1 2 3 4 5 6 7 8 9 _",
    "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z jumps over the lazy quick brown fox",
    "A fast laptop with a poor keyboard and a great price .",
]


@pytest.fixture(scope="session")
def vocabulary_file(tmp_path_factory) -> pathlib.Path:
    """A small SentencePiece model, trained on a few sentences."""
    folder = tmp_path_factory.mktemp("vocabulary")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(REVIEWS * 20),
        model_prefix=str(folder / "small"),
        vocab_size=160,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return folder / "small.model"


@pytest.fixture
def data_dir(tmp_path, monkeypatch, vocabulary_file) -> pathlib.Path:
    """An empty data root and a small vocabulary, both named by the environment."""
    root = tmp_path / "data"
    root.mkdir()
    monkeypatch.setenv("FSA_DATA_DIR", str(root))
    monkeypatch.setenv("FSA_VOCABULARY", str(vocabulary_file))
    return root


FEATURES = {
    "review_id": tfds.features.Text(),
    "domain": tfds.features.Text(),
    "teacher": tfds.features.Text(),
    "prompt": tfds.features.Text(),
    "inputs": tfds.features.Text(),
    "targets": tfds.features.Text(),
    "rating": tfds.features.Scalar(dtype=np.float32),
}


def write_corpus(
    root: pathlib.Path,
    teacher: str,
    prompt: str,
    domain: str,
    rows: dict[str, list[tuple[str, str, str]]],
    manifest: dict | None = None,
) -> pathlib.Path:
    """Writes the corpus contract: rows by split, each (review_id, inputs, targets)."""
    folder = root / "understanding" / f"{teacher}_{prompt}_{domain}" / "1.0.0"
    folder.mkdir(parents=True)
    info = tfds.core.DatasetInfo(
        builder=tfds.core.DatasetIdentity(
            name="understanding",
            version=tfds.core.Version("1.0.0"),
            data_dir=str(folder),
            module_name="",
            config_name=f"{teacher}_{prompt}_{domain}",
        ),
        features=tfds.features.FeaturesDict(FEATURES),
    )
    writer = tfds.core.SequentialWriter(info, max_examples_per_shard=1000)
    writer.initialize_splits(list(rows), fail_if_exists=False)
    for split, examples in rows.items():
        writer.add_examples(
            {
                split: [
                    {
                        "review_id": review_id,
                        "domain": domain,
                        "teacher": teacher,
                        "prompt": prompt,
                        "inputs": inputs,
                        "targets": targets,
                        "rating": 3.0,
                    }
                    for review_id, inputs, targets in examples
                ]
            }
        )
    writer.close_all()
    (folder / "manifest.json").write_text(json.dumps(manifest or {}))
    return folder


@pytest.fixture
def corpus_writer():
    return write_corpus


def write_benchmark(root: pathlib.Path, folder: str, **files: list[dict]) -> None:
    """Writes FSA JSON files, with a BOM as the real ones have."""
    path = root / "fsa" / folder
    path.mkdir(parents=True, exist_ok=True)
    for name, items in files.items():
        text = "﻿" + json.dumps(items, indent=1, ensure_ascii=False)
        (path / f"{name}.json").write_text(text, encoding="utf-8")


@pytest.fixture
def benchmark_writer():
    return write_benchmark

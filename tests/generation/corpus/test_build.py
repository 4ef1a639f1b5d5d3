"""Corpora: the TFDS contract, splits, determinism, whole runs, export, stats, and bad input."""

import errno
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import typer.testing
from corpora import make, rows_of

from fsa_jax.opinions.corpus import is_held_out
from generation import foreground
from generation.corpus import build, from_ledgers
from generation.run_folder import RunFolder
from generation.teachers.factory import Choice

CLI = typer.testing.CliRunner()


def digest(root):
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(root))
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_contract(runs, tmp_path):
    import seqio

    outcome = make(runs, tmp_path / "data", shard_bytes=8000)
    assert {name: sum(splits.values()) for name, splits in outcome.splits.items()} == {
        f"lexicon_{prompt}_{domain}": 60
        for prompt in ("anl", "rw")
        for domain in ("restaurant", "laptop")
    }
    config = "lexicon_anl_laptop"
    train, validation = (rows_of(tmp_path / "data", config, s) for s in ("train", "validation"))
    assert len(train) + len(validation) == 60
    assert validation
    for row in train + validation:
        assert set(row) == {
            "review_id",
            "domain",
            "teacher",
            "prompt",
            "inputs",
            "targets",
            "rating",
        }
        assert (row["domain"], row["teacher"], row["prompt"]) == (b"laptop", b"lexicon", b"anl")
        assert row["targets"].startswith(b"Opinion Target 1: ")
        assert row["rating"].dtype == np.float32
    source = seqio.TfdsDataSource(
        f"understanding/{config}:1.0.0", tfds_data_dir=str(tmp_path / "data")
    )
    assert source.num_input_examples("train") == len(train)
    assert len(source.list_shards("train")) > 1
    names = {row["review_id"] for row in source.get_dataset("train").as_numpy_iterator()}
    assert names == {row["review_id"] for row in train}
    manifest = json.loads(
        (tmp_path / "data/understanding" / config / "1.0.0/manifest.json").read_text()
    )
    assert manifest["rows"] == 60
    assert manifest["statuses"] == {"ok": 60}
    assert manifest["splits"] == {"train": len(train), "validation": len(validation)}
    assert set(manifest["ledgers"]) == {f"run/ledger-0000{n}-of-00002.jsonl" for n in (0, 1)}
    assert manifest["runs"]["run"]["spec"]["model"] == "lexicon"
    assert set(manifest["runs"]["run"]["prompts"]) == {"anl", "rw"}
    assert "vocabulary" not in manifest


def test_no_review_is_in_both_splits_of_any_prompt(write_reviews, options, tmp_path):
    task = options(write_reviews(600))
    foreground.generate(Choice(), task, quiet=True)
    make(task.folder, tmp_path / "data", validation_fraction=0.1)
    for domain in ("restaurant", "laptop"):
        held = []
        for prompt in ("anl", "rw"):
            rows = rows_of(tmp_path / "data", f"lexicon_{prompt}_{domain}", "validation")
            held.append({row["review_id"].decode() for row in rows})
        assert held[0] == held[1]
        assert 10 < len(held[0]) < 60
        assert all(is_held_out(name, 0.1) for name in held[0])


def test_bytes_do_not_depend_on_the_order_of_rows(runs, tmp_path):
    make(runs, tmp_path / "a")
    paths = [shard.ledger for shard in RunFolder(runs).shards()]
    before = [path.read_bytes() for path in paths]
    for path in paths:
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[::-1]))
    make(runs, tmp_path / "b")
    first, second = digest(tmp_path / "a"), digest(tmp_path / "b")
    manifests = {name for name in first if name.endswith("manifest.json")}
    assert {n: d for n, d in first.items() if n not in manifests} == {
        n: d for n, d in second.items() if n not in manifests
    }
    for path, content in zip(paths, before, strict=True):
        path.write_bytes(content)
    make(runs, tmp_path / "c")
    assert digest(tmp_path / "c") == first


def test_existing_output_is_refused(runs, tmp_path):
    root = tmp_path / "data"
    (root / "fsa").mkdir(parents=True)
    make(runs, root)
    before = digest(root)
    with pytest.raises(FileExistsError, match="pass --overwrite to replace it"):
        make(runs, root)
    assert digest(root) == before
    make(runs, root, overwrite=True)
    assert digest(root) == before
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is not empty and holds no corpora"):
        make(runs, other)
    assert [item.name for item in other.iterdir()] == ["thesis.txt"]


def test_full_disk_leaves_nothing(runs, tmp_path, monkeypatch):
    from generation.corpus import export, tfds_files

    tfds_files.require_tensorflow()
    import tensorflow as tf

    class Full:
        def __init__(self, path):
            pathlib.Path(path).write_bytes(b"half")

        def write(self, record):
            raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    words = "no space left on the disk; free some and run the same command again"
    with monkeypatch.context() as patch:
        patch.setattr(tf.io, "TFRecordWriter", Full)
        with pytest.raises(OSError, match=f"data: {words}"):
            make(runs, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    output = tmp_path / "data" / "x.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=f"x.jsonl: {words}"):
            export.export(from_ledgers.LedgerReader([runs]), output, 0.02)
    assert list((tmp_path / "data").iterdir()) == []
    make(runs, tmp_path / "data")


def test_vocabulary_goes_into_the_manifest(runs, tmp_path, monkeypatch):
    model = tmp_path / "v.model"
    model.write_bytes(b"model")
    make(runs, tmp_path / "data", vocabulary=model)
    manifest = json.loads(
        (tmp_path / "data/understanding/lexicon_rw_laptop/1.0.0/manifest.json").read_text()
    )
    assert manifest["vocabulary"]["sha256"] == hashlib.sha256(b"model").hexdigest()
    monkeypatch.setenv("FSA_VOCABULARY", str(model))
    assert build.default_vocabulary(None) == model
    monkeypatch.setenv("FSA_VOCABULARY", "gs://somewhere/v.model")
    assert build.default_vocabulary(None) is None
    with pytest.raises(FileNotFoundError, match=r"gone\.model does not exist"):
        make(runs, tmp_path / "data", vocabulary=tmp_path / "gone.model")


@pytest.mark.slow
def test_speed_and_flat_memory(tmp_path, peak_gib):
    """Builds of 20K and 100K rows: rows a second, and memory that does not follow."""
    script = (
        "import sys, json, time, pathlib\nfrom generation.corpus import build, "
        "tfds_files\n"
        "from generation.corpus.examples import Example\n"
        "n = int(sys.argv[1]); tfds_files.require_tensorflow()\n"
        "rows = (Example(f'r{i}', 'laptop', 't', 'rw', 'the food was good ' * 30, 'I liked it ' * "
        "100, 3.0)"
        " for i in range(n))\n"
        "build.build(iter([Example('a', 'laptop', 'w', 'rw', 'x', 'y', 3.0)]), 10,"
        " build.Settings(pathlib.Path(sys.argv[2] + '-warm')), {})\n"
        "t = time.perf_counter()\n"
        "build.build(rows, n * 1700, build.Settings(pathlib.Path(sys.argv[2])), {})\n"
        f"print(json.dumps([n / (time.perf_counter() - t), {peak_gib}]))\n"
    )
    figures = []
    for count in (20_000, 100_000):
        command = [sys.executable, "-c", script, str(count), str(tmp_path / str(count))]
        out = subprocess.run(command, check=True, capture_output=True)
        figures.append(json.loads(out.stdout))
    print(json.dumps({"rows/s": figures[1][0], "GiB": [f[1] for f in figures]}))
    assert figures[1][0] >= 5_000
    assert figures[1][1] - figures[0][1] < 0.25

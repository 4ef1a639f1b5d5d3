"""Corpora: the TFDS contract, splits, determinism, whole runs, export, stats, and bad input."""

import collections
import dataclasses
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

from fsa_jax.opinions.corpus import is_held_out
from generation import commands, foreground, ledger
from generation.corpus import build, from_ledgers, stats
from generation.corpus.examples import Example, Sorter
from generation.run_folder import RunFolder
from generation.teachers.factory import Choice

CLI = typer.testing.CliRunner()


@pytest.fixture
def runs(write_reviews, options):
    """Answers 120 reviews with the lexicon, in two shards; returns the folder."""
    reviews = write_reviews(120)
    for shard in range(2):
        task = options(reviews, shard=shard, shards=2)
        foreground.generate(Choice(), task, quiet=True)
    return task.folder


def make(runs, root, **more):
    reader = from_ledgers.LedgerReader([runs])
    return from_ledgers.build_from_ledgers(reader, build.Settings(root, **more))


def rows_of(root, config, split):
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(root / "understanding" / config / "1.0.0")
    return list(tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False)))


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


def test_examples_are_written_as_tfds_would(tmp_path):
    from generation.corpus import tfds_files

    tfds_files.require_tensorflow()
    import tensorflow as tf
    import tensorflow_datasets as tfds

    example = Example("r\u00e9", "laptop", "t", "rw", "in\n\0", "\U0001f600", 3.7)
    writer = tfds_files.ConfigWriter(tmp_path, "c", 1000)
    row = {name: getattr(example, name) for name in writer.features}
    theirs = tfds.core.example_serializer.ExampleSerializer(
        writer.features.get_serialized_info()
    ).serialize_example(writer.features.encode_example(row))
    ours = tfds_files.serialize(example)
    assert tf.train.Example.FromString(ours) == tf.train.Example.FromString(theirs)
    assert ours == tfds_files.serialize(dataclasses.replace(example))


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


def test_last_row_of_a_key_counts_and_bad_ones_are_told(runs, tmp_path):
    path = RunFolder(runs).shards()[0].ledger
    rows = list(ledger.rows(path))
    with path.open("a") as stream:
        for row in rows[:4]:
            failed = dataclasses.replace(
                row, status="failed", reason="timeout: late", response=None
            )
            stream.write(failed.to_json() + "\n")
        stream.write(dataclasses.replace(rows[4], response="Opinion Target 1: x").to_json() + "\n")
    outcome = make(runs, tmp_path / "data")
    reasons = sum((counts.reasons for counts in outcome.counts.values()), collections.Counter())
    assert reasons == {"failed: timeout": 4}
    assert outcome.superseded == 5
    assert sum(sum(s.values()) for s in outcome.splits.values()) == 236


def test_gaps_and_overlaps_are_refused(runs, tmp_path):
    paths = [shard.ledger for shard in RunFolder(runs).shards()]
    keep = [path.read_bytes() for path in paths]
    paths[1].unlink()
    with pytest.raises(ValueError, match="shard 1/2 is missing; run `fsa generate"):
        make(runs, tmp_path / "data")
    paths[1].write_bytes(keep[1].splitlines(keepends=True)[0])
    with pytest.raises(ValueError, match=r"the ledgers hold \d+ of 240 requests"):
        make(runs, tmp_path / "data")
    paths[1].write_bytes(keep[1] + keep[0].splitlines(keepends=True)[0])
    with pytest.raises(ValueError, match="belongs to another shard; the shards overlap"):
        make(runs, tmp_path / "data")
    paths[1].write_bytes(keep[1])
    summary = runs / "shard-00001-of-00002.json"
    told = json.loads(summary.read_text())
    summary.write_text(json.dumps(told | {"complete": False}))
    with pytest.raises(ValueError, match="shard 1/2 is not finished"):
        make(runs, tmp_path / "data")
    summary.write_text(json.dumps(told | {"reviews_sha256": "other"}))
    with pytest.raises(ValueError, match="the shards differ in reviews_sha256"):
        make(runs, tmp_path / "data")
    assert not (tmp_path / "data").exists() or not any((tmp_path / "data").iterdir())


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


def test_sorter_matches_a_sort_in_memory(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    examples = [
        Example(
            f"r{rng.integers(300)}",
            "laptop",
            "t",
            ("anl", "rw")[rng.integers(2)],
            "in",
            str(n),
            3.0,
        )
        for n in range(1000)
    ]
    last = {(e.config, e.review_id): e for e in examples}
    orders = []
    for size in (10**9, 5_000):
        monkeypatch.setattr("generation.corpus.examples.BUCKET_BYTES", size)
        sorter = Sorter(tmp_path, 60_000)
        sorter.add_all(examples)
        orders.append(list(sorter.sorted()))
        assert sorter.superseded == 1000 - len(last)
        assert not list(tmp_path.iterdir())
    assert sorter.count == 12
    assert orders[0] == orders[1]
    assert sorted(map(dataclasses.astuple, orders[0])) == sorted(
        map(dataclasses.astuple, last.values())
    )


def test_export_without_tensorflow(runs, tmp_path):
    import pyarrow.parquet as pq

    make(runs, tmp_path / "data", validation_fraction=0.2)
    script = (
        "import sys, pathlib\nfrom generation.corpus import export, from_ledgers\n"
        "for name in sys.argv[2:]:\n"
        "    reader = from_ledgers.LedgerReader([pathlib.Path(sys.argv[1])])\n"
        "    export.export(reader, pathlib.Path(name), 0.2)\n"
        "assert not {'tensorflow', 'jax', 'seqio', 'gin', 'tasks'} & set(sys.modules)\n"
    )
    outputs = [str(tmp_path / "x.parquet"), str(tmp_path / "x.jsonl")]
    subprocess.run([sys.executable, "-c", script, str(runs), *outputs], check=True)
    parquet = pq.read_table(outputs[0]).to_pylist()
    with pathlib.Path(outputs[1]).open() as stream:
        assert [json.loads(line) for line in stream] == parquet
    expected = collections.Counter()
    for config in ("lexicon_rw_laptop", "lexicon_anl_laptop"):
        expected["validation"] += len(rows_of(tmp_path / "data", config, "validation"))
    found = collections.Counter(row["split"] for row in parquet if row["domain"] == "laptop")
    assert found["validation"] == expected["validation"]
    assert len(parquet) == 240


def test_export_of_a_few_reviews_splits_as_the_build_does(write_reviews, options, tmp_path):
    from generation.corpus import export

    task = options(write_reviews(4))
    foreground.generate(Choice(), task, quiet=True)
    make(task.folder, tmp_path / "data", validation_fraction=1e-9)
    export.export(from_ledgers.LedgerReader([task.folder]), tmp_path / "x.jsonl", 1e-9)
    rows = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    held = {(r["prompt"], r["domain"], r["review_id"]) for r in rows if r["split"] != "train"}
    built = {
        (prompt, domain, row["review_id"].decode())
        for prompt in ("anl", "rw")
        for domain in ("restaurant", "laptop")
        for row in rows_of(tmp_path / "data", f"lexicon_{prompt}_{domain}", "validation")
    }
    assert held == built
    assert len(held) == 4


def test_stats(runs, tmp_path):
    result = CLI.invoke(commands.corpus, ["stats", str(runs), "--output-dir", str(tmp_path / "s")])
    assert result.exit_code == 0, result.output
    assert "target over 400" in result.output
    assert "0.0%" in result.output
    found = json.loads((tmp_path / "s/stats.json").read_text())
    assert sum(found["rows"].values()) == 240
    assert found["lengths"]["anl"]["texts"] == 120
    levels = found["sentiment_by_stars"]
    bad = {stars: row["negative"] + row["very negative"] for stars, row in levels.items()}
    good = {stars: row["positive"] + row["very positive"] for stars, row in levels.items()}
    assert bad["1"] > good["1"]
    assert good["5"] > bad["5"]
    assert (tmp_path / "s/stats.png").read_bytes().startswith(b"\x89PNG")
    make(runs, tmp_path / "data")
    again = stats.gather(stats.read([tmp_path / "data"]), lambda text: len(text) // 4)
    assert again.summary()["sentiment_by_stars"] == levels


def test_stats_by_hand():
    anl = (
        'Opinion Target 1: "a"\nAspect: b\nSentiment: Very Negative\n\nAspect: c\nSentiment: odd\n'
    )
    examples = [
        Example("1", "laptop", "t", "anl", "in", anl, 4.5),
        Example("2", "laptop", "t", "rw", "in", "x" * 401, 2.0),
        Example(
            "3", "laptop", "t", "rw", "in", "", 2.0, "filtered", "finish_reason: content_filter"
        ),
    ]
    found = stats.gather(iter(examples), len).summary()
    assert found["sentiment_by_stars"] == {
        "5": dict.fromkeys(("negative", "neutral", "positive", "very positive"), 0)
        | {"very negative": 1, "unreadable": 1}
    }
    assert found["lengths"]["rw"]["target_over_400"] == 1.0
    assert found["reasons"] == {"filtered: finish_reason": 1}
    assert found["targets_per_review_mean"] == 2.0


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

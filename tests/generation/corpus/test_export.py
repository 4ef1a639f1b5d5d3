"""Export: JSON lines without TensorFlow, split as the build does."""

import collections
import json
import pathlib
import subprocess
import sys

import typer.testing
from corpora import make, rows_of

from generation import foreground
from generation.corpus import from_ledgers
from generation.teachers.factory import Choice

CLI = typer.testing.CliRunner()


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

"""From ledgers: which row of a key counts, gaps and overlaps of shards."""

import collections
import dataclasses
import json

import pytest
import typer.testing
from corpora import make

from generation import ledger
from generation.run_folder import RunFolder

CLI = typer.testing.CliRunner()


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

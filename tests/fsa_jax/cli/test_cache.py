"""``fsa cache``: what is kept is listed, and what nobody has used for long goes away."""

import os
import sys
import time

import numpy as np
import pytest

from fsa_jax.cli import main
from fsa_jax.data import table_files


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """Three tables, of which one is old, what a builder has left, and a folder of somebody else."""
    monkeypatch.setenv("FSA_CACHE_DIR", str(tmp_path))
    root = tmp_path / "tokens"
    part = (np.array([5, 1], np.uint16), np.array([2], np.int64))
    for name in ("new", "recent", "old"):
        folder = root / name
        with table_files.only_builder(folder, waits=lambda: None):
            chunks = [(0, {"inputs": part, "targets": part})]
            table_files.write_table(folder, {"name": name}, ["task"], chunks)
    for name, days in (("recent", 10), ("old", 40)):
        then = time.time() - 86400 * days
        os.utime(root / name / table_files.HEADER, (then, then))
    (root / "mine").mkdir()
    (root / ".old2.123.partial").mkdir()
    os.utime(root / ".old2.123.partial", (0, 0))
    return root


def run(capsys, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["fsa", "cache", *words])
    with pytest.raises(SystemExit) as end:
        main.fsa_main()
    assert not end.value.code
    return capsys.readouterr().out


def folders(root):
    return sorted(path.name for path in root.iterdir() if path.is_dir())


def test_tables_are_listed_with_their_sizes(tables, capsys, monkeypatch):
    out = run(capsys, monkeypatch, "list")
    assert [out.index(name) for name in ("new", "recent", "old")] == sorted(
        out.index(name) for name in ("new", "recent", "old")
    )
    assert "mine" not in out
    assert "4 tables, " in out
    monkeypatch.setenv("FSA_CACHE_DIR", str(tables / "mine"))
    assert run(capsys, monkeypatch, "list") == f"{tables / 'mine' / 'tokens'} holds no tokens\n"


def test_what_was_not_used_for_long_is_removed_and_nothing_else(tables, capsys, monkeypatch):
    everything = folders(tables)
    assert "would be removed: 2 of 4 tables" in run(capsys, monkeypatch, "clean", "--dry-run")
    assert folders(tables) == everything
    assert "removed: 2 of 4 tables" in run(capsys, monkeypatch, "clean")
    assert folders(tables) == ["mine", "new", "recent"]
    assert not (tables / ".old.lock").exists()
    run(capsys, monkeypatch, "clean", "--unused-days", "0")
    assert folders(tables) == ["mine"]


def test_a_table_that_is_read_counts_as_used(tables, capsys, monkeypatch):
    assert table_files.open_table(tables / "old", {"name": "old"})
    run(capsys, monkeypatch, "clean")
    assert folders(tables) == ["mine", "new", "old", "recent"]

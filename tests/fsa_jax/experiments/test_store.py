"""The store: a cell has one value, writers take turns, other versions are refused."""

import csv
import dataclasses
import sqlite3
import subprocess
import sys

import pyarrow.parquet
import pytest

from fsa_jax.experiments.store import COLUMNS, Result, Store

ROW = Result(
    "table4",
    "T5-base",
    "tsa_rest14",
    "test",
    "all",
    42,
    "f1",
    67.33,
    "runs/a",
    300,
    "key",
    "data",
    "0.1+abc",
    "2026-01-01T00:00:00+00:00",
)


def test_rows_come_back_and_the_same_row_twice_is_one(tmp_path):
    store = Store(tmp_path / "results.sqlite")
    later = dataclasses.replace(ROW, recorded="2026-02-01T00:00:00+00:00")
    other = dataclasses.replace(ROW, seed=52, value=68.0)
    store.write([ROW, other])
    store.write([later])
    assert store.read("table4") == [ROW, other]
    assert store.read("table5") == []
    assert store.has("table4", "T5-base", "tsa_rest14", ("key", "data", "0.1+abc"))
    for origin in (("key", "data", "0.2"), ("key", "others", "0.1+abc"), ("x", "data", "0.1+abc")):
        assert not store.has("table4", "T5-base", "tsa_rest14", origin)


def test_second_writer_of_a_cell_is_refused_and_writes_nothing(tmp_path):
    store = Store(tmp_path / "results.sqlite")
    store.write([ROW])
    with pytest.raises(ValueError, match=r"two writers .*T5-base.*runs/a wrote 67.33.*runs/b"):
        store.write(
            [
                dataclasses.replace(ROW, seed=62),
                dataclasses.replace(ROW, value=60.0, run_folder="runs/b"),
            ]
        )
    assert store.read() == [ROW]
    store.write([dataclasses.replace(ROW, value=60.0, code_version="0.2+def")])
    assert len(store.read()) == 2


# A process of its own, which waits until all are there: the first to come make the file together.
WRITER = """
import dataclasses, pathlib, sys, time
from fsa_jax.experiments.store import Result, Store

path, writer, others = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
(path.parent / f"ready.{writer}").touch()
while len(list(path.parent.glob("ready.*"))) < others:
    time.sleep(0.001)
system = f"system {writer}"
row = Result("t", system, "k", "test", "all", 0, "f1", 1.0, "r", 1, "c", "d", "v", "2026")
store = Store(path)
for first in range(0, 200, 5):
    store.write([dataclasses.replace(row, seed=first + number) for number in range(5)])
"""


def test_parallel_writers_lose_nothing(tmp_path):
    path, count = tmp_path / "results.sqlite", 4
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, str(number), str(count)])
        for number in range(count)
    ]
    assert [writer.wait() for writer in writers] == [0] * count
    assert len(Store(path).read()) == count * 200


def test_other_versions_and_other_files_are_refused(tmp_path):
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE results (system TEXT)")
    connection.close()
    with pytest.raises(ValueError, match="store of version 0, this program writes version 1"):
        Store(path)
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(ValueError, match="is no results store"):
        Store(tmp_path / "text")


def test_export_is_read_in_one_line(tmp_path):
    store = Store(tmp_path / "results.sqlite")
    store.write([ROW])
    parquet, table = store.export(tmp_path)
    assert pyarrow.parquet.read_table(parquet).to_pylist() == [dataclasses.asdict(ROW)]
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert float(rows[0]["value"]) == 67.33

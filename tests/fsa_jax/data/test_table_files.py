"""A table on disk is whole or is not there, whatever happens to those who write it."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from fsa_jax.data import table_files
from fsa_jax.data.table_files import CannotKeepError, only_builder, open_table, write_table
from fsa_jax.data.token_table import collect

ROOT = pathlib.Path(__file__).parents[3]
FACTS = {"split": "train", "tasks": [{"name": "one"}]}
NAMES = ["one", "two"]


def chunk(*examples, dtype=np.uint16):
    ids = np.array([token for example in examples for token in example], dtype)
    sizes = np.array([len(example) for example in examples], np.int64)
    return {"inputs": (ids, sizes), "targets": (ids[::-1], sizes[::-1])}


CHUNKS = [(0, chunk([5, 6, 1], [7, 1])), (1, chunk([8, 1]))]


def kept(folder, chunks=CHUNKS):
    with only_builder(folder, waits=lambda: pytest.fail("nobody else builds")):
        return write_table(folder, FACTS, NAMES, chunks)


@pytest.mark.parametrize(
    "more",
    [[], [(1, chunk([70_000, 1], dtype=np.int32)), (1, chunk([9, 1]))], [(1, chunk([]))]],
    ids=["narrow", "wide", "empty"],
)
def test_a_table_comes_back_as_it_was_put_together(tmp_path, more):
    in_memory = collect(NAMES, [*CHUNKS, *more])
    on_disk = kept(tmp_path / "made" / "table", [*CHUNKS, *more])
    for f in ("inputs", "targets"):
        for found, right in (
            (on_disk.tokens, in_memory.tokens),
            (on_disk.offsets, in_memory.offsets),
        ):
            assert found[f].dtype == right[f].dtype
            assert found[f].tolist() == right[f].tolist()
    assert on_disk.components == in_memory.components
    assert on_disk.known_fingerprint == in_memory.fingerprint


def test_tokens_are_mapped_and_not_read(tmp_path):
    tokens = kept(tmp_path / "table").tokens["inputs"]
    assert isinstance(tokens.base, np.memmap)
    assert not tokens.flags.writeable


def cut(folder):
    path = folder / "targets.tokens"
    path.write_bytes(path.read_bytes()[:-1])


def shift(folder):
    offsets = np.fromfile(folder / "inputs.offsets", np.int64)
    (offsets + 1).tofile(folder / "inputs.offsets")


def tear(folder):
    path = folder / table_files.HEADER
    path.write_text(path.read_text()[:40])


def of_another(folder):
    path = folder / table_files.HEADER
    path.write_text(json.dumps(json.loads(path.read_text()) | {"facts": {}}))


def lose(folder):
    (folder / "inputs.tokens").unlink()


@pytest.mark.parametrize("harm", [cut, shift, tear, of_another, lose])
def test_a_damaged_or_foreign_table_is_told_and_replaced(tmp_path, harm):
    folder = tmp_path / "table"
    kept(folder)
    harm(folder)
    assert open_table(folder, FACTS) is None
    assert kept(folder).tokens["inputs"].tolist() == [5, 6, 1, 7, 1, 8, 1]


def test_a_failing_source_leaves_nothing(tmp_path):
    def fails():
        yield CHUNKS[0]
        raise FileNotFoundError("no such corpus")

    with pytest.raises(FileNotFoundError, match="no such corpus"):
        kept(tmp_path / "table", fails())
    assert [path.name for path in tmp_path.iterdir()] == [".table.lock"]


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotKeepError, match=r"file/tokens: Not a directory"):
        kept(tmp_path / "file" / "tokens" / "table")


BUILDER = """
    import pathlib, sys, time
    sys.path.insert(0, sys.argv[2])
    from test_table_files import CHUNKS, FACTS, NAMES
    from fsa_jax.data.table_files import only_builder, open_table, write_table

    folder, hold = pathlib.Path(sys.argv[1]), sys.argv[3]

    def slowly():
        yield CHUNKS[0]
        print("building", flush=True)
        time.sleep(float(hold))
        yield CHUNKS[1]

    with only_builder(folder, lambda: print("waits", flush=True)):
        if open_table(folder, FACTS) is None:
            write_table(folder, FACTS, NAMES, slowly())
        else:
            print("read", flush=True)
"""


def start_builder(folder, hold):
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(BUILDER),
            folder,
            pathlib.Path(__file__).parent,
            hold,
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_builder_leaves_no_table_and_the_next_one_builds(tmp_path):
    folder = tmp_path / "table"
    with start_builder(folder, "60") as builder:
        assert builder.stdout.readline() == "building\n"
        assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".partial")]
        builder.send_signal(signal.SIGKILL)
        builder.wait()
    assert open_table(folder, FACTS) is None
    assert len(kept(folder)) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [".table.lock", "table"]


def test_of_two_builders_one_waits_and_reads(tmp_path):
    folder = tmp_path / "table"
    with start_builder(folder, "3") as first:
        assert first.stdout.readline() == "building\n"
        with start_builder(folder, "0") as second:
            assert second.stdout.read() == "waits\nread\n"
        assert first.wait() == 0
    assert len(open_table(folder, FACTS)) == 3


def test_who_waits_for_a_killed_builder_builds(tmp_path):
    folder = tmp_path / "table"
    with start_builder(folder, "60") as first:
        assert first.stdout.readline() == "building\n"
        with start_builder(folder, "0") as second:
            assert second.stdout.readline() == "waits\n"
            first.kill()
            assert second.stdout.read() == "building\n"
    assert len(open_table(folder, FACTS)) == 3

"""Files appear whole or not at all, and bad lines name their place."""

import errno
import os

import pytest
from etils import epath

from fsa_jax.runtime import files


def test_a_file_is_there_when_it_is_finished(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with files.atomic_file(path) as stream:
        stream.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    files.write_text(path, "zwei ≥\n")
    assert path.read_text("utf-8") == "zwei ≥\n"
    files.write_json(str(path), {"é": [1]})
    assert path.read_text("utf-8") == '{\n  "é": [\n    1\n  ]\n}\n'
    assert os.listdir(path.parent) == ["a.txt"]
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def half(error):
        with files.atomic_file(path) as stream:
            stream.write(b"new")
            raise error

    with pytest.raises(KeyboardInterrupt):
        half(KeyboardInterrupt)
    with pytest.raises(OSError, match=r"a\.txt: no space left on the disk; free some"):
        half(OSError(errno.ENOSPC, "No space left"))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_files_of_a_bucket_are_written_alike(tmp_path, monkeypatch):
    """Through `epath`, with a folder in the bucket's place."""
    monkeypatch.setattr(epath, "Path", lambda name: bucket / name.removeprefix("gs://bucket/"))
    bucket = type(epath.gpath.PosixGPath())(tmp_path)
    files.write_text("gs://bucket/run/status.json", "{}\n")
    assert os.listdir(tmp_path / "run") == ["status.json"]

    def half():
        with files.atomic_file("gs://bucket/run/status.json") as stream:
            stream.write(b"{")
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        half()
    assert (tmp_path / "run" / "status.json").read_text() == "{}\n"
    assert os.listdir(tmp_path / "run") == ["status.json"]


def test_a_folder_takes_the_place_of_an_older_one(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old").touch()
    with files.atomic_folder(tmp_path, "made") as work:
        (work / "made").mkdir()
        (work / "made" / "new").touch()
        files.replace_folder(work / "made", tmp_path / "made")
    assert os.listdir(tmp_path) == ["made"]
    assert os.listdir(tmp_path / "made") == ["new"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"[1]", "a JSON list where an object was expected"),
        (b'{"a": 1', "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_bad_lines_name_their_place(tmp_path, line, words):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n\n' + line + b"\n")
    with pytest.raises(ValueError, match=rf"rows\.jsonl, line 3: .*{words}"):
        list(files.json_lines(path))


def test_sizes_are_told_in_the_unit_that_fits():
    sizes = (0, 1023, 1536, 3 << 20, 5 << 30, 7 << 40, 9000 << 40)
    shown = ["0 B", "1023 B", "1.5 KiB", "3.0 MiB", "5.0 GiB", "7.0 TiB", "9000.0 TiB"]
    assert [files.sized(size) for size in sizes] == shown


def test_a_fingerprint_tells_another_name_size_time_or_beginning(tmp_path):
    def found(name, content, time):
        path = tmp_path / name
        path.write_bytes(content)
        os.utime(path, ns=(time, time))
        return files.fingerprint([path])

    seen = [found(*file) for file in [("a", b"x", 1), ("b", b"x", 1), ("a", b"xy", 1)]]
    seen += [found("a", b"x", 2), found("a", b"y", 1)]
    assert len(set(seen)) == 5
    assert found("a", b"x", 1) == seen[0]

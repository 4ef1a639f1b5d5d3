"""One owner of a run folder's names: reading back, half-written files, foreign folders."""

import errno
import json
import os
import re
import unittest.mock

import pytest

import generation
from generation import foreground
from generation.corpus import from_ledgers
from generation.run_folder import RunFolder
from generation.teachers.factory import Choice


@pytest.fixture
def task(write_reviews, options):
    """A finished run."""
    task = options(write_reviews(4))
    foreground.generate(Choice(), task, quiet=True)
    return task


def test_what_a_run_writes_is_read_back(task):
    folder = RunFolder(task.folder)
    (shard,) = folder.shards()
    assert shard == task.files == folder.shard(0, 1)
    assert set(shard.statuses().values()) == {"ok"}
    assert shard.read_summary()["complete"] is True
    facts = folder.facts()
    assert (facts["spec"]["teacher"], facts["shards"]) == ("lexicon", 1)
    assert sorted(facts["prompts"]) == ["anl", "rw"]


@pytest.mark.parametrize("content", [b"", b'{"spec": {"teac', b"[]", b'{"kind": "run"}', b"\xff"])
def test_a_broken_run_json_is_one_line_and_can_be_mended(task, content):
    path = task.folder / "run.json"
    whole = path.read_bytes()
    path.write_bytes(content)
    for use in (
        lambda: foreground.generate(Choice(), task, quiet=True),
        lambda: from_ledgers.LedgerReader([task.folder]),
    ):
        with pytest.raises(ValueError, match=r"run\.json.*; remove it, and run") as caught:
            use()
        assert "\n" not in str(caught.value)
    path.unlink()  # as the message says
    assert foreground.generate(Choice(), task, quiet=True).kept == 8
    assert path.read_bytes() == whole


def test_a_broken_run_json_without_answers_binds_nobody(write_reviews, options):
    task = options(write_reviews(2))
    task.folder.mkdir()
    (task.folder / "run.json").write_text('{"spec"')
    assert foreground.generate(Choice(), task, quiet=True).written == 4
    assert RunFolder(task.folder).facts()["shards"] == 1


@pytest.mark.parametrize("content", ["", '{"shard": 0, "compl', '{"complete": true}'])
def test_a_broken_summary_is_one_line_and_the_run_mends_it(task, content):
    task.files.summary.write_text(content)
    with pytest.raises(ValueError, match=r"shard-00000-of-00001\.json.*--shard 0/1` again"):
        from_ledgers.check_whole(task.folder)
    foreground.generate(Choice(), task, quiet=True)
    assert from_ledgers.check_whole(task.folder)[1] == 8


def test_folders_of_other_programs(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        RunFolder(tmp_path / "gone").shards()
    (tmp_path / "checkpoint_9").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no ledger"):
        RunFolder(tmp_path).shards()
    for count in (1, 3):
        RunFolder(tmp_path).shard(0, count).ledger.touch()
    with pytest.raises(ValueError, match="in 1 and 3 shards; keep one run"):
        RunFolder(tmp_path).shards()


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_asked(
    serve, write_reviews, options, choice, tmp_path, monkeypatch
):
    server = serve()
    (tmp_path / "file").write_text("x")
    for folder in ("file", "file/below"):
        task = options(write_reviews(2), folder)
        with pytest.raises(OSError, match=r"--output-dir .*file.* cannot be written \("):
            foreground.generate(choice(server), task, quiet=True)
    # Root may write anywhere, so a file system that is read-only is played.
    refused = OSError(errno.EROFS, "Read-only file system")
    monkeypatch.setattr("tempfile.TemporaryFile", unittest.mock.Mock(side_effect=refused))
    with pytest.raises(OSError, match=r"cannot be written \(Read-only file system\)"):
        foreground.generate(choice(server), options(write_reviews(2), "shut"), quiet=True)
    assert server.counts()["asked"] == {}


def test_an_output_that_is_in_the_way(tmp_path):
    folder = RunFolder(tmp_path)
    folder.prepare(folder.predictions("tsa_rest14"))
    folder.predictions("tsa_rest14").mkdir()
    with pytest.raises(FileExistsError, match=r"tsa_rest14-predictions\.jsonl is in the way"):
        folder.prepare(folder.predictions("tsa_rest14"))


def test_nobody_else_spells_the_names():
    names = re.compile(r"""["'/](run\.json|ledger-|shard-[{0]|shard-["'])""")
    root = os.path.dirname(generation.__file__)
    found = []
    for folder, _, files in os.walk(root):
        for name in files:
            if name.endswith(".py") and name != "run_folder.py":
                with open(os.path.join(folder, name), encoding="utf-8") as stream:
                    found += [(name, hit) for hit in names.findall(stream.read())]
    assert found == []
    assert json.dumps(names.findall(' "run.json" "ledger-" ')) == '["run.json", "ledger-"]'

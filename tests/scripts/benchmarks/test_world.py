"""The benchmarks' data: real where they are named, made up elsewhere."""

import os
import pathlib

import pytest


@pytest.fixture
def world(monkeypatch):
    """The module, with commands noted in ``asked`` and not run."""
    monkeypatch.syspath_prepend(pathlib.Path(__file__).parents[3])
    from scripts.benchmarks import world

    for name in ("FSA_DATA_DIR", "FSA_VOCABULARY", "FSA_TEST_DATA"):
        monkeypatch.setenv(name, "before")  # undone at the end, whatever `enter` sets
    monkeypatch.delenv("FSA_TEST_DATA")
    world.asked = []
    monkeypatch.setattr(world, "_fsa", lambda *words: world.asked.append(words))
    return world


def test_the_sample_world_is_written_answered_and_built(world, tmp_path):
    made = world.make_world(tmp_path)
    assert (made.teacher, made.root) == ("lexicon", tmp_path / "data")
    assert [words[:2] for words in world.asked] == [
        ("sample", "--output-dir"),
        ("generate", "--teacher"),
        ("corpus", "build"),
    ]
    assert os.environ["FSA_DATA_DIR"] == str(made.root)
    assert os.environ["FSA_VOCABULARY"] == str(tmp_path / "data" / "vocabulary.model")


def test_real_files_are_imported_and_linked_also_a_second_time(world, tmp_path, monkeypatch):
    real = tmp_path / "real"
    (real / "fsa").mkdir(parents=True)
    monkeypatch.setenv("FSA_TEST_DATA", str(real))
    (tmp_path / "data").mkdir()
    for _ in range(2):
        made = world.make_world(tmp_path)
    assert made.teacher == "mixtral_8x7b"
    assert (made.root / "fsa").samefile(real / "fsa")
    assert {words[:2] for words in world.asked} == {("corpus", "import")}
    assert world.asked[0][2].startswith(str(real))
    assert os.environ["FSA_VOCABULARY"] == str(real / "t5_vocab" / "spiece.model")

"""Gin files are found where users and the project keep them, and read without being run."""

import pathlib

import pytest

from fsa_jax.cli import gin_files

OWN = gin_files.gin_folder()


def macros(tmp_path, text, *bindings):
    path = tmp_path / "mine.gin"
    path.write_text(text)
    return gin_files.Macros([path], bindings, [OWN])


def test_the_projects_folder_holds_its_experiments():
    assert (OWN / "distill_anl_rw.gin").is_file()
    assert gin_files.find_file("models/tiny.gin", [OWN]) == OWN / "models/tiny.gin"


def test_the_users_file_goes_before_the_projects(tmp_path, monkeypatch):
    (tmp_path / "finetune.gin").write_text("")
    monkeypatch.chdir(tmp_path)
    assert gin_files.find_file("finetune.gin", [OWN]) == tmp_path / "finetune.gin"
    folders = gin_files.search_folders([str(tmp_path), "gin", "gin/models"])
    assert folders == [tmp_path, OWN, OWN / "models"]
    with pytest.raises(FileNotFoundError, match=r"--gin_search_paths: nowhere is no folder"):
        gin_files.search_folders(["nowhere"])


def test_a_missing_file_names_the_near_ones_of_all_folders(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/distill_own.gin").write_text("")
    with pytest.raises(FileNotFoundError, match=r"did you mean sub/distill_own\.gin"):
        gin_files.find_file("sub/distil_own.gin", [tmp_path, OWN])


def test_later_settings_win_and_know_their_source(tmp_path):
    found = macros(tmp_path, "include 'models/tiny.gin'\nEMB_DIM = 64\nX = None\n", "EMB_DIM = 32")
    setting = found.settings["EMB_DIM"]
    assert (setting.value, setting.source) == (32, gin_files.COMMAND_LINE)
    assert found.settings["NUM_HEADS"].source == str(OWN / "models/tiny.gin")
    assert found.settings["NUM_HEADS"].rank < setting.rank
    assert found.given("EMB_DIM")
    assert not found.given("X")
    assert not found.given("Y")
    assert "EMB_DIM" in found.declared
    assert "X" not in found.declared


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("include 'models/tiny.gin'\nEMB_DIMS = 4\n", "nothing reads the macro EMB_DIMS; did you"),
        ("A = %gin.REQUIRED\nf.x = %A\n", "A is not set: give --gin.A="),
        ("WIDTH = 4\nf.x = %WIDHT\nf.y = %WIDTH\n", "WIDHT is read but never set; did you mean WI"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_runs(tmp_path, text, message):
    found = macros(tmp_path, text)
    with pytest.raises(ValueError, match=message):
        found.check()


def test_what_is_no_gin_names_file_and_line(tmp_path):
    with pytest.raises(ValueError, match=r"gin: .*mine\.gin:2: "):
        macros(tmp_path, "A = 1\nB = = 2\n")
    with pytest.raises(ValueError, match=f"gin: {gin_files.COMMAND_LINE}: "):
        macros(tmp_path, "A = 1\n", "B = = 2")
    with pytest.raises(FileNotFoundError, match=r"models/tny\.gin"):
        macros(tmp_path, "include 'models/tny.gin'\n")


def test_copies_include_each_other_by_absolute_paths(tmp_path):
    (tmp_path / "inner.gin").write_text("A = 1\n")
    outer = tmp_path / "outer.gin"
    outer.write_text("# what it is\ninclude 'inner.gin'\nB = %A\n")
    copies = gin_files.Copies(tmp_path / "copies", [tmp_path])
    written = pathlib.Path(copies.write(outer))
    first, include, last = written.read_text().splitlines()
    assert (first, last) == ("# what it is", "B = %A")
    inner = include.removeprefix("include '").removesuffix("'")
    assert pathlib.Path(inner).read_text() == "A = 1\n"
    assert copies.originals == {str(written): str(outer), inner: str(tmp_path / "inner.gin")}
    assert copies.write(outer) == str(written)  # named by its content
    outer.write_text("B = 2\n")
    assert copies.write(outer) != str(written)

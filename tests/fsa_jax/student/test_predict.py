"""Own text: row n of the answers is line n of the input, and nothing is decoded in vain."""

import io
import os
import sys
from types import SimpleNamespace

import pytest

import tasks  # noqa: F401 - registers them
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.student.predict import open_place, predict, predict_lines, read_lines

DECODING = DecodingConfig(max_length=6, batch_size=4)


def test_each_line_has_its_answer_the_empty_ones_too(student):
    lines = ["", "The wine list is great .", "", "A fast laptop .", "Food was cold", "", ""]
    rows = predict_lines(student, lines, DECODING)
    assert [row["line"] for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [row["text"] for row in rows] == lines
    for row in rows:
        if row["text"]:
            (alone,) = predict(student, [row["text"]], DECODING)
            assert row == {"line": row["line"], **alone}
        else:
            assert (row["raw"], row["parsed"]) == ("", [])


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("a\n\nb\n", ["a", "", "b"]),
        ("\n \t\na", ["", "", "a"]),
        ("\ufeffa\r\n\r\nb\r\n", ["a", "", "b"]),  # Windows
        ("one\u2028line\x0bis\x85one\nb", ["one\u2028line\x0bis\x85one", "b"]),
        ("a\n\n\n", ["a", "", ""]),
    ],
)
def test_lines_are_counted_as_an_editor_counts_them(tmp_path, monkeypatch, content, lines):
    (tmp_path / "x.txt").write_bytes(content.encode())
    assert read_lines(str(tmp_path / "x.txt")) == lines
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content.encode())))
    assert read_lines("-") == lines
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_lines("~/x.txt") == lines


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.txt holds no text"),
        (b" \n\r\n", "x.txt holds no text"),
        ("a\nb\nc caf\xe9\n".encode("latin-1"), "x.txt, line 3: not UTF-8"),
        ("a".encode("utf-16"), "x.txt, line 1: not UTF-8"),
    ],
)
def test_files_without_usable_text_are_refused(tmp_path, content, message):
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_lines(str(tmp_path / "x.txt"))


def test_the_place_of_the_answers_is_made_before_they_are(tmp_path, monkeypatch):
    path = open_place(str(tmp_path / "new" / "deep" / "p.jsonl"))
    assert list(path.parent.iterdir()) == []
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_place("~/p.jsonl") == tmp_path / "p.jsonl"


@pytest.mark.parametrize("place", ["folder", "file/p.jsonl", "file/deep/p.jsonl", "locked/p.jsonl"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked").chmod(0o500)
    if place.startswith("locked") and os.access(tmp_path / "locked", os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(OSError, match=f"--output {tmp_path / place} ") as caught:
        open_place(str(tmp_path / place))
    assert "\n" not in str(caught.value)

"""Texts of every format come in, the same rows go out, also after a kill."""

import csv
import io
import json
import os
import sys
from types import SimpleNamespace

import pyarrow
import pyarrow.parquet
import pytest

from fsa_jax.student import tables
from fsa_jax.student.tables import Answers, format_of, opened

ROWS = [
    {"id": "1", "text": "Fine soup, nice\nwaiter", "stars": "4"},
    {"id": "2", "text": "", "stars": "1"},
    {"id": "3", "text": 'He said "no"; \u2028 odd café', "stars": "2"},
]


def write(path, rows):
    """Writes rows in the format of the file's name."""
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as out:
            separator = "\t" if path.suffix == ".tsv" else ","
            table = csv.DictWriter(out, list(rows[0]), delimiter=separator)
            table.writeheader()
            table.writerows(rows)
    return str(path)


def read(inputs, *args):
    with opened(inputs, *args) as texts:
        rows = list(texts.rows())
        assert texts.count == len(rows)
        return rows


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_table_gives_its_rows_with_all_columns(tmp_path, ending):
    assert read(write(tmp_path / f"x{ending}", ROWS)) == ROWS


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
    wanted = [{"line": i, "text": line} for i, line in enumerate(lines, 1)]
    assert read(str(tmp_path / "x.txt")) == wanted
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content.encode())))
    assert read("-") == wanted
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read("~/x.txt") == wanted


def test_a_table_may_come_from_standard_input(monkeypatch):
    content = b"review,stars\nFine,4\n"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert read("-", "review", "csv") == [{"review": "Fine", "stars": "4"}]


def test_the_only_column_is_the_one(tmp_path):
    (tmp_path / "x.csv").write_text("review\nFine\n")
    assert read(str(tmp_path / "x.csv")) == [{"review": "Fine"}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.txt", b"", "x.txt holds no text"),
        ("x.txt", b" \n\r\n", "x.txt holds no text: write one text a line"),
        ("x.txt", "a\nb\nc caf\xe9\n".encode("latin-1"), "x.txt, line 3: not UTF-8"),
        ("x.txt", "a".encode("utf-16"), "x.txt, line 1: not UTF-8"),
        ("x.csv", b"id,txt\n1,a\n", r"no column 'text' .*; did you mean txt\?; it has 'id', 'txt'"),
        ("x.csv", b"text,text\na,b\n", "line 1: a column's name stands there twice"),
        ("x.csv", b"id,text\n1,a\n2\n", "x.csv, line 3: 1 columns where the header has 2"),
        ("x.csv", b"id,text\n1,\n", "x.csv holds no text in its column 'text'"),
        ("x.csv", b"id,text\n", "x.csv holds no text: it has no rows"),
        ("x.jsonl", b'{"text": "a"}\n{"text": \n', "x.jsonl, line 2: not JSON"),
        ("x.jsonl", b'{"text": "a"}\n{"text": 3}\n', "x.jsonl, line 2: text is 3, a text is"),
        ("x.parquet", b"PAR", "x.parquet is no Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_before_any_answer(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_a_row_without_the_text_counts_as_blank(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"text": null, "id": 1}\n{"id": 2, "text": "b"}\n')
    assert [row["text"] for row in read(str(tmp_path / "x.jsonl"))] == ["", "b"]


def test_formats_are_told_by_the_ending():
    assert format_of("a.CSV") == "csv"
    assert format_of("a") == "text"
    assert format_of("a.csv", "jsonl") == "jsonl"
    with pytest.raises(ValueError, match="--format xls: it is one of"):
        format_of("a", "xls")


ANSWERS = [
    row | {"opinions": [{"target": "soup", "start": i or None}] * i, "raw": "x"}
    for i, row in enumerate(ROWS)
]


def finished(path, chunks, made_of=None):
    answers = Answers(str(path), made_of or {"a": 1})
    rows = [row for chunk in chunks for row in chunk][answers.done :]
    if rows:
        answers.write(rows)
    answers.finish()
    assert {p.name for p in path.parent.iterdir()} == {path.name}
    return path


def test_answers_are_written_in_the_format_of_the_name(tmp_path):
    for ending in ("jsonl", "csv", "tsv", "parquet"):
        path = finished(tmp_path / ending / f"o.{ending}", [ANSWERS])
        if ending == "parquet":
            rows = pyarrow.parquet.read_table(path).to_pylist()
        elif ending == "jsonl":
            rows = [json.loads(line) for line in path.read_text().split("\n")[:-1]]
        else:
            with path.open(newline="") as lines:
                rows = list(csv.DictReader(lines, delimiter="\t" if ending == "tsv" else ","))
            rows = [row | {"opinions": json.loads(row["opinions"])} for row in rows]
        assert rows == ANSWERS


def test_columns_that_come_late_have_their_types_and_places(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_PARQUET_ROWS", 1)
    rows = [{"a": None, "opinions": []}, {"a": 1.5, "opinions": [{"x": 1}]}, {"b": "late"}]
    found = pyarrow.parquet.read_table(finished(tmp_path / "p" / "o.parquet", [rows])).to_pylist()
    assert found == [
        {"a": None, "opinions": [], "b": None},
        {"a": 1.5, "opinions": [{"x": 1}], "b": None},
        {"a": None, "opinions": None, "b": "late"},
    ]
    with finished(tmp_path / "c" / "o.csv", [rows]).open(newline="") as lines:
        assert [row["b"] for row in csv.DictReader(lines)] == ["", "", "late"]


def test_a_run_that_was_killed_goes_on_behind_its_last_whole_chunk(tmp_path):
    whole = finished(tmp_path / "whole" / "o.csv", [ANSWERS]).read_bytes()
    path = tmp_path / "killed" / "o.csv"
    first = Answers(str(path), {"a": 1})
    first.write(ANSWERS[:2])
    with (path.parent / ".o.csv.part").open("ab") as part:
        part.write(b'{"id": "3", "te')  # the chunk that the kill has torn
    assert not path.exists()
    again = Answers(str(path), {"a": 1})
    assert again.done == 2
    again.write(ANSWERS[2:])
    again.finish()
    assert path.read_bytes() == whole


@pytest.mark.parametrize("damage", ["made of something else", "no note", "a torn note", "no part"])
def test_a_part_of_something_else_is_begun_anew(tmp_path, damage):
    path = tmp_path / "o.jsonl"
    Answers(str(path), {"a": 1}).write(ANSWERS)
    if damage == "no note":
        (tmp_path / ".o.jsonl.part.json").unlink()
    if damage == "a torn note":
        (tmp_path / ".o.jsonl.part.json").write_text('{"key": ')
    if damage == "no part":
        (tmp_path / ".o.jsonl.part").unlink()
    made_of = {"a": 2} if damage == "made of something else" else {"a": 1}
    again = Answers(str(path), made_of)
    assert again.done == 0
    again.write(ANSWERS[:1])
    again.finish()
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize("place", ["folder", "file/p.jsonl", "file/deep/p.jsonl", "locked/p.jsonl"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked").chmod(0o500)
    if place.startswith("locked") and os.access(tmp_path / "locked", os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(OSError, match=f"--output {tmp_path / place} ") as caught:
        Answers(str(tmp_path / place), {})
    assert "\n" not in str(caught.value)

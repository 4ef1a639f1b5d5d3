"""Rows survive a kill, and files of other programs are told."""

import json

import numpy as np
import pytest
from etils import epath

from fsa_jax.runtime import row_files


@pytest.fixture
def path(tmp_path):
    return epath.Path(tmp_path) / "folder" / "rows.jsonl"


def test_rows_are_on_disk_at_once(path):
    rows = row_files.JsonLines(path)
    rows.write({"step": 1})
    assert path.read_text() == '{"step": 1}\n'
    rows.close()


def test_a_torn_line_is_passed_over_and_taken_off(path):
    path.parent.mkdir()
    path.write_text('{"step": 1}\n{"ste')
    assert list(row_files.read_rows(path, "step")) == [{"step": 1}]
    rows = row_files.JsonLines(path)
    rows.write({"step": 2})
    rows.close()
    assert [row["step"] for row in row_files.read_rows(path, "step")] == [1, 2]


def test_a_torn_file_may_hold_half_a_letter(path):
    path.parent.mkdir()
    path.write_bytes('{"text": "a"}\n{"text": "é'.encode()[:-1])
    rows = row_files.JsonLines(path)
    rows.close()
    assert path.read_text() == '{"text": "a"}\n'


def test_nothing_is_no_rows(path):
    assert list(row_files.read_rows(path, "step")) == []
    assert row_files.read_object(path) == {}


@pytest.mark.parametrize("line", ["{", "[1]", "3", '{"other": 1}'])
def test_a_broken_line_inside_is_named(path, line):
    path.parent.mkdir()
    path.write_text(f'{{"step": 1}}\n{line}\n{{"step": 2}}\n')
    with pytest.raises(ValueError, match=r"rows\.jsonl:2: no row with 'step'"):
        list(row_files.read_rows(path, "step"))


def test_bytes_and_arrays_become_texts_and_lists(path):
    row = {"raw": b"caf\xc3\xa9", "scores": np.array([1.5, 2.0]), "count": np.int64(3)}
    row_files.write_jsonl(path, [row, {}])
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == {"raw": "café", "scores": [1.5, 2.0], "count": 3}
    assert second == {}


@pytest.mark.parametrize(
    ("text", "words"), [('{"state": "ru', "cut off"), ("[1]", "no JSON object")]
)
def test_an_object_of_others_is_told(path, text, words):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        row_files.read_object(path)

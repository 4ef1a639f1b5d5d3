# ruff: noqa: E501 - texts as they come
"""Tables with a row for each opinion."""

import json

import pytest
from reader_files import TEXT, write

from fsa_jax.opinions.readers import load_file, read_file
from fsa_jax.opinions.sentences import Opinion


def test_tables_group_rows_and_count_places(tmp_path):
    rows = [
        {"text": TEXT, "span": "service", "label": "negative", "ordinal": 1},
        {"text": "Other .", "span": "Other", "label": "neutral", "ordinal": 0},
        {"text": TEXT, "span": "service", "label": "negative", "ordinal": 7},
    ]
    path = write(tmp_path / "file", "\n".join(json.dumps(row) for row in rows))
    (first, second), problems = read_file(path)
    assert [opinion.start for opinion in first.opinions] == [54, 31]
    assert second.text == "Other ."
    assert "has no place 7" in str(problems[0])
    table = f"sentenceId,raw_text,aspectTerms,aspectCategories\n7,\"{TEXT}\",\"[{{'term': 'noaspectterm', 'polarity': 'none'}}]\",\"[{{'category': 'food', 'polarity': 'neutral'}}]\"\n8,x,[broken,\n"
    (first, second), (problem,) = read_file(write(tmp_path / "file", table))
    assert first.id == "7"
    assert first.opinions == (Opinion(category="food", polarity="neutral"),)
    assert problem.line == 3
    with pytest.raises(ValueError, match=r"file:2: 1 columns where the header has 4"):
        load_file(write(tmp_path / "file", "text,span,label,ordinal\nonly one"))

"""The opinions form, which everything is converted into."""

import json

import pytest
from reader_files import FILES, write

from fsa_jax.opinions.readers import load_file, read_file


def test_the_opinions_form_survives_writing(tmp_path):
    sentences = load_file(write(tmp_path / "a", FILES["asqp"] + "\n" + FILES["asqp"]))
    lines = "\n".join(json.dumps(sentence.as_dict()) for sentence in sentences)
    assert load_file(write(tmp_path / "b", lines)) == sentences
    broken = FILES["opinions"].replace('"polarity"', '"polarty"')
    _, (problem,) = read_file(write(tmp_path / "c", broken))
    assert "unknown fields ['polarty']" in str(problem)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": ...}, "missing: id"),
        ({"text": ...}, "missing: text"),
        ({"text": ..., "opinions": ...}, "missing: text, opinions"),
        ({"id": None}, "id is None, a text is expected"),
        ({"id": True}, "id is True, a text is expected"),
        ({"text": 3}, "text is 3, a text is expected"),
        ({"text": None}, "text is None, a text is expected"),
    ],
)
def test_the_field_that_is_wrong_is_named(tmp_path, change, words):
    good = {"id": "1", "text": "Fine .", "opinions": []}
    row = {name: value for name, value in (good | change).items() if value is not ...}
    lines = "\n".join(map(json.dumps, (good | {"id": "0"}, row)))
    sentences, (problem,) = read_file(write(tmp_path / "a", lines))
    assert len(sentences) == 1
    assert words in str(problem)

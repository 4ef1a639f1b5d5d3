"""The opinions form, which everything is converted into."""

import json

from reader_files import FILES, write

from fsa_jax.opinions.readers import load_file, read_file


def test_the_opinions_form_survives_writing(tmp_path):
    sentences = load_file(write(tmp_path / "a", FILES["asqp"] + "\n" + FILES["asqp"]))
    lines = "\n".join(json.dumps(sentence.as_dict()) for sentence in sentences)
    assert load_file(write(tmp_path / "b", lines)) == sentences
    broken = FILES["opinions"].replace('"polarity"', '"polarty"')
    _, (problem,) = read_file(write(tmp_path / "c", broken))
    assert "unknown fields ['polarty']" in str(problem)

"""Encodings are told, marked or declared, and never guessed."""

import pytest
from reader_files import JSONL, SEMEVAL, SETFIT, write_in

from fsa_jax.opinions.readers import load_file, read_file


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "mac-roman", "utf-16", "utf-32"])
@pytest.mark.parametrize("form", ["csv", "tsv", "lines"])
def test_encodings_are_told_or_marked(tmp_path, encoding, form):
    if form == "lines":
        content = JSONL.replace("soup", "café")
    else:
        content = (SETFIT + "The café .,café,neutral,0\n").replace(",", "\t,"[form == "csv"])
    path = write_in(tmp_path, content, encoding)
    (sentence,), problems = read_file(path, encoding=encoding)
    assert (sentence.text, sentence.opinions[0].target) == ("The café .", "café")
    if encoding.startswith("utf"):
        assert read_file(path) == ([sentence], problems)
        assert str(problems[0]) == f"1: read as {encoding}, as its byte-order mark tells"
        assert load_file(path) == [sentence]
    else:
        assert problems == []
    with pytest.raises(ValueError, match="--encoding is 'utf-9'"):
        read_file(path, encoding="utf-9")


def test_xml_says_its_own_encoding(tmp_path):
    opinion = '<aspectTerms><aspectTerm term="café" polarity="neutral"/></aspectTerms>'
    page = SEMEVAL.format(soup="café", opinion=opinion)
    for declared, written, said in (
        ("ISO-8859-1", "latin-1", "1: read as ISO-8859-1, as its declaration tells"),
        ("windows-1252", "utf-8", "1: read as utf-8, which it is, though its declaration says"),
        ("UTF-8", "utf-8", None),
    ):
        path = write_in(tmp_path, f'<?xml version="1.0" encoding="{declared}"?>\n{page}', written)
        (sentence,), problems = read_file(path)
        assert sentence.opinions[0].target == "café"
        assert [str(problem).startswith(said or "no") for problem in problems] == [True] * bool(
            said
        )
    with pytest.raises(ValueError, match=r"file:2: byte 0xe9 is not UTF-8"):
        read_file(write_in(tmp_path, f'<?xml version="1.0" encoding="rot13"?>\n{page}', "latin-1"))

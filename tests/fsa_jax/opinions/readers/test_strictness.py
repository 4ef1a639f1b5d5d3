"""Input of every format is as strict as JSON: nothing is replaced, swallowed or dropped unsaid."""

import gzip
import json

import pytest
from reader_files import JSONL, SEMEVAL, SETFIT, write_in

from fsa_jax.opinions.readers import load_file, read_file
from fsa_jax.opinions.sentences import Effect


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text,span,label,span\n", r"1: two columns are named 'span'; rename one"),
        (SETFIT, "holds no sentences"),
        ("<Reviews><Review><text>soup</text></Review></Reviews>", "holds no sentences"),
        (f"[{JSONL}]".replace("text", "sentence") + "[]", "stands behind the list's end"),
        (JSONL.encode("utf-16-le"), "1: a NUL character.*utf-16-le"),
        (SETFIT.encode() + "café,café,neutral,0".encode("cp1252"), r"2: byte 0xe9 is not UTF-8"),
        (JSONL.replace("soup", "café").encode("latin-1"), r"1: byte 0xe9 .*convert --encoding"),
        (gzip.compress(JSONL.encode(), mtime=0), "file is packed; unpack it first"),
        (b"PK\x03\x04\x14" + b"\x00" * 30, "file is packed; unpack it first"),
        (b"PAR1\x15\x04", "file is a Parquet file; write it as csv"),
        (b"ok####[]\nna\xefve####[]", r"2: byte 0xef is not UTF-8"),
    ],
)
def test_refused_in_one_line(tmp_path, content, words):
    with pytest.raises(ValueError, match=words) as caught:
        read_file(write_in(tmp_path, content))
    assert str(tmp_path / "file") in str(caught.value)
    assert "\n" not in str(caught.value)


BLANK = ["", " ", "\u00a0", "\u200b", "\t \u3000"]


@pytest.mark.parametrize("blank", BLANK, ids=ascii)
def test_an_empty_text_is_a_fault_with_its_line_in_every_format(tmp_path, blank):
    opinion = {"target": "soup", "polarity": "positive"}
    item = {"ID": "1", "sentence": blank, "aspects": [opinion | {"category": None}]}
    quoted = '"' + blank + '"'
    term = "\"[{'term': 'soup', 'polarity': 'neutral'}]\""
    files = {
        "opinions": "\n" + json.dumps({"id": "1", "text": blank, "opinions": [opinion]}),
        "fsa": "[\n" + json.dumps(item) + "]",
        "asqp": f"ok####[]\n{blank}####[['soup', 'food', 'neutral', 'hot']]",
        "setfit": f"{SETFIT}{quoted},soup,positive,0",
        "instructabsa": f"raw_text,aspectTerms\n{quoted},{term}",
        "semeval": SEMEVAL.format(soup="x", opinion="").replace(
            "</sentences>", f'\n<sentence id="2"><text>{blank}</text></sentence></sentences>'
        ),
    }
    if "\t" not in blank:
        files["acos"] = f"ok\t0,1 A#B 1 0,1\n{blank}\t0,1 A#B 1 0,1"
    for form, content in files.items():
        path = write_in(tmp_path, content)
        sentences, problems = read_file(path, form)
        assert [str(p).split(":")[0] for p in problems if p.is_fault] == ["2"], form
        assert "text" in problems[0].message, form
        assert len(sentences) == (form in ("asqp", "semeval", "acos"))
        with pytest.raises(ValueError, match=r"file:2: .*text.* is empty"):
            load_file(path, form)


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "2", "text": "The tea ."}',
        '{"id": "2", "text": "The tea .", "opinion": []}',
        '{"id": "2", "text": "The tea .", "opinions": {}}',
        '{"id": null, "text": "The tea .", "opinions": []}',
        '{"id": "2", "text": "The tea .", "opinions": [], "implicit": "false"}',
        '{"id": "2", "text": "The \\ud83d tea .", "opinions": []}',
        '{"id": "2", "text": "The tea .", "opinions": ' + "[" * 100_000,
        '{"id": ' + "1" * 5000 + "}",
        "[]",
    ],
)
def test_lines_that_are_no_sentence(tmp_path, line):
    (sentence,), (problem,) = read_file(write_in(tmp_path, f"{JSONL}\n{line}\n"))
    assert sentence.id == "1"
    assert (problem.line, problem.effect) == (2, Effect.NO_SENTENCE)


def test_quads_of_lines_without_tab_and_texts_with_the_mark(tmp_path):
    acos = "The soup was hot\t1,2 FOOD#QUALITY 2 3,4\nThe tea was hot 1,2 FOOD#QUALITY 2 3,4\n"
    _, (problem,) = read_file(write_in(tmp_path, acos))
    assert str(problem) == "2: no tab with quads behind it"
    asqp = "The soup #### was hot####[['soup', 'food', 'positive', 'hot']]"
    (sentence,), problems = read_file(write_in(tmp_path, asqp))
    assert (sentence.text, problems) == ("The soup #### was hot", [])

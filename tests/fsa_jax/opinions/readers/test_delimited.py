"""Delimited text: quotation marks of every kind cost their own record at most."""

import pytest
from reader_files import SETFIT, texts, write_in

from fsa_jax.opinions.readers import read_file
from fsa_jax.opinions.sentences import Effect


@pytest.mark.parametrize(
    "text",
    [
        '"Best" soup , says the sign , and the soup is good',
        'A 15" screen , and a soup',
        '"The soup',
        'The soup is "fine"',
        'They said: "soup',
    ],
)
def test_unquoted_tsv_keeps_the_marks_of_the_text(tmp_path, text):
    rows = [(text, "soup", "positive", 0), ("The waiter was rude", "waiter", "negative", 0)]
    table = SETFIT.replace(",", "\t") + "".join("\t".join(map(str, r)) + "\n" for r in rows * 2)
    sentences, problems = read_file(write_in(tmp_path, table))
    assert texts(sentences) == [text, "The waiter was rude"]
    assert [len(sentence.opinions) for sentence in sentences] == [2, 2]
    assert problems == []


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_quoted_tables_of_every_separator(tmp_path, separator):
    text = f'He said "soup"{separator}\nthen left'
    quoted = '"' + text.replace('"', '""') + '"'
    header = SETFIT.replace(",", separator)
    row = separator.join([quoted, "soup", "neutral", "0"])
    (sentence,), problems = read_file(write_in(tmp_path, f"\n{header}\n{row}\n"))
    assert (sentence.text, sentence.opinions[0].start) == (text, 9)
    assert problems == []


@pytest.mark.parametrize(
    "stray",
    [
        '"The soup,soup,positive,0',
        'The "soup" is,soup,positive,0,',
        '"He said "soup" and went",soup,positive,0',
        "The soup",
        '"The soup is mis',
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_a_stray_mark_costs_one_row(tmp_path, stray, last):
    rows = [f"The tea was {n},tea,positive,0" for n in range(4)]
    rows.insert(4 if last else 1, stray)
    sentences, (problem,) = read_file(write_in(tmp_path, SETFIT + "\n".join(rows)))
    assert len(sentences) == 4
    assert (problem.line, problem.effect) == (6 if last else 3, Effect.NO_OPINION)

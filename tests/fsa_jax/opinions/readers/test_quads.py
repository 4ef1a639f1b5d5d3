# ruff: noqa: E501 - texts as they come
"""ASQP and ACOS: implicit parts and wrong places."""

from reader_files import TEXT, write

from fsa_jax.opinions.readers import read_file
from fsa_jax.opinions.sentences import Effect, Opinion


def test_quads_with_implicit_parts_and_wrong_places(tmp_path):
    lines = f"{TEXT}\t-1,-1 LAPTOP#GENERAL 0 -1,-1\t6,8 SERVICE#GENERAL 1 9,9\t99,100 X 1 0,1\t0,1 X 5 0,1"
    (sentence,), problems = read_file(write(tmp_path / "file", lines))
    assert sentence.implicit is True
    assert sentence.opinions[0] == Opinion(category="LAPTOP#GENERAL", polarity="negative")
    assert sentence.opinions[1].target == "the service"
    assert [str(p).split(": ", 1)[1] for p in problems] == [
        "opinion 9,9 is empty, so it is read as implicit",
        "target 99,100 is outside the 13 words of the text",
        "unknown polarity '5': 0, 1 or 2 is expected",
    ]
    text = f"{TEXT}####[['NULL', 'food quality', 'positive', 'NULL']]\n{TEXT}####[['a', 'b']]\nno"
    (first, second), problems = read_file(write(tmp_path / "file", text))
    assert first.opinions == (Opinion(category="food quality", polarity="positive"),)
    assert second.opinions == ()
    assert [p.line for p in problems] == [2, 3]
    text = f"{TEXT}####[['wine \\\\list', 'drinks quality', 'positive', 'NULL']]"
    (sentence,), (problem,) = read_file(write(tmp_path / "file", text))
    assert sentence.opinions[0].target == "wine list"
    assert problem.effect is Effect.REPAIRED

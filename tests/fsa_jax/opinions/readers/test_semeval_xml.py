# ruff: noqa: E501 - texts as they come
"""SemEval's XML: both years."""

import pytest
from reader_files import FILES, SEMEVAL, TEXT, WINE, write, write_in

from fsa_jax.opinions.readers import load_file, read_file
from fsa_jax.opinions.sentences import Effect, Opinion


def test_semeval_2016_and_categories_of_2014(tmp_path):
    later = f"""<Reviews><Review rid="1"><sentences><sentence id="1:0"><text>{TEXT}</text><Opinions>
<Opinion target="NULL" category="FOOD#QUALITY" polarity="neutral" from="0" to="0"/>
<Opinion target="service" category="SERVICE#GENERAL" polarity="negative" from="30" to="37"/>
</Opinions></sentence><sentence id="1:1"><text>&amp; more .</text></sentence></sentences></Review></Reviews>"""
    (first, second), (problem,) = read_file(write(tmp_path / "file", later))
    assert first.opinions[0] == Opinion(category="FOOD#QUALITY", polarity="neutral")
    assert first.opinions[1].start == 31
    assert problem.line == 3
    assert second.text == "& more ."
    early = FILES["semeval"].replace(
        "</sentence>",
        '<aspectCategories><aspectCategory category="food" polarity="conflict"/></aspectCategories>'
        "</sentence>",
    )
    (sentence,) = load_file(write(tmp_path / "file", early))
    assert sentence.opinions == (WINE, Opinion(category="food", polarity="conflict"))


BLANK = ["", " ", "\u00a0", "\u200b", "\t \u3000"]


WHOLE = '<Opinions><Opinion category="FOOD#QUALITY" polarity="positive"/></Opinions>'


SENTENCE = '<sentences><sentence id="7:0"><text>The soup .</text></sentence></sentences>'


@pytest.mark.parametrize(
    ("page", "line", "words"),
    [
        (f'<Reviews><Review rid="7">{SENTENCE}\n{WHOLE}</Review></Reviews>', 2, "text level"),
        (f'<Reviews><Review rid="7">{WHOLE}{SENTENCE}</Review></Reviews>', 1, "text level"),
        (
            f'<Reviews><Review rid="7"><text>soup</text>\n\n{WHOLE}</Review></Reviews>',
            3,
            "text lev",
        ),
        (
            SEMEVAL.format(soup="soup", opinion='<opinion target="soup" polarity="positive"/>'),
            1,
            "<opinion> is none of <aspectTerm>",
        ),
        (
            SEMEVAL.format(soup="soup", opinion='\n<aspectTerm polarity="positive"/>'),
            2,
            "<aspectTerm> has no term",
        ),
        (SEMEVAL.format(soup="soup", opinion='<Opinion target="soup"/>'), 1, "polarity None"),
    ],
)
def test_no_opinion_of_an_xml_file_is_dropped_unsaid(tmp_path, page, line, words):
    path = write_in(tmp_path, page)
    sentences, problems = read_file(path)
    assert not any(sentence.opinions for sentence in sentences)
    assert [(p.line, p.effect) for p in problems] == [(line, Effect.NO_OPINION)]
    with pytest.raises(ValueError, match=words):
        load_file(path)


def test_an_entity_that_is_not_defined_is_a_fault(tmp_path):
    page = '<!DOCTYPE a SYSTEM "a.dtd">\n' + SEMEVAL.format(soup="caf&eacute;", opinion="")
    _, (problem,) = read_file(write_in(tmp_path, page))
    assert str(problem) == "2: [1] &eacute; is not defined; write the character itself"

# ruff: noqa: E501 - texts as they come
import json

import pytest

from fsa_jax.opinions.readers import FORMATS, load_file, read_file
from fsa_jax.opinions.sentences import Effect, Labels, Opinion

TEXT = "The wine list is great but the service was slow, slow service !"
WINE = Opinion("wine list", 4, 13, None, "positive")
SERVICE = Opinion("service", 31, 38, None, "negative")


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def fsa(sentence=TEXT, **changes):
    aspect = {
        "from": "4",
        "to": "13",
        "target": "wine list",
        "category": None,
        "polarity": "positive",
    }
    return json.dumps([{"ID": "1", "sentence": sentence, "aspects": [aspect | changes]}], indent=1)


FILES = {
    "fsa": fsa(),
    "opinions": json.dumps(
        {"id": "1", "text": TEXT, "opinions": [{"target": "wine list", "polarity": "positive"}]}
    ),
    "semeval": f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<sentences>
 <sentence id="1">
  <text>{TEXT}</text>
  <aspectTerms><aspectTerm term="wine list" polarity="positive" from="4" to="13"/></aspectTerms>
 </sentence>
</sentences>""",
    "asqp": f"{TEXT}####[['wine list', 'drinks quality', 'positive', 'great']]",
    "acos": f"{TEXT}\t1,3 DRINKS#QUALITY 2 4,5",
    "setfit": f'text,span,label,ordinal\n"{TEXT}",wine list,positive,0',
    "instructabsa": (
        f"raw_text,aspectTerms\n\"{TEXT}\",\"[{{'term': 'wine list', 'polarity': 'positive'}}]\""
    ),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["plain", "bom"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_every_format_gives_the_same_opinion(tmp_path, form, bom, ends):
    path = write(tmp_path / "file", (bom + FILES[form] + "\n").replace("\n", ends))
    (sentence,), problems = read_file(path)
    assert problems == []
    assert sentence.text == TEXT
    (opinion,) = sentence.opinions
    assert (opinion.target, opinion.start, opinion.end, opinion.polarity) == (
        "wine list",
        4,
        13,
        "positive",
    )
    if form in ("asqp", "acos"):
        assert (opinion.opinion, opinion.opinion_start, opinion.opinion_end) == ("great", 17, 22)
        assert sentence.implicit is False
    else:
        assert sentence.implicit is None


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_another_format_is_recognised(tmp_path, form):
    path = write(tmp_path / "file", FILES[form])
    other = next(name for name in FORMATS if name != form)
    with pytest.raises(ValueError, match=f"does not look like {other}, but like {form}"):
        read_file(path, other)


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_file_is_said_to_be_empty(tmp_path, form):
    with pytest.raises(ValueError, match="file is empty"):
        read_file(write(tmp_path / "file", "\ufeff \n"), form)


def test_what_is_no_benchmark_lists_the_formats(tmp_path):
    with pytest.raises(ValueError, match=r":1: .* begins none of the known formats: fsa, opinions"):
        read_file(write(tmp_path / "file", "hello\nworld\n"))
    with pytest.raises(FileNotFoundError, match="nothing does not exist"):
        read_file(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"1: byte 0x.. is not UTF-8"):
        read_file(write(tmp_path / "latin", "\xe9", "latin-1"))
    with pytest.raises(ValueError, match="unknown format 'xyz': one of fsa"):
        read_file(write(tmp_path / "f", FILES["fsa"]), "xyz")


@pytest.mark.parametrize(
    ("change", "opinion", "complaint"),
    [
        ({"from": 4, "to": 13}, WINE, None),
        ({"from": None, "to": None}, WINE, None),
        (
            {"from": "2", "to": "11"},
            WINE,
            "target offsets 2-11 do not hold 'wine list'; it is at 4-13",
        ),
        ({"from": "x"}, WINE, "'x' is no offset"),
        ({"target": " wine list", "from": "3"}, WINE, "' wine list' has blanks around it"),
        ({"target": None}, Opinion(polarity="positive"), None),
        ({"target": "NULL", "from": "0", "to": "0"}, Opinion(polarity="positive"), None),
        ({"target": "beer"}, None, "target 'beer' is not in the text"),
        ({"polarity": "good"}, None, "unknown polarity 'good': one of positive, negative"),
        ({"polarity": None}, None, "unknown polarity None"),
        ({"target": 7}, None, "target 7 is no text"),
    ],
)
def test_the_quirks_of_the_fsa_format(tmp_path, change, opinion, complaint):
    (sentence,), problems = read_file(write(tmp_path / "file", fsa(**change)))
    assert sentence.opinions == ((opinion,) if opinion else ())
    if complaint is None:
        assert problems == []
    else:
        assert complaint in str(problems[0])
        assert problems[0].line == 2
        assert problems[0].is_fault is (opinion is None)


def test_opinion_words_say_what_is_implicit(tmp_path):
    words = [
        {"from": 17, "to": 22, "opinion": "great"},
        {"from": "43", "to": "47", "opinion": "slow"},
    ]
    for value, implicit, count in (
        (words, False, 2),
        ("great", False, 1),
        (None, True, 1),
        ([], True, 1),
    ):
        (sentence,) = load_file(write(tmp_path / "file", fsa(opinion_words=value)))
        assert sentence.implicit is implicit
        assert len(sentence.opinions) == count
    assert load_file(write(tmp_path / "file", fsa()))[0].implicit is None


def test_offsets_next_to_the_right_place_choose_the_nearest(tmp_path):
    path = write(tmp_path / "file", fsa(target="service", **{"from": "55", "to": "62"}))
    assert load_file(path)[0].opinions[0].start == 54


def test_a_truncated_file_names_its_line(tmp_path):
    with pytest.raises(ValueError, match=r"file:\d+: .*truncated"):
        read_file(write(tmp_path / "file", fsa()[:-20]))
    with pytest.raises(ValueError, match=r"file:\d+: the list does not end"):
        read_file(write(tmp_path / "file", fsa().rstrip()[:-1]))
    with pytest.raises(ValueError, match=r"file:\d+: "):
        read_file(write(tmp_path / "file", FILES["semeval"][:-30]))
    lines = FILES["opinions"] + "\n" + FILES["opinions"][:30] + "\n"
    sentences, (problem,) = read_file(write(tmp_path / "file", lines))
    assert len(sentences) == 1
    assert str(problem).startswith("2: no JSON: Unterminated string")


def test_duplicate_ids_get_names_of_their_own(tmp_path):
    path = write(tmp_path / "file", "\n".join([FILES["opinions"]] * 3))
    sentences, problems = read_file(path)
    assert [s.id for s in sentences] == ["1", "1#2", "1#3"]
    assert [p.line for p in problems] == [2, 3]
    assert {p.effect for p in problems} == {Effect.REPAIRED}


def test_a_category_outside_the_space_is_a_fault(tmp_path):
    path = write(tmp_path / "file", fsa(category="FOOD#COLOUR"))
    labels = Labels(categories=frozenset({"food quality"}))
    _, (problem,) = read_file(path, labels=labels)
    assert str(problem) == "2: [1] category 'FOOD#COLOUR' is outside the space of 1"
    with pytest.raises(ValueError, match=r"file:2: \[1\] category 'FOOD#COLOUR' is outside"):
        load_file(path, labels=labels)
    assert load_file(path, labels=Labels(categories=frozenset({"food colour"})))


def test_own_labels_are_allowed_when_named(tmp_path):
    path = write(tmp_path / "file", fsa(polarity="mixed"))
    assert load_file(path, labels=Labels(("mixed", "clear")))[0].opinions[0].polarity == "mixed"


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


def test_the_opinions_form_survives_writing(tmp_path):
    sentences = load_file(write(tmp_path / "a", FILES["asqp"] + "\n" + FILES["asqp"]))
    lines = "\n".join(json.dumps(sentence.as_dict()) for sentence in sentences)
    assert load_file(write(tmp_path / "b", lines)) == sentences
    broken = FILES["opinions"].replace('"polarity"', '"polarty"')
    _, (problem,) = read_file(write(tmp_path / "c", broken))
    assert "unknown fields ['polarty']" in str(problem)


def test_the_real_files_are_free_of_faults(real_data):
    repaired = {}
    for path in sorted((real_data / "fsa").glob("*/*/*.json")):
        _, problems = read_file(path)
        assert not [p for p in problems if p.is_fault], path
        repaired[f"{path.parent.name}/{path.stem}"] = len(problems)
    # 88 + 15 wrong offsets, and one target that ends with a no-break space.
    assert (repaired["laptop14/train"], repaired["laptop14/dev"]) == (89, 15)
    assert sum(repaired.values()) == 105
    for path in [*(real_data / "asqp").glob("*/*"), *(real_data / "acos").glob("*/*")]:
        assert not [p for p in read_file(path)[1] if p.is_fault], path

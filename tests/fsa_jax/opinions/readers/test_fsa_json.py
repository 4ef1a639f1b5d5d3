"""The quirks of the FSA JSON files: which are repaired, which are faults."""

import dataclasses
import json

import pytest
from reader_files import FILES, WINE, fsa, write

from fsa_jax.opinions.readers import fsa_json, load_file, read_file
from fsa_jax.opinions.sentences import Effect, Labels, Opinion, Sentence


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


BLANK = ["", " ", "\u00a0", "\u200b", "\t \u3000"]


WHOLE = '<Opinions><Opinion category="FOOD#QUALITY" polarity="positive"/></Opinions>'


SENTENCE = '<sentences><sentence id="7:0"><text>The soup .</text></sentence></sentences>'


def test_what_is_written_is_read_as_it_was(tmp_path):
    text = "Good, great soup and service !"
    soup = Opinion("soup", 12, 16, "FOOD#QUALITY", "positive")
    good = dataclasses.replace(soup, opinion="Good", opinion_start=0, opinion_end=4)
    great = dataclasses.replace(soup, opinion="great", opinion_start=6, opinion_end=11)
    place = Opinion(category="RESTAURANT#GENERAL", polarity="neutral")
    sentences = [
        Sentence("a", text, (good, great), implicit=False),
        Sentence("b", text, (good, place), implicit=True),
    ]
    items = fsa_json.to_items(sentences)
    assert [len(item["aspects"]) for item in items] == [1, 2]
    path = tmp_path / "file"
    path.write_text(json.dumps(items))
    assert read_file(path) == (sentences, [])

"""What is wrong in a sentence is repaired, guessed or left out, and said so."""

import json
import unicodedata

import pytest
from reader_files import SETFIT, effects, write_in

from fsa_jax.opinions.readers import load_file, read_file
from fsa_jax.opinions.sentences import Effect, Opinion


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "tea"},
        {"target": " "},
        {"target": ["soup"]},
        {"polarity": ["positive"]},
        {"category": 7},
        {"category": " "},
        {"opinion": 3},
        {"opinion": ""},
    ],
)
def test_what_cannot_be_repaired_is_left_out(tmp_path, changes):
    opinion = {"target": "soup", "polarity": "neutral"} | changes
    row = {"id": "1", "text": "The soup .", "opinions": [opinion]}
    (sentence,), (problem,) = read_file(write_in(tmp_path, json.dumps(row)))
    assert (sentence.opinions, problem.effect) == ((), Effect.NO_OPINION)


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (4.0, 8.0, []),
        ("4", "8", []),
        (-6, -2, [Effect.GUESSED] * 2),
        (float("inf"), 8, [Effect.GUESSED]),
        (True, 8, [Effect.GUESSED]),
        ("1" * 5000, 8, [Effect.GUESSED]),
        (3, 7, [Effect.REPAIRED]),
    ],
)
def test_offsets_of_every_type(tmp_path, start, end, found):
    place = {"target": "soup", "start": start, "end": end, "polarity": "neutral"}
    row = {"id": "1", "text": "The soup .", "opinions": [place]}
    (sentence,), problems = read_file(write_in(tmp_path, json.dumps(row)))
    assert sentence.opinions == (Opinion("soup", 4, 8, None, "neutral"),)
    assert effects(problems) == found


def test_guesses_are_not_called_repairs(tmp_path):
    rows = "The soup & soup .,soup,neutral,7\n"
    rows += "The tea & tea .,tea,neutral,\nThe ice .,ice,neutral,-1"
    sentences, problems = read_file(write_in(tmp_path, SETFIT + rows))
    assert [sentence.opinions[0].start for sentence in sentences] == [4, 4, 4]
    assert effects(problems) == [Effect.GUESSED] * 3
    _, problems = read_file(write_in(tmp_path, "The tea####[]\nThe ice####[]"))
    assert effects(problems) == [Effect.GUESSED]
    assert "no sentence has an opinion" in str(problems[0])


@pytest.mark.parametrize("word", ["café", "crème brûlée", "한국식", "phở"])
@pytest.mark.parametrize(("of_text", "of_target"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_both_spellings_of_accents_are_found(tmp_path, word, of_text, of_target):
    text = unicodedata.normalize(of_text, f"É {word} , {word} !")
    target = unicodedata.normalize(of_target, word)
    term = json.dumps(f"[{{'term': '{target}', 'polarity': 'neutral'}}]", ensure_ascii=False)
    first = text.index(unicodedata.normalize(of_text, word))
    second = text.rindex(unicodedata.normalize(of_text, word))
    aspect = {"target": target, "from": str(second), "to": "0", "polarity": "neutral"}
    opinion = {"target": target, "start": second, "end": 0, "polarity": "neutral"}
    places = f'term="{target}" from="{second}" to="0" polarity="neutral"'
    files = {
        "fsa": (json.dumps([{"ID": "1", "sentence": text, "aspects": [aspect]}]), second),
        "opinions": (json.dumps({"id": "1", "text": text, "opinions": [opinion]}), second),
        "setfit": (f'{SETFIT}"{text}",{target},neutral,1\n', second),
        "instructabsa": (f'raw_text,aspectTerms\n"{text}",{term}\n', first),
        "asqp": (f"{text}####[['{target}', 'food', 'neutral', 'NULL']]", first),
        "semeval": (
            f'<sentences><sentence id="1"><text>{text}</text><aspectTerms>'
            f"<aspectTerm {places}/></aspectTerms></sentence></sentences>",
            second,
        ),
    }
    for form, (content, start) in files.items():
        (sentence,) = load_file(write_in(tmp_path, content), form)
        (one,) = sentence.opinions
        assert (one.start, one.target) == (start, unicodedata.normalize(of_text, word)), form
        assert sentence.text[one.start : one.end] == one.target
    other = unicodedata.normalize(of_target, text)
    rows = f'{SETFIT}"{text}",{target},neutral,0\n"{other}",É,neutral,0'
    assert len(load_file(write_in(tmp_path, rows))) == 1

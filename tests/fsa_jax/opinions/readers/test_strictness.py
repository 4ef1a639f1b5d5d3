"""Input of every format is as strict as JSON: nothing is replaced, swallowed or dropped unsaid."""

import gzip
import json
import unicodedata

import pytest

from fsa_jax.opinions.readers import load_file, read_file
from fsa_jax.opinions.sentences import Effect, Opinion

SETFIT = "text,span,label,ordinal\n"
JSONL = '{"id": "1", "text": "The soup .", "opinions": [{"target": "soup", "polarity": "neutral"}]}'
SEMEVAL = '<sentences><sentence id="1"><text>The {soup} .</text>{opinion}</sentence></sentences>'


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def texts(sentences):
    return [sentence.text for sentence in sentences]


def effects(problems):
    return [problem.effect for problem in problems]


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
    sentences, problems = read_file(write(tmp_path, table))
    assert texts(sentences) == [text, "The waiter was rude"]
    assert [len(sentence.opinions) for sentence in sentences] == [2, 2]
    assert problems == []


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_quoted_tables_of_every_separator(tmp_path, separator):
    text = f'He said "soup"{separator}\nthen left'
    quoted = '"' + text.replace('"', '""') + '"'
    header = SETFIT.replace(",", separator)
    row = separator.join([quoted, "soup", "neutral", "0"])
    (sentence,), problems = read_file(write(tmp_path, f"\n{header}\n{row}\n"))
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
    sentences, (problem,) = read_file(write(tmp_path, SETFIT + "\n".join(rows)))
    assert len(sentences) == 4
    assert (problem.line, problem.effect) == (6 if last else 3, Effect.NO_OPINION)


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
        (gzip.compress(JSONL.encode()), "file is packed; unpack it first"),
        (b"PK\x03\x04\x14" + b"\x00" * 30, "file is packed; unpack it first"),
        (b"PAR1\x15\x04", "file is a Parquet file; write it as csv"),
        (b"ok####[]\nna\xefve####[]", r"2: byte 0xef is not UTF-8"),
    ],
)
def test_refused_in_one_line(tmp_path, content, words):
    with pytest.raises(ValueError, match=words) as caught:
        read_file(write(tmp_path, content))
    assert str(tmp_path / "file") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "mac-roman", "utf-16", "utf-32"])
@pytest.mark.parametrize("form", ["csv", "tsv", "lines"])
def test_encodings_are_told_or_marked(tmp_path, encoding, form):
    if form == "lines":
        content = JSONL.replace("soup", "café")
    else:
        content = (SETFIT + "The café .,café,neutral,0\n").replace(",", "\t,"[form == "csv"])
    path = write(tmp_path, content, encoding)
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
        path = write(tmp_path, f'<?xml version="1.0" encoding="{declared}"?>\n{page}', written)
        (sentence,), problems = read_file(path)
        assert sentence.opinions[0].target == "café"
        assert [str(problem).startswith(said or "no") for problem in problems] == [True] * bool(
            said
        )
    with pytest.raises(ValueError, match=r"file:2: byte 0xe9 is not UTF-8"):
        read_file(write(tmp_path, f'<?xml version="1.0" encoding="rot13"?>\n{page}', "latin-1"))


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
        path = write(tmp_path, content)
        sentences, problems = read_file(path, form)
        assert [str(p).split(":")[0] for p in problems if p.is_fault] == ["2"], form
        assert "text" in problems[0].message, form
        assert len(sentences) == (form in ("asqp", "semeval", "acos"))
        with pytest.raises(ValueError, match=r"file:2: .*text.* is empty"):
            load_file(path, form)


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
    path = write(tmp_path, page)
    sentences, problems = read_file(path)
    assert not any(sentence.opinions for sentence in sentences)
    assert [(p.line, p.effect) for p in problems] == [(line, Effect.NO_OPINION)]
    with pytest.raises(ValueError, match=words):
        load_file(path)


def test_an_entity_that_is_not_defined_is_a_fault(tmp_path):
    page = '<!DOCTYPE a SYSTEM "a.dtd">\n' + SEMEVAL.format(soup="caf&eacute;", opinion="")
    _, (problem,) = read_file(write(tmp_path, page))
    assert str(problem) == "2: [1] &eacute; is not defined; write the character itself"


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
    (sentence,), (problem,) = read_file(write(tmp_path, f"{JSONL}\n{line}\n"))
    assert sentence.id == "1"
    assert (problem.line, problem.effect) == (2, Effect.NO_SENTENCE)


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
    (sentence,), (problem,) = read_file(write(tmp_path, json.dumps(row)))
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
    (sentence,), problems = read_file(write(tmp_path, json.dumps(row)))
    assert sentence.opinions == (Opinion("soup", 4, 8, None, "neutral"),)
    assert effects(problems) == found


def test_guesses_are_not_called_repairs(tmp_path):
    rows = "The soup & soup .,soup,neutral,7\n"
    rows += "The tea & tea .,tea,neutral,\nThe ice .,ice,neutral,-1"
    sentences, problems = read_file(write(tmp_path, SETFIT + rows))
    assert [sentence.opinions[0].start for sentence in sentences] == [4, 4, 4]
    assert effects(problems) == [Effect.GUESSED] * 3
    _, problems = read_file(write(tmp_path, "The tea####[]\nThe ice####[]"))
    assert effects(problems) == [Effect.GUESSED]
    assert "no sentence has an opinion" in str(problems[0])


def test_quads_of_lines_without_tab_and_texts_with_the_mark(tmp_path):
    acos = "The soup was hot\t1,2 FOOD#QUALITY 2 3,4\nThe tea was hot 1,2 FOOD#QUALITY 2 3,4\n"
    _, (problem,) = read_file(write(tmp_path, acos))
    assert str(problem) == "2: no tab with quads behind it"
    asqp = "The soup #### was hot####[['soup', 'food', 'positive', 'hot']]"
    (sentence,), problems = read_file(write(tmp_path, asqp))
    assert (sentence.text, problems) == ("The soup #### was hot", [])


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
        (sentence,) = load_file(write(tmp_path, content), form)
        (one,) = sentence.opinions
        assert (one.start, one.target) == (start, unicodedata.normalize(of_text, word)), form
        assert sentence.text[one.start : one.end] == one.target
    other = unicodedata.normalize(of_target, text)
    rows = f'{SETFIT}"{text}",{target},neutral,0\n"{other}",É,neutral,0'
    assert len(load_file(write(tmp_path, rows))) == 1

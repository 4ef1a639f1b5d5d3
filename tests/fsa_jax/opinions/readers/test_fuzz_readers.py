"""Damaged benchmark files of every format end in results or in one line of error, and add up."""

import ast
import csv
import io
import json
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import damage
import hypothesis
from hypothesis import strategies as st

from fsa_jax.opinions.readers import FORMATS, load_file, read_file, semeval_xml
from fsa_jax.opinions.sentences import Effect, is_blank

TEXTS = {
    "The café was full, and we waited; still we liked the “soup” at the café.": "café",
    'A 15" screen for this price is "fine", they said': 'screen for this price is "fine"',
    "We had cake | tea and more &lt; Good! #### so": "cake | tea",
    "Battery lasts — 10 hours 😍": "Battery",
    "It was a crème brûlée, cold: 2 of 5": "crème brûlée",
}
POLARITIES = ["positive", "negative", "neutral", "conflict"]
ROWS = [(f"s{n}", *row, POLARITIES[n % 4]) for n, row in enumerate([*TEXTS.items()] * 2)]
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<Reviews><Review rid="1"><sentences>
{sentences}
</sentences></Review></Reviews>
"""


def as_csv(separator, header, rows, **form):
    made = io.StringIO(newline="")
    writer = csv.writer(made, delimiter=separator, **form)
    writer.writerows([header, *rows])
    return made.getvalue()


def as_lines(make):
    rows = [json.dumps(make(*row), ensure_ascii=n % 3 > 0) for n, row in enumerate(ROWS)]
    return "".join(f"{row}\n" for row in rows)


def listed(target, polarity):
    return str([{"term": target, "polarity": polarity}])


def opinion(text, target, polarity):
    start = text.index(target)
    return {"target": target, "start": start, "end": start + len(target), "polarity": polarity}


def aspect(text, target, polarity):
    place = opinion(text, target, polarity)
    words = [{"opinion": text.split()[0], "from": 0, "to": len(text.split()[0])}]
    offsets = {"from": str(place.pop("start")), "to": str(place.pop("end"))}
    return place | offsets | {"opinion_words": words, "category": None}


def xml_sentence(name, text, target, polarity):
    sentence = ElementTree.Element("sentence", id=name)
    ElementTree.SubElement(sentence, "text").text = text
    place = opinion(text, target, polarity)
    offsets = {"from": str(place["start"]), "to": str(place["end"])}
    about = {"target": target, "category": "FOOD#QUALITY", "polarity": polarity}
    opinions = ElementTree.SubElement(sentence, "Opinions")
    ElementTree.SubElement(opinions, "Opinion", about | offsets)
    return ElementTree.tostring(sentence, "unicode")


def acos(text, target, polarity):
    number = {"negative": 0, "neutral": 1}.get(polarity, 2)
    return f"{text}\t0,1 FOOD#QUALITY {number} 1,2\t-1,-1 FOOD#PRICES {number} 0,2\n"


SETFIT = [(text, target, label, 0) for _, text, target, label in ROWS]
FILES = {
    "fsa": json.dumps(
        [{"ID": n, "sentence": t, "aspects": [aspect(t, o, p)] * 2} for n, t, o, p in ROWS],
        indent=1,
    ),
    "opinions": as_lines(
        lambda n, t, o, p: {"id": n, "text": t, "opinions": [opinion(t, o, p)] * 2}
    ),
    "semeval": PAGE.format(sentences="\n".join(xml_sentence(*row) for row in ROWS)),
    "asqp": "".join(f"{t}####{[[o, 'food', p, t.split()[0]]]}\n" for _, t, o, p in ROWS),
    "acos": "".join(acos(*row[1:]) for row in ROWS),
    "setfit csv": as_csv(",", ["text", "span", "label", "ordinal"], SETFIT),
    "setfit tsv": "".join(
        "\t".join(map(str, row)) + "\n" for row in [("text", "span", "label", "ordinal"), *SETFIT]
    ),
    "setfit lines": as_lines(lambda _, t, o, p: {"text": t, "span": o, "label": p, "ordinal": 0}),
    "instructabsa": as_csv(
        ";", ["id", "raw_text", "aspectTerms"], [(n, t, listed(o, p)) for n, t, o, p in ROWS]
    ),
}
FORM = {name: name.split()[0] for name in FILES}


def held(name, text, left_out):
    """Returns how many sentences a file holds, and how many opinions outside of those left out.

    `None` stands for what cannot be told without the reader's own rules.
    """
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    kept = [line for number, line in lines if number not in left_out]
    match name:
        case "opinions":
            return len(lines), sum(len(json.loads(line)["opinions"] or []) for line in kept)
        case "asqp":
            found = [ast.literal_eval(line.rpartition("####")[2].strip()) for line in kept]
            return len(lines), sum(map(len, found))
        case "acos":
            return len(lines), sum(sum(map(bool, map(str.strip, x.split("\t")[1:]))) for x in kept)
        case "setfit lines":
            return None, len(lines)
        case "setfit tsv" if '"' not in text:
            return None, len(lines) - 1
        case "fsa":
            items = json.loads(text)
            words = [a.get("opinion_words") for i in items for a in i.get("aspects") or []]
            if left_out or any(isinstance(each, list) and len(each) > 1 for each in words):
                return len(items), None
            return len(items), sum(len(item["aspects"] or []) for item in items)
        case "semeval":
            page = ElementTree.fromstring(text)
            opinions = sum(
                element.tag in semeval_xml.OPINIONS
                or ("polarity" in element.attrib and element.tag not in ("sentence", "text"))
                for element in page.iter()
            )
            return len([*page.iter("sentence")]), None if left_out else opinions
    return None, None


def check(name, sentences, problems, text):
    """Checks what was read, and that it and what was left out add up to what the file holds."""
    for problem in problems:
        assert "\n" not in str(problem)
        assert len(str(problem)) < 600
    for sentence in sentences:
        assert sentence.id
        assert not is_blank(sentence.text)
        for one in sentence.opinions:
            assert one.polarity in POLARITIES
            assert one.target is None or sentence.text[one.start : one.end] == one.target
            if one.opinion_start is not None:
                assert sentence.text[one.opinion_start : one.opinion_end] == one.opinion
    if text is None:
        return
    left_out = {p.line for p in problems if p.effect is Effect.NO_SENTENCE}
    whole, parts = held(name, text, left_out)
    lost = [problem.effect for problem in problems]
    assert whole is None or whole == len(sentences) + lost.count(Effect.NO_SENTENCE)
    opinions = sum(len(sentence.opinions) for sentence in sentences)
    assert parts is None or parts == opinions + lost.count(Effect.NO_OPINION)


def plain_text(content, changes, encoding):
    """Returns the text where it is surely the one that was read."""
    if encoding is not None or any(change[0] in ("pack", "encode") for change in changes):
        return None
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read(name, content, changes, told, encoding):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(content)
        try:
            sentences, problems = read_file(path, FORM[name] if told else None, None, encoding)
        except (ValueError, OSError) as error:
            damage.in_words(error, path)
            return None
        if told or not changes:
            check(name, sentences, problems, plain_text(content, changes, encoding))
        # What was read can be written, and is read again as it was.
        path.write_text("".join(f"{json.dumps(s.as_dict())}\n" for s in sentences), "utf-8")
        if sentences:
            assert load_file(path, "opinions") == sentences
        return sentences, problems


@damage.settings(1000)
@hypothesis.given(
    name=st.sampled_from([*FILES]),
    changes=damage.CHANGES,
    told=st.booleans(),
    encoding=st.sampled_from([None, None, None, "utf-8", "cp1252", "utf-16", "shift_jis"]),
)
def test_damaged_files(name, changes, told, encoding):
    content = damage.damaged(FILES[name].encode(), changes)
    found = read(name, content, changes, told, encoding)
    if not changes and encoding in (None, "utf-8"):
        sentences, problems = found
        assert len(sentences) == (len(TEXTS) if FORM[name] == "setfit" else len(ROWS))
        assert not any(problem.is_fault for problem in problems)


def test_every_format_is_damaged():
    assert set(FORM.values()) == set(FORMATS)

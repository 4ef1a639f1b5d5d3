"""Benchmark files of every format in small, for the tests of readers."""

import json

from fsa_jax.opinions.sentences import Opinion

TEXT = "The wine list is great but the service was slow, slow service !"
WINE = Opinion("wine list", 4, 13, None, "positive")
SERVICE = Opinion("service", 31, 38, None, "negative")
SETFIT = "text,span,label,ordinal\n"
JSONL = '{"id": "1", "text": "The soup .", "opinions": [{"target": "soup", "polarity": "neutral"}]}'
SEMEVAL = '<sentences><sentence id="1"><text>The {soup} .</text>{opinion}</sentence></sentences>'


def fsa(sentence=TEXT, **changes):
    """A file of the FSA form with one opinion."""
    aspect = {
        "from": "4",
        "to": "13",
        "target": "wine list",
        "category": None,
        "polarity": "positive",
    }
    return json.dumps([{"ID": "1", "sentence": sentence, "aspects": [aspect | changes]}], indent=1)


# One sentence with one opinion, by the name of the format.
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


def write(path, text, encoding="utf-8"):
    """Writes a file; returns its path."""
    path.write_bytes(text.encode(encoding))
    return path


def write_in(tmp_path, text, encoding="utf-8"):
    """Writes ``file`` in a folder; returns its path."""
    path = tmp_path / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def texts(sentences):
    """The texts of sentences."""
    return [sentence.text for sentence in sentences]


def effects(problems):
    """What became of what was wrong."""
    return [problem.effect for problem in problems]

"""The XML of SemEval-2014, 2015 and 2016.

2014: `<sentence id><text/><aspectTerms><aspectTerm term polarity from to/></aspectTerms>
<aspectCategories><aspectCategory category polarity/></aspectCategories></sentence>`. 2015 and 2016:
`<Review><sentences><sentence id><text/><Opinions><Opinion target category polarity from to/>`,
where `NULL` stands for an implicit target.
"""

import xml.sax
import xml.sax.handler
from collections.abc import Mapping
from typing import Any

from fsa_jax.opinions.sentences import NOWHERE, Log, Opinion, Sentence

DESCRIPTION = "SemEval-2014, 2015 or 2016 XML: <sentence> with <aspectTerm> or <Opinion>"
_ELEMENTS = ("aspectTerm", "aspectCategory", "Opinion")


def looks_like(head: str) -> bool:
    """Whether the beginning of a file reads like this format."""
    return head.lstrip().startswith("<") and ("<sentence" in head or "<Review" in head)


def read(text: str, log: Log) -> list[Sentence]:
    """Reads a file's text; see `fsa_json.read`."""
    handler = _Handler(log)
    try:
        xml.sax.parseString(text, handler)
    except xml.sax.SAXParseException as error:
        raise ValueError(f"{error.getLineNumber()}: {error.getMessage()}") from error
    return handler.sentences


class _Handler(xml.sax.handler.ContentHandler):
    """Collects sentences; opinions are settled at a sentence's end, when its text is known."""

    def __init__(self, log: Log):
        super().__init__()
        self.sentences: list[Sentence] = []
        self._log = log
        self._place: Any = None
        self._line = 0
        self._name = ""
        self._text = ""
        self._inside_text = False
        self._waiting: list[tuple[int, dict[str, str]]] = []

    def setDocumentLocator(self, locator):  # noqa: N802 - the name is SAX's
        self._place = locator

    def startElement(self, name, attrs):  # noqa: N802 - the name is SAX's
        line = self._place.getLineNumber()
        if name == "sentence":
            self._line, self._name, self._text = line, attrs.get("id", ""), ""
            self._waiting = []
        elif name == "text":
            self._inside_text = True
        elif name in _ELEMENTS:
            self._waiting.append((line, dict(attrs.items())))

    def characters(self, content):
        if self._inside_text:
            self._text += content

    def endElement(self, name):  # noqa: N802 - the name is SAX's
        if name == "text":
            self._inside_text = False
        elif name == "sentence":
            self._finish()

    def _finish(self) -> None:
        if not self._name:
            self._log.fault(self._line, "", "a sentence has no id")
            return
        found = [self._opinion(line, attributes) for line, attributes in self._waiting]
        opinions = tuple(opinion for opinion in found if opinion is not None)
        name = self._log.unique(self._line, self._name)
        self.sentences.append(Sentence(name, self._text, opinions))

    def _opinion(self, line: int, attributes: Mapping[str, str]) -> Opinion | None:
        written = attributes.get("target", attributes.get("term"))
        target = NOWHERE
        if written is not None and written != "NULL":
            if not written.strip():
                self._log.fault(line, self._name, "the target is empty")
                return None
            target = self._log.span(
                line,
                self._name,
                "target",
                self._text,
                written,
                attributes.get("from"),
                attributes.get("to"),
            )
        opinion = Opinion(*target, attributes.get("category"), attributes.get("polarity"))
        return opinion if self._log.allows(line, self._name, opinion) else None

"""The XML of SemEval-2014, 2015 and 2016.

2014: ``<sentence id><text/><aspectTerms><aspectTerm term polarity from to/></aspectTerms>
<aspectCategories><aspectCategory category polarity/></aspectCategories></sentence>``. 2015 and
2016: ``<Review><sentences><sentence id><text/><Opinions><Opinion target category polarity from
to/>``, where ``NULL`` stands for an implicit target.

Text-level annotation (2016's subtask 2) judges whole reviews, which no sentence can be made of; its
opinions are faults, as is whatever else has a polarity and is none of the elements above.
"""

import xml.sax
import xml.sax.handler
from collections.abc import Mapping
from typing import Any

from fsa_jax.opinions.sentences import NOWHERE, Log, Opinion, Place, Sentence, is_blank

DESCRIPTION = "SemEval-2014, 2015 or 2016 XML: <sentence> with <aspectTerm> or <Opinion>"
OPINIONS = ("aspectTerm", "aspectCategory", "Opinion")


def looks_like(head: str) -> bool:
    """Whether the beginning of a file reads like this format."""
    return head.lstrip().startswith("<") and ("<sentence" in head or "<Review" in head)


def read(text: str, log: Log) -> list[Sentence]:
    """Reads a file's text; see ``fsa_json.read``."""
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
        self._undefined = ""
        self._inside_sentence = self._inside_text = False
        self._waiting: list[tuple[int, str, dict[str, str]]] = []

    def setDocumentLocator(self, locator: Any) -> None:  # noqa: N802 - the name is SAX's
        self._place = locator

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 - the name is SAX's
        line = self._place.getLineNumber()
        if name == "sentence":
            self._line, self._name, self._text = line, attrs.get("id", ""), ""
            self._undefined, self._waiting, self._inside_sentence = "", [], True
        elif name == "text":
            self._inside_text = True
        elif name not in OPINIONS and "polarity" not in attrs:
            pass
        elif self._inside_sentence:
            self._waiting.append((line, name, dict(attrs.items())))
        else:
            self._log.fault(
                line,
                "",
                f"<{name[:40]}> stands outside of a sentence: opinions on a whole review "
                "(text level) belong to no sentence; use the sentence-level file (subtask 1)",
            )

    def characters(self, content: str) -> None:
        if self._inside_text:
            self._text += content

    def skippedEntity(self, name: str) -> None:  # noqa: N802 - the name is SAX's
        self._undefined = name

    def endElement(self, name: str) -> None:  # noqa: N802 - the name is SAX's
        if name == "text":
            self._inside_text = False
        elif name == "sentence":
            self._inside_sentence = False
            self._finish()

    def _finish(self) -> None:
        complaint = ""
        if not self._name:
            complaint = "a sentence has no id"
        elif self._undefined:
            complaint = f"&{self._undefined}; is not defined; write the character itself"
        elif is_blank(self._text):
            complaint = "the text is empty"
        if complaint:
            self._log.drop(self._line, self._name, complaint)
            return
        found = [self._opinion(*waiting) for waiting in self._waiting]
        opinions = tuple(opinion for opinion in found if opinion is not None)
        name = self._log.unique(self._line, self._name)
        self.sentences.append(Sentence(name, self._text, opinions))

    def _opinion(self, line: int, element: str, attributes: Mapping[str, str]) -> Opinion | None:
        if element not in OPINIONS:
            known = ", ".join(f"<{name}>" for name in OPINIONS)
            self._log.fault(line, self._name, f"<{element[:40]}> is none of {known}")
            return None
        written = attributes.get("target", attributes.get("term"))
        if element == "aspectTerm" and written is None:
            self._log.fault(line, self._name, "<aspectTerm> has no term")
            return None
        target: Place | None = NOWHERE
        if written is not None and written != "NULL":
            places = attributes.get("from"), attributes.get("to")
            target = self._log.target(line, self._name, "target", self._text, written, *places)
        if target is None:
            return None
        opinion = Opinion(*target, attributes.get("category"), attributes.get("polarity"))
        return opinion if self._log.allows(line, self._name, opinion) else None

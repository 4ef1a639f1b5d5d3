"""The ``lexicon`` teacher: the rules of ``generation.lexicon`` behind the teachers' interface."""

from collections.abc import Generator, Iterable

from generation.lexicon import knowledge, writing
from generation.teachers.base import Answer, Request, Spec

_WRITERS = {"anl": writing.analysis_text, "rw": writing.rewrite_text}


class LexiconTeacher:
    """Answers by rule, offline and at once.

    It reads the review alone and ignores the prompt's words.
    """

    def __init__(self, teacher: str = "lexicon") -> None:
        self.spec = Spec(teacher, "lexicon", "lexicon", knowledge.version(), {})

    def check(self) -> None:
        """Loads the rules, so that a broken installation shows before the first row."""
        try:
            knowledge.load("restaurant")
        except ImportError:
            raise ValueError(
                "the lexicon teacher needs vaderSentiment; run: pip install vaderSentiment"
            ) from None

    def answers(self, requests: Iterable[Request]) -> Generator[Answer, None, None]:
        """Yields the answers in the order of the requests."""
        for request in requests:
            text = _WRITERS[request.prompt.kind](request.review.text, request.review.domain)
            yield Answer(request, text, finish_reason="stop", usage={})

    def close(self) -> None:
        """Does nothing."""

"""The interface between a run and whatever answers it."""

import dataclasses
import json
from collections.abc import Generator, Iterable
from typing import Any, Protocol

from generation.prompting import LabelPrompt, Message, Prompt
from generation.records import Review


@dataclasses.dataclass(frozen=True)
class Spec:
    """Who answers, in all that decides the answers.

    Attributes:
        teacher: The name that ledger and corpus carry, such as ``mixtral_8x7b``.
        backend: What runs the model, such as ``vllm`` or ``openai``, with its address where that
            may matter.
        model: The model's name.
        revision: The model's revision, or the version of the rules.
        sampling: Sampling parameters, as the backend takes them.
        instruction_role: Whether the model's chat template knows a system role.
    """

    teacher: str
    backend: str
    model: str
    revision: str
    sampling: dict[str, Any]
    instruction_role: bool = True


def identity(spec: Spec, prompt: Prompt) -> str:
    """Returns the canonical text of all but the review that decides an answer.

    It goes into ledger keys.

    The teacher's name is left out: it is a label for the corpus, and a new label does not change an
    answer.
    """
    parts = {
        "backend": spec.backend,
        "model": spec.model,
        "revision": spec.revision,
        "sampling": spec.sampling,
        "prompt": prompt.name,
        "prompt_version": prompt.version,
    }
    if isinstance(prompt, LabelPrompt):
        parts["labels"] = prompt.labels
    return json.dumps(parts, sort_keys=True, ensure_ascii=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One question: a review under a prompt."""

    key: str
    review: Review
    prompt: Prompt
    messages: list[Message]


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request.

    Attributes:
        request: The question.
        response: The text, or None where none came.
        error: Empty, or why no text came: a name, with details after a colon.
        finish_reason: As the backend said it, or None.
        attempts: How often the backend was asked.
        usage: ``prompt_tokens``, ``completion_tokens`` and ``cost`` in US dollars, as far as known.
    """

    request: Request
    response: str | None
    error: str = ""
    finish_reason: str | None = None
    attempts: int = 1
    usage: dict[str, Any] = dataclasses.field(default_factory=dict)


class ServiceError(ConnectionError):
    """A teacher that answers nothing more, by no mistake in the command.

    The rows so far are kept.
    """


class Teacher(Protocol):
    """Answers requests.

    A teacher draws requests from the iterable as it has room for them, and yields each one's answer
    as soon as it is there, in any order. When the iterable ends, it finishes what it has drawn and
    ends too; that is how a run stops cleanly. It yields exactly one answer for each request that it
    drew, and raises only when no request can be answered any more: ValueError where the command is
    to blame (a wrong key, an unknown model), else ServiceError (an exhausted quota).
    """

    spec: Spec

    def check(self) -> None:
        """Raises ValueError, before anything is asked, if the teacher cannot work.

        It is called once for each shard that the teacher is given.
        """

    def answers(self, requests: Iterable[Request]) -> Generator[Answer, None, None]:
        """Yields the answers."""
        ...

    def close(self) -> None:
        """Gives back what the teacher holds."""

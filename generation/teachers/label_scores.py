"""How probable a model finds each label behind a prompt: the rule, and how a ledger row holds it.

A label is scored by the log-probabilities of the tokens that it adds to the prompt, given all
tokens before them. What it adds is told from the tokens themselves: those behind the longest
beginning that the prompt and all its labelled forms share. So it does not matter where a tokenizer
puts blanks, and all labels are compared behind the same tokens.
"""

import dataclasses
import json
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from generation.prompting import LabelPrompt
from generation.teachers.base import Answer, Request

# What parts a label from the prompt's last word.
JOINT = " "


@dataclasses.dataclass(frozen=True)
class LabelScore:
    """The score of one label.

    Attributes:
        logprob: Sum of the log-probabilities of its tokens.
        tokens: How many these are.
    """

    logprob: float
    tokens: int

    def value(self, per_token: bool) -> float:
        """Returns the sum, which is the paper's rule, or the mean over the tokens."""
        return self.logprob / self.tokens if per_token else self.logprob


def labelled(request: Request) -> dict[str, str]:
    """Returns the text whose end is scored, by label."""
    prompt = request.prompt
    assert isinstance(prompt, LabelPrompt)
    return {label: f"{text_of(request)}{JOINT}{label}" for label in prompt.labels}


def text_of(request: Request) -> str:
    """Returns the prompt's text as it is given to a model."""
    return "\n\n".join(message["content"] for message in request.messages)


def shared(prompt: Sequence[Hashable], texts: Mapping[str, Sequence[Hashable]]) -> int:
    """Returns how many tokens the prompt and all its labelled forms begin with alike."""
    count = len(prompt)
    for tokens in texts.values():
        count = next(
            (i for i, (one, other) in enumerate(zip(prompt, tokens, strict=False)) if one != other),
            min(count, len(tokens)),
        )
        prompt = prompt[:count]
    return count


def answer(
    request: Request,
    prompt: Sequence[Hashable],
    texts: Mapping[str, Sequence[Hashable]],
    logprobs: Mapping[str, Sequence[float | None]],
    attempts: int,
    usage: dict[str, Any],
) -> Answer:
    """Makes the answer of a request: the scores of its labels, or why there are none.

    Args:
        request: What was asked.
        prompt: Tokens of the prompt alone.
        texts: Tokens of each labelled form, by label.
        logprobs: The log-probability of each of these tokens; None where there can be none.
        attempts: How often the model was asked.
        usage: What it cost.
    """
    start = shared(prompt, texts)
    scores = {}
    for label, tokens in texts.items():
        if len(tokens) == start:
            error = f"no_tokens: the label {label!r} adds no token to the prompt; use another model"
            return Answer(request, None, error, attempts=attempts, usage=usage)
        own = logprobs[label][start:]
        total = math.fsum(value for value in own if value is not None)
        if None in own or not math.isfinite(total):
            error = f"no_log_probability: a token of the label {label!r} has none"
            return Answer(request, None, error, attempts=attempts, usage=usage)
        scores[label] = LabelScore(total, len(own))
    return Answer(request, to_response(scores), "", "stop", attempts, usage)


def to_response(scores: Mapping[str, LabelScore]) -> str:
    """Writes scores as a ledger row's response."""
    return json.dumps({label: dataclasses.asdict(score) for label, score in scores.items()})


def read_response(response: str) -> dict[str, LabelScore]:
    """Reads the scores of a ledger row's response."""
    return {label: LabelScore(**score) for label, score in json.loads(response).items()}

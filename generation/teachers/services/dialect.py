"""What one service calls the parts of a request: given by flag, or learnt from its refusals."""

from typing import Any

from generation.teachers.base import Request, Spec
from generation.teachers.presets import wire_sampling
from generation.teachers.services.faults import Fault

MAX_TOKENS = ("max_tokens", "max_completion_tokens")
# May be left out: a seed makes an answer repeatable, and changes nothing else about it.
_DISPENSABLE = {"seed"}


class Dialect:
    """Words a service's requests.

    Only what leaves the answers as they are is learnt: another name for the limit of tokens, and
    that a seed is not taken. A service that refuses a temperature would answer otherwise without
    it, so that is the user's to decide (``--omit``).

    Args:
        max_tokens: The name of the limit to begin with, one of ``MAX_TOKENS``.
    """

    def __init__(self, max_tokens: str = MAX_TOKENS[0]) -> None:
        self.max_tokens = max_tokens
        self.refused: set[str] = set()

    def body(self, spec: Spec, request: Request) -> dict[str, Any]:
        """Returns a request's body."""
        sampling = wire_sampling(spec.sampling, request.key)
        if MAX_TOKENS[0] in sampling:
            sampling[self.max_tokens] = sampling.pop(MAX_TOKENS[0])
        for name in self.refused & _DISPENSABLE:
            sampling.pop(name, None)
        return {"model": spec.model, "messages": request.messages, **sampling}

    def learns(self, fault: Fault) -> bool:
        """Takes in a refusal; True where the same request may be sent in other words.

        It is also True for a request that was on its way, in the old words, when another's refusal
        was learnt from.
        """
        if fault.name != "unsupported" or not fault.renames:
            return False
        self.refused.add(fault.parameter)
        if fault.parameter in _DISPENSABLE:
            return True
        if fault.parameter not in MAX_TOKENS:
            return False
        names = [name for name in MAX_TOKENS if name not in self.refused]
        if names:
            self.max_tokens = names[0]
        return bool(names)

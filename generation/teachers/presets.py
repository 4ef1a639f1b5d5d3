"""The paper's teachers by name, and what is known about their prices.

The paper gives neither sampling parameters nor says whether base or chat variants were used. We
take the instruction-tuned variants, since the prompts are instructions, and moderate sampling;
``version`` in the sampling is ours, and rises when these choices change.
"""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    prompt: float
    completion: float

    def cost(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Returns the cost of a request, in US dollars."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


@dataclasses.dataclass(frozen=True)
class Preset:
    """A teacher that is known by name.

    Attributes:
        backend: What runs it unless the user says otherwise.
        model: Its name at the hub or at the service.
        revision: Of the weights; the service's dated models need none.
        instruction_role: Whether its chat template knows a system role.
        price: What it costs at its maker's service, or None where it runs on own machines.
    """

    backend: str
    model: str
    revision: str
    instruction_role: bool
    price: Price | None


SAMPLING: dict[str, Any] = {
    "version": 1,
    "temperature": 0.7,
    "top_p": 0.95,
    "max_tokens": 768,
    "seed": "by key",
}

PRESETS = {
    "llama2_7b": Preset("vllm", "meta-llama/Llama-2-7b-chat-hf", "main", True, None),
    "mixtral_8x7b": Preset("vllm", "mistralai/Mixtral-8x7B-Instruct-v0.1", "main", False, None),
    "gpt35": Preset("openai", "gpt-3.5-turbo-0125", "", True, Price(0.5, 1.5)),
    "lexicon": Preset("lexicon", "lexicon", "", True, None),
}


def seed_of(key: str) -> int:
    """Returns a request's own sampling seed.

    So that a row's answer does not depend on what is asked beside it.
    """
    return int(key[:8], 16) & 0x7FFFFFFF


def wire_sampling(sampling: dict[str, Any], key: str) -> dict[str, Any]:
    """Returns sampling parameters as the OpenAI protocol takes them.

    With the request's seed put in.
    """
    wire = {name: value for name, value in sampling.items() if name != "version"}
    if wire.get("seed") == "by key":
        wire["seed"] = seed_of(key)
    return wire

"""Scores labels behind an OpenAI-compatible service: the log-probabilities of a prompt's tokens.

Few services tell them, and those in two ways: vLLM's ``prompt_logprobs``, or completions with
``echo`` and ``logprobs`` (OpenAI's own of old). Which one it is, is found out before the first
question; a service that does neither is refused there. So is one that tells others than those it
writes by: llama-cpp-python 0.3, where prompts have no token to begin with, gives each token of an
echo the probability that it has behind itself.
"""

import asyncio
import dataclasses
import math
from collections.abc import Callable, Hashable
from typing import Any

from generation.prompting import LabelPrompt
from generation.records import Review
from generation.teachers import label_scores
from generation.teachers.base import Answer, Request, Spec
from generation.teachers.services import completions, faults, pacing
from generation.teachers.services.faults import BrokenAnswerError
from generation.teachers.services.openai_chat import OpenAITeacher, Service, refusal

_Tokens = tuple[list[Hashable], list[float | None]]
# Faults by which a service says that it does not know what was asked.
_NOT_OFFERED = {
    "not_found",
    "no_such_model",  # chat models are none to the completions of some services
    "bad_request",
    "unsupported",
    "server_error",
    "broken_answer",
}
_PROBE = "Sentence: The food was good.\nOpinion target: food\nLabel:"
# Rounding moves a log-probability by some hundredths; that of another token is farther away.
_CLOSE = 0.5


@dataclasses.dataclass(frozen=True)
class Way:
    """One way to ask for log-probabilities.

    Attributes:
        name: What it is called to the user.
        parameters: Of the request.
        read: Reads tokens and their log-probabilities from an answer's first choice, given the
            service's counts of tokens.
    """

    name: str
    parameters: dict[str, Any]
    read: Callable[[dict[str, Any], dict[str, Any]], _Tokens]


def read_prompt_logprobs(choice: dict[str, Any], counts: dict[str, Any]) -> _Tokens:
    """Reads vLLM's ``prompt_logprobs``.

    Raises:
        BrokenAnswerError: There are none.
    """
    del counts
    try:
        found = choice["prompt_logprobs"]
        # The token itself comes first; the most probable one may stand behind it.
        entries = [next(iter(at.items())) if at else ("", {"logprob": None}) for at in found]
        return [token for token, _ in entries], [_number(about["logprob"]) for _, about in entries]
    except (LookupError, TypeError, AttributeError):
        raise BrokenAnswerError("no prompt_logprobs in the answer") from None


def read_echo(choice: dict[str, Any], counts: dict[str, Any]) -> _Tokens:
    """Reads the log-probabilities of an echoed prompt, without those of what was written behind it.

    A token that the service begins prompts with may be counted and not echoed.

    Raises:
        BrokenAnswerError: There are none, or the prompt is not among them.
    """
    tokens, values = _written(choice)
    written = counts.get("completion_tokens", 1)
    prompt = counts.get("prompt_tokens", len(tokens) - written)
    if len(tokens) <= written:
        raise BrokenAnswerError("the prompt is not echoed")
    is_whole = "".join(map(str, tokens)) == choice.get("text")
    if prompt + written - len(tokens) not in ((0, 1) if is_whole else (0,)):
        raise BrokenAnswerError(
            f"{len(tokens)} log-probabilities for {prompt} tokens of the prompt and {written} more"
        )
    end = len(tokens) - written
    return tokens[:end], values[:end]


def _written(choice: dict[str, Any]) -> _Tokens:
    """Reads the log-probabilities that a service tells of what it writes, as OpenAI does."""
    try:
        tokens = list(choice["logprobs"]["tokens"])
        return tokens, list(map(_number, choice["logprobs"]["token_logprobs"]))
    except (LookupError, TypeError):
        raise BrokenAnswerError("no logprobs in the answer") from None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


WAYS = (
    Way("prompt_logprobs", {"prompt_logprobs": 0}, read_prompt_logprobs),
    Way("echo and logprobs", {"echo": True, "logprobs": 1}, read_echo),
)


class OpenAIScorer(OpenAITeacher):
    """Answers each request with the scores of its prompt's labels (see ``label_scores``).

    It asks for the tokens of the prompt alone, then of each labelled form.
    """

    def __init__(self, spec: Spec, service: Service) -> None:
        super().__init__(spec, service)
        self.way: Way | None = None

    def check(self) -> None:
        """Asks for the models, and finds out how the service tells log-probabilities.

        Raises:
            ValueError: It tells none, refuses the key, or does not have the model.
            ServiceError: It cannot be reached, or refuses otherwise.
        """
        super().check()
        if self.way is None:
            self.way = self._loop.run_until_complete(self._find_way())

    async def _find_way(self) -> Way:
        prompt = LabelPrompt("probe", "1", "label", _PROBE, {}, labels=("negative", "positive"))
        messages = [{"role": "user", "content": _PROBE}]
        review = Review("probe", "restaurant", 3.0, _PROBE, "probe")
        request = Request("0" * 64, review, prompt, messages)
        failures = []
        for way in WAYS:
            reason = await self._probe(way, request)
            if not reason:
                return way
            failures.append(f"{way.name}: {reason}")
        raise ValueError(
            f"{self.service.url} gives no log-probabilities of a prompt's tokens "
            f"({'; '.join(failures)}); serve the model by vLLM, or take --by generation"
        )

    async def _probe(self, way: Way, request: Request) -> str:
        """Returns why a way is none, or an empty string."""
        for attempt in range(1, 4):
            try:
                answer = await self._score(way, request, attempt)
                return answer.error or await self._contradiction(way)
            except Exception as error:  # noqa: BLE001  (from_error raises bugs again)
                fault = faults.from_error(error, self.service.key)
                if fault.action != faults.RETRY or attempt == 3 or fault.name == "broken_answer":
                    if fault.name in _NOT_OFFERED:
                        return fault.reason
                    raise refusal(fault, self.service) from None
                await asyncio.sleep(pacing.backoff(attempt, self._random, self.service.first_wait))
        raise AssertionError

    async def _contradiction(self, way: Way) -> str:
        """Compares what is told of a token as it is written with what is told once it stands there.

        Returns:
            How the two differ, or an empty string; also where they cannot be compared.
        """
        _, choice = await self._complete(_PROBE, {"logprobs": 1}, {})
        try:
            (token, *_), (told, *_) = _written(choice)
        except (BrokenAnswerError, ValueError):
            return ""
        prompt, _ = await self._read(way, _PROBE, {})
        tokens, values = await self._read(way, f"{_PROBE}{token}", {})
        if len(tokens) != len(prompt) + 1 or tokens[:-1] != prompt:
            return ""  # the tokenizer cuts the two otherwise
        found = values[-1]
        if told is None or found is None or abs(told - found) < _CLOSE:
            return ""
        return f"{found:.2f} for a token that the service has written with {told:.2f}"

    async def _attempt(
        self, request: Request, attempt: int
    ) -> tuple[Answer | None, faults.Fault | None]:
        assert self.way is not None
        try:
            answer = await self._score(self.way, request, attempt)
        except Exception as error:  # noqa: BLE001  (from_error raises bugs again)
            return None, faults.from_error(error, self.service.key)
        self.gate.success()
        return answer, None

    async def _score(self, way: Way, request: Request, attempt: int) -> Answer:
        usage: dict[str, Any] = {}
        prompt, _ = await self._read(way, label_scores.text_of(request), usage)
        texts, logprobs = {}, {}
        for label, text in label_scores.labelled(request).items():
            texts[label], logprobs[label] = await self._read(way, text, usage)
        return label_scores.answer(request, prompt, texts, logprobs, attempt, usage)

    async def _read(self, way: Way, text: str, usage: dict[str, Any]) -> _Tokens:
        counts, choice = await self._complete(text, way.parameters, usage)
        return way.read(choice, counts)

    async def _complete(
        self, text: str, parameters: dict[str, Any], usage: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns the counts and the first choice of a completion; adds the counts to ``usage``."""
        # A token is written that nobody looks at: some services take 0 for "no limit".
        body = {"model": self.spec.model, "prompt": text, "max_tokens": 1, "temperature": 0.0}
        found: Any = await self._client.post("/completions", cast_to=object, body=body | parameters)
        answer = completions.parsed(found)
        choice = completions.first_choice(answer)
        counts = completions.read_usage(answer.get("usage"), self.price)
        for name, count in counts.items():
            usage[name] = usage.get(name, 0) + count
        return counts, choice

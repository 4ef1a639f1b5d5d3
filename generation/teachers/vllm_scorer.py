"""Scores labels with vLLM's offline engine: the log-probabilities of a prompt's own tokens."""

import dataclasses
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from generation.teachers import label_scores
from generation.teachers.base import Answer, Request
from generation.teachers.vllm_engine import Asked, VLLMTeacher


@dataclasses.dataclass
class _Item:
    """A request on its way: its tokens, the log-probabilities that have come, whether it failed."""

    request: Request
    prompt: list[int]
    texts: dict[str, list[int]]
    logprobs: dict[str, list[float | None]] = dataclasses.field(default_factory=dict)
    failed: bool = False


class VLLMScorer(VLLMTeacher):
    """Answers each request with the scores of its prompt's labels (see ``label_scores``).

    The engine reads each labelled form once, and writes a token that nobody looks at.
    """

    def answers(self, requests: Iterable[Request]) -> Generator[Answer, None, None]:
        """Yields the answers as the engine finishes them."""
        for asked, output in self.outputs(self._asked(requests)):
            item, label = asked.about
            if item.failed:
                continue  # it has its answer
            if output is None:
                item.failed = True
                yield Answer(item.request, None, f"too_long: {len(asked.tokens)} tokens")
                continue
            item.logprobs[label] = _logprobs(asked.tokens, output.prompt_logprobs)
            if len(item.logprobs) == len(item.texts):
                usage = {"prompt_tokens": sum(map(len, item.texts.values()))}
                yield label_scores.answer(
                    item.request, item.prompt, item.texts, item.logprobs, 1, usage
                )

    def _asked(self, requests: Iterable[Request]) -> Iterator[Asked]:
        import vllm

        tokenizer = self.tokenizer()
        sampling = vllm.SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=1)
        for request in requests:
            texts = label_scores.labelled(request)
            item = _Item(
                request,
                list(tokenizer.encode(label_scores.text_of(request))),
                {label: list(tokenizer.encode(text)) for label, text in texts.items()},
            )
            for label, tokens in item.texts.items():
                yield Asked(f"{request.key}-{label}", (item, label), tokens, sampling)


def _logprobs(tokens: list[int], found: Any) -> list[float | None]:
    """Returns the log-probability of each token; the first one follows nothing."""
    return [
        None if at is None or token not in at else float(at[token].logprob)
        for token, at in zip(tokens, found, strict=True)
    ]

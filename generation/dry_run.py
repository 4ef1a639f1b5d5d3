"""What a run would ask, cost and take, without asking."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files
from generation import ledger
from generation.prompting import Message
from generation.records import FAILED, read_reviews
from generation.review_ids import Register
from generation.run import CHARACTERS_PER_TOKEN, Options
from generation.teachers.base import Spec, identity
from generation.teachers.presets import Price

SHOWN = 3
# Completion tokens of ANL and RW answers: the shortest and longest tenths of the released corpus.
# Those of labels: from one word to a list of some units; of scores: six names and numbers.
_COMPLETION = {"anl": (130, 420), "rw": (70, 240), "label": (1, 80), "scores": (40, 80)}
# Requests per second: a service at the given concurrency, 2 to 10 s a request.
_SECONDS = (2.0, 10.0)


@dataclasses.dataclass
class Estimate:
    """What a run would ask.

    Attributes:
        requests: Requests without a final row.
        kept: Requests that earlier runs ended.
        prompt_tokens: Of all requests together; exact with a tokenizer, else by length.
        completion_tokens: Lowest and highest guess, of all requests together.
        cost: Lowest and highest guess in US dollars, or None where no price is known.
        seconds: Lowest and highest guess, or None for a teacher whose speed is not known.
        examples: The first rendered prompts with their tokens.
    """

    requests: int = 0
    kept: int = 0
    prompt_tokens: int = 0
    completion_tokens: tuple[int, int] = (0, 0)
    cost: tuple[float, float] | None = None
    seconds: tuple[float, float] | None = None
    examples: list[tuple[list[Message], int]] = dataclasses.field(default_factory=list)


def token_counter(tokenizer: Path | None) -> Callable[[str], int]:
    """Returns a function that counts tokens.

    It asks a ``tokenizer.json`` or a SentencePiece model, and without one goes by length.
    """
    if tokenizer is None:
        return lambda text: round(len(text) / CHARACTERS_PER_TOKEN)
    files.require_file(tokenizer)
    try:
        if tokenizer.suffix == ".json":
            import tokenizers

            fast: Any = tokenizers.Tokenizer.from_file(str(tokenizer))
            return lambda text: len(fast.encode(text).ids)
        import sentencepiece

        pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
        return lambda text: len(pieces.encode(text))
    except Exception as error:  # noqa: BLE001  (both libraries raise what they like)
        raise ValueError(
            f"{tokenizer} is no tokenizer ({' '.join(str(error).split())[:100]}); name a "
            "tokenizer.json or a SentencePiece model"
        ) from None


def estimate(
    options: Options,
    spec: Spec,
    price: Price | None,
    concurrency: int,
    tokenizer: Path | None = None,
) -> Estimate:
    """Goes through the requests of a shard as a run would.

    Args:
        options: What would be done.
        spec: Who would answer.
        price: Of tokens, or None.
        concurrency: Requests at once.
        tokenizer: See ``token_counter``.
    """
    count = token_counter(tokenizer)
    done = options.files.statuses()
    found = Estimate()
    low = high = 0
    seen: set[bytes] = set()
    register = Register()
    for review in read_reviews(options.reviews):
        register.add(review)
        if ledger.shard_of(review.review_id, options.shards) != options.shard:
            continue
        for prompt in options.prompts:
            messages = prompt.messages(review, spec.instruction_role)
            key = ledger.request_key(review.review_id, messages, identity(spec, prompt))
            short = bytes.fromhex(key)
            if short in seen:
                continue  # the very same review is asked once
            seen.add(short)
            status = done.get(short)
            if status is not None and not (status == FAILED and options.retry_failed):
                found.kept += 1
                continue
            tokens = sum(count(message["content"]) for message in messages)
            found.requests += 1
            found.prompt_tokens += tokens
            low, high = low + _COMPLETION[prompt.kind][0], high + _COMPLETION[prompt.kind][1]
            if len(found.examples) < SHOWN:
                found.examples.append((messages, tokens))
    register.check(options.reviews)
    found.completion_tokens = (low, high)
    if price:
        found.cost = (price.cost(found.prompt_tokens, low), price.cost(found.prompt_tokens, high))
    if spec.backend.startswith("openai"):
        found.seconds = tuple(found.requests / concurrency * s for s in _SECONDS)  # type: ignore[assignment]
    return found

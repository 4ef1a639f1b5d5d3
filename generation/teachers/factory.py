"""Builds a teacher from what the user chose.

In a form that travels to other machines without secrets.
"""

import dataclasses
import os
import re
import urllib.parse
from pathlib import Path
from typing import Any

from fsa_jax.runtime.files import near
from generation.teachers.base import Spec, Teacher
from generation.teachers.presets import PRESETS, SAMPLING, Preset, Price

BACKENDS = ("vllm", "openai", "openai_batch", "lexicon")
# Those that can tell how probable a text is.
SCORING = ("vllm", "openai")
# Stands for sampling where nothing is drawn; the version rises when the rule of scores changes.
_SCORED = {"version": 1, "scored": "labels"}


@dataclasses.dataclass(frozen=True)
class Choice:
    """What the user chose; None takes the preset's value.

    Attributes:
        teacher: A preset's name, or a new one.
        backend: One of ``BACKENDS``.
        model, revision: What answers.
        base_url: Of the service; None for OpenAI's own.
        service: Stands for the base URL in ledger keys, so that a service may move.
        key_variable: The environment variable that holds the API key.
        sampling: Overrides of ``presets.SAMPLING``.
        price_prompt, price_completion: US dollars per million tokens.
        concurrency, timeout, attempts: Of the ``openai`` backend.
        max_tokens_name: What the service calls the limit of an answer's tokens.
        engine: Of the ``vllm`` backend, the fields of ``vllm_engine.Engine``.
        batch: Of the ``openai_batch`` backend, the fields of ``openai_batch.Limits``.
        by_probability: Whether labels are scored (see ``label_scores``), and nothing is written.
    """

    teacher: str = "lexicon"
    backend: str | None = None
    model: str | None = None
    revision: str | None = None
    base_url: str | None = None
    service: str | None = None
    key_variable: str = "OPENAI_API_KEY"
    sampling: dict[str, Any] = dataclasses.field(default_factory=dict)
    price_prompt: float | None = None
    price_completion: float | None = None
    concurrency: int = 64
    timeout: float = 120.0
    attempts: int = 8
    first_wait: float = 0.5
    max_tokens_name: str = "max_tokens"
    engine: dict[str, Any] = dataclasses.field(default_factory=dict)
    batch: dict[str, Any] = dataclasses.field(default_factory=dict)
    by_probability: bool = False


def make(choice: Choice, folder: Path) -> Teacher:
    """Builds the teacher; nothing is loaded or asked yet.

    Args:
        choice: What the user chose.
        folder: The run's folder, where ``openai_batch`` keeps its jobs.

    Raises:
        ValueError: The choice is incomplete or contradicts itself; the message names the flag.
    """
    backend, preset = _backend(choice)
    if backend == "lexicon":
        return _lexicon(choice)
    spec = make_spec(choice, backend, preset)
    if backend == "vllm":
        from generation.teachers.vllm_engine import Engine, VLLMTeacher
        from generation.teachers.vllm_scorer import VLLMScorer

        return (VLLMScorer if choice.by_probability else VLLMTeacher)(spec, Engine(**choice.engine))
    return _service(choice, spec, backend, preset, folder)


def describe(choice: Choice) -> tuple[Spec, Price | None]:
    """Returns who would answer and at what price, without a key and without loading anything."""
    backend, preset = _backend(choice)
    if backend == "lexicon":
        return _lexicon(choice).spec, None
    return make_spec(choice, backend, preset), price_of(choice, preset, backend)


def backend_of(choice: Choice) -> str:
    """Returns who runs the model: one of ``BACKENDS``."""
    return _backend(choice)[0]


def _backend(choice: Choice) -> tuple[str, Preset | None]:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", choice.teacher):
        raise ValueError(
            f"--teacher is {choice.teacher!r}; use lower-case letters, digits and _"
            f"{near(choice.teacher, PRESETS)}"
        )
    preset = PRESETS.get(choice.teacher)
    backend = choice.backend or (preset.backend if preset else None)
    if backend is None:
        raise ValueError(
            f"--teacher {choice.teacher} is no preset ({', '.join(PRESETS)}); name its --backend "
            f"({', '.join(BACKENDS)}) and --model"
        )
    if backend not in BACKENDS:
        raise ValueError(f"--backend is {backend!r}; use one of {', '.join(BACKENDS)}")
    if choice.by_probability and backend not in SCORING:
        raise ValueError(
            f"--backend {backend} tells no log-probabilities; --by probability takes "
            f"{' or '.join(SCORING)}"
        )
    return backend, preset


def _lexicon(choice: Choice) -> Teacher:
    from generation.teachers.lexicon import LexiconTeacher

    return LexiconTeacher(choice.teacher)


def make_spec(choice: Choice, backend: str, preset: Preset | None) -> Spec:
    """Returns who answers."""
    model = choice.model or (preset.model if preset else None)
    if not model:
        raise ValueError(f"--teacher {choice.teacher} is no preset; name its model by --model")
    revision = choice.revision
    if revision is None:
        # A preset's revision is that of its own model.
        revision = preset.revision if preset and choice.model is None else ""
    # None stands for a parameter that is not sent: the service's own default holds.
    sampling = {name: v for name, v in (SAMPLING | choice.sampling).items() if v is not None}
    if choice.by_probability:
        sampling = _SCORED
    if backend == "vllm":
        address = "vllm"
    else:
        _check_address(choice)
        address = f"openai:{choice.service or (choice.base_url or 'api.openai.com').rstrip('/')}"
    role = preset.instruction_role if preset else True
    return Spec(choice.teacher, address, model, revision, sampling, role)


def _check_address(choice: Choice) -> None:
    if choice.base_url is None:
        return
    try:
        parts = urllib.parse.urlsplit(choice.base_url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as a port that is no number
        known = False
    if not known:
        raise ValueError(
            f"--base-url {choice.base_url} is no URL; it looks like http://localhost:8000/v1"
        )
    if parts.path.rstrip("/").endswith("/completions"):
        raise ValueError(f"--base-url {choice.base_url} goes too far; end it before /chat")
    if "@" in parts.netloc:  # the address goes into files that are passed on
        raise ValueError(
            "--base-url holds a user's name or password; put the secret into the environment "
            f"variable {choice.key_variable}"
        )


def _service(
    choice: Choice, spec: Spec, backend: str, preset: Preset | None, folder: Path
) -> Teacher:
    from generation.teachers.services import dialect, openai_batch, openai_chat, openai_scorer

    key = os.environ.get(choice.key_variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError(
            f"the environment variable {choice.key_variable} holds no API key: it has characters "
            "that no key has"
        )
    if choice.max_tokens_name not in dialect.MAX_TOKENS:
        raise ValueError(
            f"--max-tokens-name is {choice.max_tokens_name!r}; use "
            f"{' or '.join(dialect.MAX_TOKENS)}"
        )
    if not key and not choice.base_url:
        raise ValueError(
            f"no API key: set the environment variable {choice.key_variable}, or name a "
            "--base-url that needs none"
        )
    service = openai_chat.Service(
        base_url=choice.base_url,
        key=key,
        concurrency=choice.concurrency,
        timeout=choice.timeout,
        attempts=choice.attempts,
        price=price_of(choice, preset, backend),
        first_wait=choice.first_wait,
        max_tokens=choice.max_tokens_name,
    )
    if choice.by_probability:
        return openai_scorer.OpenAIScorer(spec, service)
    if backend == "openai":
        return openai_chat.OpenAITeacher(spec, service)
    return openai_batch.BatchTeacher(spec, service, openai_batch.Limits(**choice.batch), folder)


def price_of(choice: Choice, preset: Preset | None, backend: str) -> Price | None:
    """Returns the price per token: the user's, else the preset's at its maker's service.

    Halved for batches.
    """
    if (choice.price_prompt is None) != (choice.price_completion is None):
        raise ValueError(
            "give both --price-prompt and --price-completion, in US dollars per million tokens"
        )
    if choice.price_prompt is not None and choice.price_completion is not None:
        return Price(choice.price_prompt, choice.price_completion)
    if preset is None or preset.price is None or choice.model or choice.base_url:
        return None
    half = 0.5 if backend == "openai_batch" else 1.0
    return Price(preset.price.prompt * half, preset.price.completion * half)

"""Flags that several commands share: single ones, and dataclasses whose fields are flags."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from fsa_jax.opinions.corpus import HELD_OUT


def grouped(function: Callable[..., None]) -> Callable[..., None]:
    """Lets a command take dataclasses: a parameter of such a type stands for the type's fields."""
    groups: dict[str, Any] = {}
    flags: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if dataclasses.is_dataclass(parameter.annotation):
            groups[name] = parameter.annotation
            flags += inspect.signature(groups[name]).parameters.values()
        else:
            flags.append(parameter)

    @functools.wraps(function)
    def command(**values: Any) -> None:
        for name, group in groups.items():
            fields = [field.name for field in dataclasses.fields(group)]
            values[name] = group(**{field: values.pop(field) for field in fields})
        function(**values)

    # typer reads the signature, and the annotations once more.
    flags = [flag.replace(kind=inspect.Parameter.KEYWORD_ONLY) for flag in flags]
    command.__signature__ = inspect.Signature(flags)  # type: ignore[attr-defined]
    command.__annotations__ = {flag.name: flag.annotation for flag in flags}
    return command


BadFraction = Annotated[
    float, typer.Option(help="Fail above this share of bad lines.", min=0, max=1)
]


_SAMPLED = ("temperature", "top_p", "max_tokens", "seed", "response_format")


@dataclasses.dataclass(frozen=True)
class Model:
    """Who answers."""

    backend: Annotated[
        str | None,
        typer.Option(help="vllm, openai, openai_batch or lexicon; default: the preset's."),
    ] = None
    model: Annotated[str | None, typer.Option(help="Model name or folder.")] = None
    revision: Annotated[str | None, typer.Option(help="Revision of the model.")] = None
    base_url: Annotated[
        str | None,
        typer.Option(help="OpenAI-compatible service, such as http://localhost:8000/v1."),
    ] = None
    service: Annotated[
        str | None, typer.Option(help="Name that stands for the base URL in keys, if it may move.")
    ] = None
    api_key_env: Annotated[
        str, typer.Option(help="Environment variable that holds the API key.")
    ] = "OPENAI_API_KEY"
    concurrency: Annotated[int, typer.Option(help="openai: most requests at once.", min=1)] = 64
    timeout: Annotated[float, typer.Option(help="openai: seconds for one attempt.", min=0.1)] = 120
    attempts: Annotated[int, typer.Option(help="openai: most attempts per request.", min=1)] = 8
    max_tokens_name: Annotated[
        str,
        typer.Option(help="openai: max_tokens or max_completion_tokens; learnt where refused."),
    ] = "max_tokens"
    omit: Annotated[
        str,
        typer.Option(help="Sampling parameters not to send: temperature,top_p,seed,…"),
    ] = ""

    def choice(
        self,
        teacher: str,
        sampling: dict[str, Any],
        costs: "Costs",
        engine: "Engine",
        batches: "Batches",
    ) -> Any:
        """Returns the ``factory.Choice`` of these flags and those of the other groups."""
        from generation.teachers.factory import Choice

        values = dataclasses.asdict(self)
        key = values.pop("api_key_env")
        sampling = sampling | dict.fromkeys(_omitted(values.pop("omit")))
        return Choice(
            teacher=teacher,
            sampling=sampling,
            key_variable=key,
            price_prompt=costs.price_prompt,
            price_completion=costs.price_completion,
            engine=vars(engine),
            batch=batches.limits(),
            **values,
        )


def _omitted(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in _SAMPLED:
            raise ValueError(f"--omit names {name!r}; use some of {', '.join(_SAMPLED)}")
    return names


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How answers are drawn."""

    temperature: Annotated[float | None, typer.Option(help="Default 0.7.", min=0)] = None
    top_p: Annotated[float | None, typer.Option(help="Default 0.95.", min=0, max=1)] = None
    max_tokens: Annotated[int | None, typer.Option(help="Default 768.", min=1)] = None

    def chosen(self) -> dict[str, Any]:
        """Returns what the user set."""
        return {name: v for name, v in dataclasses.asdict(self).items() if v is not None}


@dataclasses.dataclass(frozen=True)
class Engine:
    """The vllm backend."""

    tensor_parallel: Annotated[int, typer.Option(help="vllm: GPUs that share a layer.", min=1)] = 1
    pipeline_parallel: Annotated[int, typer.Option(help="vllm: groups of layers.", min=1)] = 1
    quantization: Annotated[str | None, typer.Option(help="vllm: such as awq, gptq, fp8.")] = None
    dtype: Annotated[str, typer.Option(help="vllm: auto, bfloat16, float16, float32.")] = "auto"
    max_model_len: Annotated[int | None, typer.Option(help="vllm: prompt and answer.", min=1)] = (
        None
    )
    window: Annotated[int, typer.Option(help="vllm: most requests in the engine.", min=1)] = 512
    enforce_eager: Annotated[bool, typer.Option(help="vllm: no compiled graphs.")] = False


@dataclasses.dataclass(frozen=True)
class Batches:
    """The openai_batch backend."""

    batch_requests: Annotated[
        int, typer.Option(help="openai_batch: most requests in a batch.", min=1)
    ] = 50_000
    poll: Annotated[float, typer.Option(help="openai_batch: seconds between looks.", min=0)] = 30

    def limits(self) -> dict[str, Any]:
        """Returns the fields of ``openai_batch.Limits``."""
        return {"requests": self.batch_requests, "poll": self.poll}


@dataclasses.dataclass(frozen=True)
class Costs:
    """What a run may cost."""

    price_prompt: Annotated[
        float | None, typer.Option(help="US dollars per million tokens.", min=0)
    ] = None
    price_completion: Annotated[
        float | None, typer.Option(help="US dollars per million tokens.", min=0)
    ] = None
    max_cost: Annotated[
        float | None, typer.Option(help="Stop before this many US dollars.", min=0)
    ] = None


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a run does, and what it does about failures."""

    max_failure_rate: Annotated[
        float, typer.Option(help="Exit with 1 above this share of failures.", min=0, max=1)
    ] = 0.05
    max_filter_rate: Annotated[
        float,
        typer.Option(help="Exit with 1 above this share of filtered answers.", min=0, max=1),
    ] = 0.5
    retry_failed: Annotated[bool, typer.Option(help="Ask again what failed before.")] = False


@dataclasses.dataclass(frozen=True)
class Part:
    """Which part of the reviews this process answers."""

    shard: Annotated[str, typer.Option(help="i/n: answer the i-th of n parts, from 0.")] = "0/1"


@dataclasses.dataclass(frozen=True)
class Runner:
    """Where the run runs."""

    runner: Annotated[str, typer.Option(help="local, or ray: spread shards over a cluster.")] = (
        "local"
    )
    workers: Annotated[int, typer.Option(help="ray: engines at a time.", min=1)] = 2
    worker_gpus: Annotated[float, typer.Option(help="ray: GPUs of each worker.", min=0)] = 0
    worker_cpus: Annotated[float, typer.Option(help="ray: CPUs of each worker.", min=0)] = 1
    shards: Annotated[int | None, typer.Option(help="ray: default 4 a worker.", min=1)] = None


@dataclasses.dataclass(frozen=True)
class Preview:
    """A look at what would be asked."""

    dry_run: Annotated[
        bool, typer.Option(help="Show prompts, tokens, cost, time; ask nothing.")
    ] = False
    tokenizer: Annotated[
        Path | None, typer.Option(help="For --dry-run: tokenizer.json or SentencePiece model.")
    ] = None


@dataclasses.dataclass(frozen=True)
class Ledgers:
    """What is read of ledgers."""

    allow_incomplete: Annotated[bool, typer.Option(help="Take unfinished runs as they are.")] = (
        False
    )

    def reader(self, folders: list[Path]) -> Any:
        """Returns a ``LedgerReader`` of these folders."""
        from generation.corpus.from_ledgers import LedgerReader

        return LedgerReader(folders, self.allow_incomplete)


@dataclasses.dataclass(frozen=True)
class Records:
    """How a corpus is written."""

    output_dir: Annotated[Path, typer.Option(help="Data root; corpora go to understanding/ in it.")]
    overwrite: Annotated[bool, typer.Option(help="Replace corpora of the same names.")] = False
    validation_fraction: Annotated[float, typer.Option(help="Share of reviews held out.")] = (
        HELD_OUT
    )
    shard_mb: Annotated[int, typer.Option(help="Size of a TFRecord file.", min=1)] = 128
    vocabulary: Annotated[
        Path | None, typer.Option(help="SentencePiece model to name in the manifest.")
    ] = None

    def settings(self) -> Any:
        """Returns the ``build.Settings`` of these flags."""
        from generation.corpus import build

        return build.Settings(
            self.output_dir,
            self.overwrite,
            self.validation_fraction,
            self.shard_mb << 20,
            build.default_vocabulary(self.vocabulary),
        )

"""The command ``fsa serve``."""

import dataclasses
import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fsa_jax.student.predict import Predictor

_KEY = "FSA_API_KEY"


def serve(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Students: CHECKPOINT, NAME=CHECKPOINT or NAME=CHECKPOINT@TASK. One of a mixture "
            "is served as NAME-FORM for each form of its answers."
        ),
    ],
    host: Annotated[
        str, typer.Option(help="Address; 0.0.0.0 for all of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    max_length: Annotated[int, typer.Option(help="Tokens of an answer at most, as in HF.")] = 100,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Texts answered together, a power of two.")
    ] = 64,
    most_waiting: Annotated[
        int,
        typer.Option(min=1, help="Texts that may wait; further ones are sent away."),
    ] = 1024,
    most_characters: Annotated[int, typer.Option(min=1, help="Of one text.")] = 10_000,
    warm: Annotated[bool, typer.Option(help="Compile all shapes before the first request.")] = True,
    module: Annotated[str, typer.Option(help="Module that registers the tasks.")] = "tasks",
) -> None:
    """Serve students over HTTP, with a page to try them on; FSA_API_KEY asks for a key."""
    from fsa_jax.runtime import process

    if batch_size & (batch_size - 1):
        raise ValueError(f"--batch-size {batch_size}: it is a power of two")
    named = _named(models)
    process.set_up()
    process.import_quietly("seqio")
    try:
        import uvicorn

        from fsa_jax.serving.app import Limits, make_app, warm_up
    except ImportError as error:
        raise ValueError(f"{error}: pip install 'fsa-jax[serve]'") from error
    from fsa_jax.decoding.search import DecodingConfig
    from fsa_jax.student.opening import open_predictors

    decoding = DecodingConfig(max_length=max_length, batch_size=batch_size)
    predictors: dict[str, Predictor] = {}
    for name, (checkpoint, task) in named.items():
        found = open_predictors(checkpoint, task, module=module, decoding=decoding)
        for form, predictor in found.items():
            own = name if len(found) == 1 else f"{name}-{form}"
            if own in predictors:
                raise ValueError(f"two models are named {own}: give one another name, as NAME=…")
            predictors[own] = predictor
    for name, predictor in predictors.items() if warm else ():
        typer.echo(f"{name}: compiling", err=True)
        warm_up(predictor, batch_size)
    limits = Limits(characters=most_characters, waiting=most_waiting, batch=batch_size)
    # What can never wait together is no matter of coming again.
    limits = dataclasses.replace(limits, texts=min(limits.texts, most_waiting))
    key = os.environ.get(_KEY) or None
    app = make_app(predictors, limits, key, lambda: server.should_exit)
    config = uvicorn.Config(app, host, port, access_log=False, server_header=False)
    server = uvicorn.Server(config)
    server.run()
    if not server.started:
        raise typer.Exit(1)


def _named(models: list[str]) -> dict[str, tuple[str, str | None]]:
    """Reads ``NAME=CHECKPOINT@TASK``; a name that is not told is the folder's."""
    found: dict[str, tuple[str, str | None]] = {}
    for text in models:
        name, equals, rest = text.partition("=")
        checkpoint, at, task = (rest if equals else text).rpartition("@")
        if not at:
            checkpoint, task = task, ""
        name = name if equals else os.path.basename(os.path.abspath(checkpoint))
        if not name or not checkpoint or name in found:
            raise ValueError(
                f"{text}: NAME=CHECKPOINT or NAME=CHECKPOINT@TASK is expected, each name once"
            )
        found[name] = checkpoint, task or None
    return found

"""The command ``fsa report``."""

import pathlib
from typing import Annotated

import typer


def report(
    runs: Annotated[
        list[pathlib.Path], typer.Argument(help="Run directories, or folders of seeds.")
    ],
    output: Annotated[pathlib.Path, typer.Option("--output", help="HTML page to write.")],
    names: Annotated[
        str | None, typer.Option(help="Names of the runs, comma-separated; default: folders.")
    ] = None,
    examples: Annotated[int, typer.Option(help="Predictions to show next to gold.")] = 10,
    figures: Annotated[
        pathlib.Path | None,
        typer.Option(help="Write scores, processor and versions as JSON, to quote from."),
    ] = None,
    measured_by: Annotated[
        str, typer.Option(help="For --figures: the command that made the runs.")
    ] = "",
    seconds: Annotated[
        float | None, typer.Option(min=0, help="For --figures: how long that took.")
    ] = None,
) -> None:
    """Draw runs and scores as one HTML page, and print the table of scores."""
    from fsa_jax.opinions.figures import write_figures
    from fsa_jax.opinions.report import write_report

    systems = write_report(runs, output, names.split(",") if names else None, examples)
    print(f"report → {output}")
    if figures:
        write_figures(systems, figures, measured_by, seconds)
        print(f"figures → {figures}")

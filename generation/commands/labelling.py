"""What the commands about Label Studio's projects share: options, and what they print."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from generation.people.label_studio import Paths

Annotators = Annotated[
    str,
    typer.Option(
        help="Who annotate, two of them each task: Label Studio's addresses or numbers, by commas."
    ),
]
Overwrite = Annotated[bool, typer.Option(help="Replace existing files.")]
Key = Annotated[
    Path | None, typer.Option(help="The .key.json of the tasks; default: the one beside.")
]
Figures = Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")]


def split(annotators: str) -> list[str]:
    """Returns the names in an option."""
    return [name.strip() for name in annotators.split(",") if name.strip()]


def new_project(output: Path, overwrite: bool) -> "Paths":
    """Returns where a project's files go.

    Raises:
        ValueError: The file of tasks is not named as one.
        FileExistsError: A file is there.
    """
    from fsa_jax.runtime import files
    from generation.people.label_studio import Paths

    if output.suffix != ".json":
        raise ValueError(f"--output is {output}; name a .json file")
    paths = Paths(output)
    for path in (paths.tasks, paths.config, paths.key):
        files.refuse_existing(path, overwrite)
    return paths


def say_how(paths: "Paths", secret: str) -> None:
    """Says what to do with a project's files.

    Args:
        paths: The files.
        secret: What the key tells.
    """
    typer.echo(
        f"In Label Studio, paste {paths.config} as the labelling interface and import "
        f"{paths.tasks}. Keep {paths.key} from the annotators: it tells {secret}."
    )


def print_problems(problems: Sequence[str], effect: str) -> None:
    """Prints what is wrong in an export, a line for each item, and what comes of it."""
    for problem in problems:
        typer.echo(problem)
    if problems:
        typer.echo(f"{effect}: {len(problems)} left out.")


def print_absent(names: Sequence[str]) -> None:
    """Says which tasks of a key an export lacks."""
    if names:
        typer.echo(
            f"{len(names)} tasks of the key are not in the export, the first is {names[0]}; have "
            "them annotated, then export again"
        )


def interval(figures: Mapping[str, float | None], name: str, scale: float = 1.0) -> str:
    """Writes a figure with the ends of its interval (``low``, ``high``); "-" for none."""
    values = [figures[each] for each in (name, "low", "high")]
    if any(value is None for value in values):
        return "-"
    middle, low, high = (f"{value * scale:.2f}" for value in values if value is not None)
    return f"{middle} ({low} to {high})"


def say_counts(summary: Mapping[str, Any]) -> str:
    """Says what was done to the annotations of an export."""
    taken = ", ".join(f"{number} is {who}" for who, number in summary["taken_annotators"].items())
    return (
        f"{summary['cancelled_annotations']} annotations cancelled, "
        f"{summary['repeated_annotations']} repeated and counted once, "
        f"{summary['replaced_annotations']} replaced by a newer one of the same annotator"
        + (f"; by who was asked for what, {taken}" if taken else "")
    )

"""The commands ``fsa export`` and ``fsa report``."""

import pathlib
from typing import Annotated

import typer

_Checkpoint = Annotated[
    str, typer.Option("--checkpoint", help="Run directory, checkpoint, or Hugging Face folder.")
]
_Task = Annotated[
    str | None,
    typer.Option("--task", help="Task whose vocabulary it speaks; default: the run's own."),
]
_Step = Annotated[
    int | None,
    typer.Option("--step", help="Checkpoint of a run; default: its best, else its latest."),
]
_Module = Annotated[str, typer.Option(help="Module that registers the task.")]


def export(
    checkpoint: _Checkpoint,
    output_dir: Annotated[pathlib.Path, typer.Option("--output-dir", help="Folder to write.")],
    format: Annotated[str, typer.Option("--format", help="Only hf.")] = "hf",
    task: _Task = None,
    step: _Step = None,
    module: _Module = "tasks",
    overwrite: Annotated[bool, typer.Option(help="Replace a folder that is not empty.")] = False,
) -> None:
    """Export a student to a Hugging Face folder that plain transformers loads."""
    if format != "hf":
        raise ValueError(f"--format={format}: only hf is known")
    from fsa_jax.runtime import process

    process.import_quietly("seqio")
    from fsa_jax.student.export import export_hf
    from fsa_jax.student.load import load

    folder = export_hf(load(checkpoint, task, module=module, step=step), output_dir, overwrite)
    print(f"Hugging Face model → {folder}")


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

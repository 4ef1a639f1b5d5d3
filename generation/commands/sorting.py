"""``fsa errors``: people sort wrong predictions, in Label Studio."""

import collections
from pathlib import Path
from typing import Annotated, Any

import typer

from generation.commands import labelling, printing

errors = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Let people sort wrong predictions in Label Studio.",
)


@errors.command("sample")
def errors_sample(
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=PATH...",
            help="Systems and their predictions: files, run directories, or folders of seeds; "
            "several paths of one name are seeds.",
        ),
    ],
    output: Annotated[Path, typer.Option(help="Tasks, .json; interface and key lie beside it.")],
    count: Annotated[int, typer.Option(help="Of each system and task, about.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    annotators: labelling.Annotators = "",
    overwrite: labelling.Overwrite = False,
) -> None:
    """Draw wrong predictions, and write them as blinded tasks with their labelling interface."""
    from generation.people import errors as library

    paths = labelling.new_project(output, overwrite)
    named: dict[str, list[Path]] = collections.defaultdict(list)
    for word in systems:
        name, sign, path = word.partition("=")
        if not (name and sign and path):
            raise ValueError(f"{word}: give NAME=PATH, such as T5-base=runs/t5")
        named[name].append(Path(path))
    drawn = library.sample(named, output, count, seed, labelling.split(annotators))
    rows = [(p.system, p.task, p.predictions, sum(p.wrong.values()), number) for p, number in drawn]
    columns = ("system", "task", "predictions", "wrong", "drawn")
    printing.table(f"Tasks in {output}", columns, rows)
    labelling.say_how(paths, "whose each prediction is")
    printing.next_step(f"fsa errors report ANNOTATIONS.json --key {paths.key}")


@errors.command("report")
def errors_report(
    annotations: Annotated[Path, typer.Argument(help="Label Studio's export as JSON.")],
    key: labelling.Key = None,
    output: labelling.Figures = None,
) -> None:
    """Print the share of all predictions that each type of error has (table 7)."""
    from fsa_jax.runtime import files
    from generation.people import errors_report as library

    summary = library.report(annotations, key)
    labelling.print_problems(summary["problems"], "A task with a complaint does not count")
    _print_summary(summary)
    if output is not None:
        files.write_json(output, summary)


def _print_summary(summary: dict[str, Any]) -> None:
    by_task: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for row in summary["rows"]:
        by_task[row["task"]].append(row)
    names = summary["rows"][0]["types"]
    columns = ("system", *(name.split(":")[0] for name in names), "judged")
    for task, rows in by_task.items():
        lines = [
            (
                row["system"],
                *(labelling.interval(row["types"][name], "share", 100) for name in names),
                f"{row['judged']} of {row['wrong']}",
            )
            for row in rows
        ]
        title = f"{task}: errors in percent of all predictions, 95% (table 7)"
        printing.table(title, columns, lines)
    alpha = labelling.interval(summary["krippendorff_alpha"], "alpha")
    labelling.print_absent(summary["absent"])
    typer.echo(f"Krippendorff's alpha {alpha}; {labelling.say_counts(summary)}")

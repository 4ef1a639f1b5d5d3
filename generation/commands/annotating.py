"""``fsa annotate``: people annotate new benchmark data, in Label Studio."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generation.commands import labelling, printing

if TYPE_CHECKING:
    from generation.people.merging import Merged

annotate = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Let people annotate new benchmark data in Label Studio.",
)


@annotate.command("export")
def annotate_export(
    reviews: Annotated[Path, typer.Argument(help="Reviews, as `fsa reviews` writes them.")],
    output_dir: Annotated[Path, typer.Option(help="Folder of the tasks and interfaces.")],
    count: Annotated[int, typer.Option(help="Reviews of each domain.", min=1)] = 300,
    batch: Annotated[int, typer.Option(help="Reviews in a file of tasks.", min=1)] = 40,
    domain: Annotated[
        list[str] | None, typer.Option(help="restaurant or laptop; default: both.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw of reviews.")] = 0,
    annotators: labelling.Annotators = "",
    overwrite: labelling.Overwrite = False,
) -> None:
    """Write tasks in batches, and a labelling interface for each domain."""
    from fsa_jax.opinions.categories import NAMES
    from generation.people import annotating

    domains = domain or list(NAMES)
    for name in domains:
        if name not in NAMES:
            raise ValueError(f"--domain {name}: it is one of {', '.join(NAMES)}")
        annotating.make_room(output_dir, name, overwrite)
    names = labelling.split(annotators)
    batches = annotating.export(reviews, output_dir, count, batch, seed, names, domains)
    rows = [(name, count, len(files)) for name, files in batches.items()]
    printing.table(f"Tasks in {output_dir}", ("domain", "reviews", "files"), rows)
    for name, files in batches.items():
        typer.echo(
            f"In Label Studio, make a project of {name} with {output_dir / name}.xml as the "
            f"labelling interface, and import {files[0]}; the next file once that one is merged."
        )
    printing.next_step(f"fsa annotate merge ANNOTATIONS.json --output {output_dir / 'hard.json'}")


@annotate.command("merge")
def annotate_merge(
    annotations: Annotated[
        list[Path], typer.Argument(help="Label Studio's exports as JSON, all of one domain.")
    ],
    output: Annotated[Path, typer.Option(help="FSA JSON to write.")],
    reconciled: Annotated[
        list[Path] | None, typer.Option(help="Exports of what annotators decided together.")
    ] = None,
    hard_only: Annotated[
        bool, typer.Option(help="Keep only sentences with implicit or multiple sentiments.")
    ] = False,
    overwrite: labelling.Overwrite = False,
) -> None:
    """List what annotators differ in, and write what they agree on or have decided."""
    from fsa_jax.runtime import files
    from generation.people import label_studio, merging

    to_decide = label_studio.Paths(output.with_suffix(".discuss.json"))
    for path in (output, *(() if reconciled else (to_decide.tasks, to_decide.config))):
        files.refuse_existing(path, overwrite)
    merged = merging.merge(annotations, reconciled or ())
    labelling.print_problems(merged.problems, "A review with a complaint does not count")
    for difference in merged.differences:
        typer.echo(str(difference))
    _print_agreement(merged)
    chosen = merging.write(merged, output, hard_only)
    still_open = sum(difference.is_open for difference in merged.differences)
    typer.echo(
        f"{merged.reviews} reviews; {len(merged.differences)} sentences differ, "
        f"{still_open} of them open and dropped; {merged.left_out} left out by both; "
        f"{labelling.say_counts(merged.done)}"
    )
    typer.echo(
        f"{len(chosen)} sentences in {output}: {sum(bool(s.implicit) for s in chosen)} implicit, "
        f"{sum(s.is_multiple for s in chosen)} multiple"
    )
    if still_open and not reconciled:
        merging.write_tasks(merged, to_decide)
        typer.echo(
            f"To decide, make a project with {to_decide.config} as the labelling interface and "
            f"import {to_decide.tasks}: each review starts from either annotator's marks."
        )
        printing.next_step(
            f"fsa annotate merge {' '.join(map(str, annotations))} --reconciled DECIDED.json "
            f"--output {output} --overwrite"
        )
    else:
        printing.next_step(f"fsa benchmark stats {output}")


def _print_agreement(merged: "Merged") -> None:
    rows = [
        (layer, f["both"], f["first"], f["second"], labelling.interval(f, "f1", 100))
        for layer, f in merged.agreement.items()
    ]
    columns = ("layer", "both", "first", "second", "F1, 95%")
    printing.table("Agreement of annotators", columns, rows)
    alpha = merged.agreement["polarities"]["alpha"]
    if alpha is not None:
        typer.echo(f"Krippendorff's alpha of polarities: {alpha:.2f}")

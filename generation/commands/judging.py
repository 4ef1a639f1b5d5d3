"""``fsa humaneval``: people judge teachers, in Label Studio."""

from pathlib import Path
from typing import Annotated, Any

import typer

from generation.commands import printing

humaneval = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Let people judge teachers' analyses in Label Studio.",
)


@humaneval.command("export")
def humaneval_export(
    ledgers: Annotated[
        list[Path], typer.Argument(help="Output folders of `fsa generate`, one per teacher.")
    ],
    output: Annotated[Path, typer.Option(help="Tasks, .json; interface and key lie beside it.")],
    count: Annotated[int, typer.Option(help="Reviews of each domain.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Of the draw of reviews and letters.")] = 0,
    prompt: Annotated[str, typer.Option(help="Whose answers are judged.")] = "anl",
    overwrite: Annotated[bool, typer.Option(help="Replace the three files.")] = False,
) -> None:
    """Write blinded tasks and their labelling interface, with the paper's six scores."""
    from fsa_jax.runtime import files
    from generation.evaluation import human

    if output.suffix != ".json":
        raise ValueError(f"--output is {output}; name a .json file")
    paths = human.Paths(output)
    for path in (paths.tasks, paths.config, paths.key):
        files.refuse_existing(path, overwrite)
    exported = human.export(ledgers, output, count, seed, prompt)
    printing.table(f"Tasks in {output}", ("domain", "reviews"), exported.reviews.items())
    for teacher, number in sorted(exported.filtered.items()):
        typer.echo(
            f"{number} analyses of {teacher} were cut off or filtered; they are judged like all "
            "others."
        )
    for teacher, number in sorted(exported.unanswered.items()):
        typer.echo(
            f"{number} reviews were never answered by {teacher} and are not drawn; "
            "`fsa generate … --retry-failed` asks again."
        )
    typer.echo(
        f"In Label Studio, paste {paths.config} as the labelling interface and import {output}. "
        f"Keep {paths.key} from the annotators: it tells who stands behind each letter."
    )
    printing.next_step(f"fsa humaneval report ANNOTATIONS.json --key {paths.key}")


@humaneval.command("report")
def humaneval_report(
    annotations: Annotated[Path, typer.Argument(help="Label Studio's export as JSON.")],
    key: Annotated[
        Path | None, typer.Option(help="The .key.json of the tasks; default: the one beside.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
) -> None:
    """Print each teacher's scores, win rate, and how far annotators agree."""
    from fsa_jax.runtime import files
    from generation.evaluation import human_report

    summary = human_report.report(annotations, key)
    _print_summary(summary)
    if output is not None:
        files.write_json(output, summary)


def _print_summary(summary: dict[str, Any]) -> None:
    for domain, means in summary["means"].items():
        rows = [(name, *(f"{v:.2f}" for v in scores.values())) for name, scores in means.items()]
        names = next(iter(means.values()))
        printing.table(f"{domain}: mean scores, 0 to 2", ("teacher", *names), rows)
    if summary["win_rates"]:
        rates = [(name, f"{rate:.1%}") for name, rate in summary["win_rates"].items()]
        printing.table("Won against the others", ("teacher", "rate"), rates)
    alphas = summary["krippendorff_alpha"].items()
    rows = [(name, "-" if alpha is None else f"{alpha:.2f}") for name, alpha in alphas]
    printing.table("Agreement of annotators", ("score", "Krippendorff's alpha"), rows)
    typer.echo(
        f"{summary['analyses']} analyses, {summary['annotators']} annotators; "
        f"{summary['capped_sentiment_scores']} sentiment scores lowered to their precision, "
        f"{summary['cancelled_annotations']} annotations cancelled, "
        f"{summary['repeated_annotations']} repeated and counted once, "
        f"{summary['replaced_annotations']} replaced by a newer one of the same annotator"
    )

"""``fsa humaneval``: people judge teachers, in Label Studio."""

from pathlib import Path
from typing import Annotated, Any

import typer

from generation.commands import labelling, printing

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
    annotators: labelling.Annotators = "",
    overwrite: labelling.Overwrite = False,
) -> None:
    """Write blinded tasks and their labelling interface, with the paper's six scores."""
    from generation.people import judging

    paths = labelling.new_project(output, overwrite)
    names = labelling.split(annotators)
    exported = judging.export(ledgers, output, count, seed, prompt, names)
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
    labelling.say_how(paths, "who stands behind each letter")
    printing.next_step(f"fsa humaneval report ANNOTATIONS.json --key {paths.key}")


@humaneval.command("report")
def humaneval_report(
    annotations: Annotated[Path, typer.Argument(help="Label Studio's export as JSON.")],
    key: labelling.Key = None,
    output: labelling.Figures = None,
    figure: Annotated[
        Path | None, typer.Option(help="Also draw figure 3: scores by length of the review.")
    ] = None,
) -> None:
    """Print each teacher's scores, win rate, how far annotators agree, and what to talk about."""
    from fsa_jax.runtime import files
    from generation.people import judging_report

    summary = judging_report.report(annotations, key)
    labelling.print_problems(summary["problems"], "A review with a complaint does not count")
    _print_summary(summary)
    if figure is not None:
        judging_report.draw(summary["by_length"], figure)
    if output is not None:
        files.write_json(output, summary)


def print_figures(summary: dict[str, Any]) -> None:
    """Prints what teachers got, by whoever judged: table 3, figure 3 as a table, win rates."""
    for domain, means in summary["means"].items():
        rows = [(name, *(f"{v:.2f}" for v in scores.values())) for name, scores in means.items()]
        names = next(iter(means.values()))
        printing.table(f"{domain}: mean scores, 0 to 2 (table 3)", ("teacher", *names), rows)
    _print_lengths(summary["by_length"])
    if summary["win_rates"]:
        rates = [(name, f"{rate:.1%}") for name, rate in summary["win_rates"].items()]
        printing.table("Won against the others", ("teacher", "rate"), rates)


def _print_summary(summary: dict[str, Any]) -> None:
    print_figures(summary)
    alphas = summary["krippendorff_alpha"].items()
    rows = [(name, labelling.interval(each, "alpha")) for name, each in alphas]
    printing.table("Agreement of annotators", ("score", "Krippendorff's alpha, 95%"), rows)
    if summary["to_discuss"]:
        columns = ("task", "analysis", "score", "given")
        given = (each | {"given": _say(each["given"])} for each in summary["to_discuss"])
        rows = [tuple(each[column] for column in columns) for each in given]
        printing.table("To talk about: annotators differ by 2", columns, rows)
    labelling.print_absent(summary["absent"])
    typer.echo(
        f"{summary['analyses']} analyses, {summary['annotators']} annotators; "
        f"{summary['capped_sentiment_scores']} sentiment scores lowered to their precision, "
        f"{labelling.say_counts(summary)}"
    )


def _print_lengths(by_length: dict[str, list[dict[str, Any]]]) -> None:
    rows = [
        (teacher, _range(r["shortest"], r["longest"]), r["reviews"], labelling.interval(r, "mean"))
        for teacher, ranges in by_length.items()
        for r in ranges
    ]
    columns = ("teacher", "words", "reviews", "mean of the six scores, 95%")
    printing.table("By length of the review (figure 3)", columns, rows)


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _say(given: dict[str, int]) -> str:
    return ", ".join(f"{who}: {points}" for who, points in given.items())

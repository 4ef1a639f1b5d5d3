"""``fsa reviews``: from the original dumps to a file of reviews."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from generation.commands import flags, printing

reviews = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Collect, filter and sample reviews from the original dumps.",
)


@reviews.callback()
def _reviews() -> None:
    """Collect, filter and sample reviews from the original dumps."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where reviews come from."""

    source: Annotated[str, typer.Option(help="yelp, amazon or table (csv, tsv, JSON lines).")]
    businesses: Annotated[
        Path | None, typer.Option(help="yelp: business file, or the archive.")
    ] = None
    products: Annotated[Path | None, typer.Option(help="amazon: metadata file.")] = None
    category: Annotated[str | None, typer.Option(help="Default Restaurants or Laptops.")] = None
    domain: Annotated[str | None, typer.Option(help="table: restaurant or laptop.")] = None
    columns: Annotated[
        str, typer.Option(help="table: text=NAME,rating=NAME and, if any, id=NAME,title=NAME.")
    ] = "text=text,rating=rating"
    lowest_rating: Annotated[
        int | None,
        typer.Option(help="table: 0 where ratings are labels 0 to 4; else 1.", min=0, max=1),
    ] = None
    encoding: Annotated[
        str | None, typer.Option(help="table: of the text, such as cp1252; default UTF-8.")
    ] = None


@dataclasses.dataclass(frozen=True)
class Draw:
    """How many reviews are taken, and which."""

    count: Annotated[int | None, typer.Option(help="Reviews to take; all if not set.", min=1)] = (
        None
    )
    scheme: Annotated[
        str, typer.Option(help="R12421, R11111, R00100 or weights of 1 to 5 stars: a,b,c,d,e.")
    ] = "R11111"
    seed: Annotated[int, typer.Option(help="Same seed, same choice.")] = 0
    near_duplicates: Annotated[
        float | None,
        typer.Option(help="Also drop texts this similar; 3 KB memory each.", min=0.1, max=1),
    ] = None


@dataclasses.dataclass(frozen=True)
class Filters:
    """What a text must be to stay."""

    min_words: Annotated[int, typer.Option(min=1)] = 5
    max_words: Annotated[int, typer.Option(min=1)] = 400
    max_tokens: Annotated[int | None, typer.Option(help="In the teacher's tokens.", min=1)] = None
    tokenizer: Annotated[
        Path | None, typer.Option(help="For --max-tokens: tokenizer.json or SentencePiece model.")
    ] = None
    any_language: Annotated[bool, typer.Option(help="Keep other languages than English.")] = False


@reviews.command("collect")
@flags.grouped
def reviews_collect(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Review dumps, packed or not.")
    ],
    output: Annotated[Path, typer.Option(help="JSON lines to write.")],
    origin: Origin,
    draw: Draw,
    filters: Filters,
    max_bad_fraction: flags.BadFraction = 0.01,
    overwrite: Annotated[bool, typer.Option(help="Replace the output file.")] = False,
) -> None:
    """Collect reviews from the original dumps: join, clean, filter, sample."""
    from fsa_jax.runtime import files
    from generation.reviews import cleaning, collecting, from_dumps

    files.refuse_existing(output, overwrite)
    report = from_dumps.collect(
        from_dumps.Source(paths, **dataclasses.asdict(origin)),
        output,
        cleaning.Limits(
            filters.min_words,
            filters.max_words,
            filters.max_tokens,
            from_dumps.counter(filters.max_tokens, filters.tokenizer),
            not filters.any_language,
        ),
        collecting.Sampling(
            draw.count, collecting.scheme_weights(draw.scheme), draw.seed, draw.near_duplicates
        ),
        max_bad_fraction,
    )
    rows = [
        ("lines read", report.lines),
        *((f"- {name}", n) for name, n in report.dropped.most_common()),
    ]
    printing.table(f"Reviews in {output}", ("what", "number"), [*rows, ("written", report.written)])
    stars = [(f"{star}", report.before[star], report.after[star]) for star in range(1, 6)]
    printing.table("Stars", ("stars", "before filters", "written"), stars)
    for note in report.notes:
        typer.echo(f"note: {note}", err=True)
    if draw.count is not None and report.written < draw.count:
        typer.echo(f"note: only {report.written:,} of {draw.count:,} reviews are there", err=True)
    printing.next_step(
        f"fsa generate --teacher lexicon --reviews {output} --output-dir RUN --dry-run"
    )

"""``fsa corpus``: training corpora from ledgers or released files, and what they hold."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fsa_jax.opinions.corpus import HELD_OUT
from generation.commands import flags, printing

corpus = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Make training corpora from ledgers or released files, and describe them.",
)

_Folders = Annotated[list[Path], typer.Argument(help="Output folders of `fsa generate`.")]


@corpus.command("build")
@flags.grouped
def corpus_build(ledgers: _Folders, records: flags.Records, choice: flags.Ledgers) -> None:
    """Turn ledgers into TFRecords that training reads."""
    from generation.corpus import from_ledgers

    outcome = from_ledgers.build_from_ledgers(choice.reader(ledgers), records.settings())
    _print_outcome(outcome, records.output_dir)


@corpus.command("export")
@flags.grouped
def corpus_export(
    ledgers: _Folders,
    output: Annotated[Path, typer.Option(help="A .parquet or .jsonl file.")],
    choice: flags.Ledgers,
    overwrite: Annotated[bool, typer.Option(help="Replace the file.")] = False,
    validation_fraction: Annotated[
        float, typer.Option(help="Share of reviews held out.")
    ] = HELD_OUT,
) -> None:
    """Write the good rows of ledgers as Parquet or JSON lines; needs no TensorFlow."""
    from fsa_jax.runtime import files
    from generation.corpus import export

    files.refuse_existing(output, overwrite)
    count = export.export(choice.reader(ledgers), output, validation_fraction)
    typer.echo(f"{count:,} rows in {output}")


@corpus.command("stats")
def corpus_stats(
    paths: Annotated[list[Path], typer.Argument(help="Run folders (ledgers), or data roots.")],
    output_dir: Annotated[Path, typer.Option(help="Folder for stats.json and stats.png.")],
    vocabulary: Annotated[
        Path | None, typer.Option(help="SentencePiece model; default FSA_VOCABULARY.")
    ] = None,
) -> None:
    """Describe a corpus: lengths, opinions, sentiment by rating, what failed."""
    from fsa_jax.runtime import files
    from generation import dry_run
    from generation.corpus import build, stats

    model = build.default_vocabulary(vocabulary)
    found = stats.gather(stats.read(paths), dry_run.token_counter(model))
    summary = found.summary()
    files.write_json(output_dir / "stats.json", summary)
    stats.plot(found, output_dir / "stats.png")
    _print_stats(summary, "tokens" if model else "tokens, guessed by length; name a --vocabulary")
    typer.echo(
        f"{summary['targets_per_review_mean']} opinions a review; plots: {output_dir}/stats.png"
    )


def _print_stats(summary: dict[str, Any], unit: str) -> None:
    printing.table("Rows", ("config and status", "number"), summary["rows"].items())
    if summary["reasons"]:
        printing.table("Left out", ("reason", "number"), summary["reasons"].items())
    lengths = summary["lengths"]
    names = list(next(iter(lengths.values()), {}))
    rows = []
    for name in names:
        numbers = [of[name] for of in lengths.values()]
        shown = [f"{share:.1%}" for share in numbers] if "over" in name else numbers
        rows.append((name.replace("_", " "), *shown))
    printing.table(f"Lengths ({unit})", ("what", *lengths), rows)
    levels = ["stars", *next(iter(summary["sentiment_by_stars"].values()), {})]
    rows = [(star, *levels.values()) for star, levels in summary["sentiment_by_stars"].items()]
    printing.table("Opinions by rating", levels, rows)


@corpus.command("vocabulary")
def corpus_vocabulary(
    paths: Annotated[list[Path], typer.Argument(help="Run folders (ledgers), or data roots.")],
    output: Annotated[Path, typer.Option(help="The SentencePiece model to write.")],
    pieces: Annotated[int, typer.Option(min=1, help="Pieces to keep.")],
    vocabulary: Annotated[
        Path | None, typer.Option(help="SentencePiece model to cut; default FSA_VOCABULARY.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace the file.")] = False,
) -> None:
    """Cut a vocabulary to the pieces used most, for students that start from nothing."""
    from fsa_jax.opinions.corpus import SENTINELS
    from fsa_jax.runtime import files
    from generation.corpus import build, stats
    from generation.corpus import vocabulary as vocabularies

    source = build.default_vocabulary(vocabulary)
    if source is None:
        raise ValueError(
            "no vocabulary to cut: name a local file by --vocabulary, or set FSA_VOCABULARY"
        )
    files.refuse_existing(output, overwrite)
    texts = (text for row in stats.read(paths) for text in (row.inputs, row.targets))
    done = vocabularies.trim(source, texts, pieces, output)
    typer.echo(
        f"{done.pieces:,} of {done.before:,} pieces in {output}: {done.covered:.1%} of the tokens "
        f"keep their piece, texts are {done.longer - 1:.1%} longer"
    )
    typer.echo(f"VOCAB_SIZE: at least {done.pieces + SENTINELS + 1} (sentinels and the newline)")


@corpus.command("import")
@flags.grouped
def corpus_import(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Files of the released corpus.")
    ],
    teacher: Annotated[str, typer.Option(help="Name of the teacher that wrote the responses.")],
    records: flags.Records,
    domain: Annotated[
        str, typer.Option(help="restaurant, laptop, or auto: by folder, else by content.")
    ] = "auto",
    prompt: Annotated[
        str, typer.Option(help="anl, rw, or auto: by folder, else by content.")
    ] = "auto",
    max_bad_fraction: flags.BadFraction = 0.01,
) -> None:
    """Import the paper's released corpus; what cannot be told is listed and left out."""
    from generation.corpus import released

    counts, outcome, listed = released.import_released(
        paths, teacher, domain, prompt, records.settings(), max_bad_fraction
    )
    _print_outcome(outcome, records.output_dir)
    kept = sum(sum(splits.values()) for splits in outcome.splits.values())
    rows = [("lines", counts.lines), ("in the corpora", kept), *sorted(counts.reasons.items())]
    rows += [("same review and prompt again", outcome.superseded)] if outcome.superseded else []
    printing.table("Lines read", ("what", "number"), rows)
    typer.echo(f"left out: {listed}")


@corpus.command("card")
def corpus_card(
    root: Annotated[Path, typer.Argument(help="Data root, whose understanding/ holds corpora.")],
    licence: Annotated[
        str | None,
        typer.Option(help="Licence that you give the texts on with, such as cc-by-nc-4.0."),
    ] = None,
) -> None:
    """Write the card (README.md) of a data root's corpora; building them writes one, too."""
    from generation.corpus import card

    path = card.write_card(root, licence)
    typer.echo(f"card: {path}")
    printing.next_step(f"fsa push {path.parent} YOU/NAME --dry-run")


def _print_outcome(outcome: Any, output_dir: Path) -> None:
    from fsa_jax.runtime import files

    rows = []
    for config, counts in sorted(outcome.counts.items()):
        splits = outcome.splits.get(config, {})
        statuses = ", ".join(f"{name} {number}" for name, number in sorted(counts.statuses.items()))
        rows.append((config, splits.get("train", 0), splits.get("validation", 0), statuses))
    printing.table(
        f"Corpora in {output_dir}/understanding", ("config", "train", "validation", "rows"), rows
    )
    if outcome.clashes:
        typer.echo(
            f"note: {outcome.clashes:,} rows are left out, since their review ids stand for other "
            f"reviews, too, such as {files.shown(outcome.clash)}",
            err=True,
        )

"""Commands of ``fsa`` that make data.

Parse, call the library, print. Heavy imports stay inside the functions.
"""

from pathlib import Path
from typing import Annotated

import typer

reviews = typer.Typer(
    no_args_is_help=True, help="Collect, filter and sample reviews from the original dumps."
)
corpus = typer.Typer(
    no_args_is_help=True,
    help="Make training corpora from ledgers or released files, and describe them.",
)


def sample(
    output_dir: Annotated[
        Path, typer.Option(help="Data root to fill: reviews.jsonl, fsa/…, vocabulary.model.")
    ],
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    reviews: Annotated[
        int, typer.Option(help="Number of reviews; half restaurants, half laptops.", min=2)
    ] = 4000,
    overwrite: Annotated[bool, typer.Option(help="Write into a folder that is not empty.")] = False,
) -> None:
    """Write the sample world: made-up reviews, a benchmark, a vocabulary."""
    from generation.world.sample import write_sample

    counts = write_sample(output_dir, seed=seed, reviews=reviews, overwrite=overwrite)
    _table(f"Sample world in {output_dir}", ("what", "number"), counts.items())
    _next(
        f"fsa generate --teacher lexicon --prompt anl,rw --reviews {output_dir}/reviews.jsonl "
        "--output-dir RUN"
    )


def generate(
    reviews: Annotated[Path, typer.Option(help="JSON lines of reviews.")],
    output_dir: Annotated[Path, typer.Option(help="Folder of this run's ledgers.")],
    teacher: Annotated[str, typer.Option(help="lexicon.")] = "lexicon",
    prompt: Annotated[
        str, typer.Option(help="Shipped names or .yaml files, parted by commas.")
    ] = "anl,rw",
    shard: Annotated[
        str, typer.Option(help="i/n: answer the i-th of n parts, counted from 0.")
    ] = "0/1",
    retry_failed: Annotated[bool, typer.Option(help="Ask again what failed before.")] = False,
    max_failure_rate: Annotated[
        float, typer.Option(help="Exit with 1 above this share.", min=0, max=1)
    ] = 0.05,
) -> None:
    """Let a teacher answer prompts about reviews, into an append-only ledger.

    Run again to go on.
    """
    from generation import prompting, run
    from generation.teachers.lexicon import LexiconTeacher

    if teacher != "lexicon":
        raise ValueError(f"--teacher {teacher!r} is unknown; use lexicon")
    index, shards = _shard(shard)
    options = run.Options(
        reviews, output_dir, tuple(prompting.load_all(prompt)), index, shards,
        retry_failed=retry_failed, max_failure_rate=max_failure_rate,
    )  # fmt: skip
    progress = run.generate(options, LexiconTeacher())
    rows = [("requests", progress.total), ("kept", progress.kept), ("written", progress.written)]
    rows += sorted(progress.statuses.items()) + sorted(progress.reasons.items())
    _table(f"Ledger in {output_dir}", ("what", "number"), rows)
    _next(f"fsa corpus build {output_dir} --output-dir DATA")
    if progress.failure_rate > max_failure_rate:
        raise typer.Exit(1)


@corpus.command("build")
def corpus_build(
    ledgers: Annotated[list[Path], typer.Argument(help="Output folders of `fsa generate`.")],
    output_dir: Annotated[
        Path, typer.Option(help="Data root; corpora go to understanding/ in it.")
    ],
    overwrite: Annotated[bool, typer.Option(help="Replace corpora of the same names.")] = False,
    ablations: Annotated[
        bool, typer.Option(help="Also ANL without reasoning and without labels.")
    ] = False,
    allow_incomplete: Annotated[
        bool, typer.Option(help="Take unfinished runs as they are.")
    ] = False,
    validation_fraction: Annotated[float, typer.Option(help="Share of reviews held out.")] = 0.02,
    shard_mb: Annotated[int, typer.Option(help="Size of a TFRecord file.", min=1)] = 128,
    vocabulary: Annotated[
        Path | None, typer.Option(help="SentencePiece model to name in the manifest.")
    ] = None,
) -> None:
    """Turn ledgers into TFRecords that training reads."""
    from generation.corpus import build, from_ledgers

    settings = build.Settings(
        output_dir,
        overwrite,
        validation_fraction,
        shard_mb << 20,
        build.default_vocabulary(vocabulary),
    )
    reader = from_ledgers.LedgerReader(ledgers, ablations, allow_incomplete)
    outcome = from_ledgers.build_from_ledgers(reader, settings)
    _print_outcome(outcome, output_dir)


@corpus.command("import")
def corpus_import(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Files of the released corpus.")
    ],
    output_dir: Annotated[
        Path, typer.Option(help="Data root; corpora go to understanding/ in it.")
    ],
    teacher: Annotated[str, typer.Option(help="Name of the teacher that wrote the responses.")],
    domain: Annotated[
        str, typer.Option(help="restaurant, laptop, or auto: by folder, else by content.")
    ] = "auto",
    prompt: Annotated[
        str, typer.Option(help="anl, rw, or auto: by folder, else by content.")
    ] = "auto",
    overwrite: Annotated[bool, typer.Option(help="Replace corpora of the same names.")] = False,
    max_bad_fraction: Annotated[
        float, typer.Option(help="Fail above this share of bad lines.", min=0, max=1)
    ] = 0.01,
    validation_fraction: Annotated[float, typer.Option(help="Share of reviews held out.")] = 0.02,
    shard_mb: Annotated[int, typer.Option(help="Size of a TFRecord file.", min=1)] = 128,
    vocabulary: Annotated[
        Path | None, typer.Option(help="SentencePiece model to name in the manifest.")
    ] = None,
) -> None:
    """Import the paper's released corpus; what cannot be told is listed and left out."""
    from generation.corpus import build, released

    settings = build.Settings(
        output_dir,
        overwrite,
        validation_fraction,
        shard_mb << 20,
        build.default_vocabulary(vocabulary),
    )
    counts, outcome, listed = released.import_released(
        paths, teacher, domain, prompt, settings, max_bad_fraction
    )
    _print_outcome(outcome, output_dir)
    kept = sum(sum(splits.values()) for splits in outcome.splits.values())
    rows = [("lines", counts.lines), ("in the corpora", kept), *sorted(counts.reasons.items())]
    rows += [("same review and prompt again", outcome.superseded)] if outcome.superseded else []
    _table("Lines read", ("what", "number"), rows)
    typer.echo(f"left out: {listed}")


def _shard(text: str) -> tuple[int, int]:
    parts = text.split("/")
    if (
        len(parts) != 2
        or not all(part.isdigit() for part in parts)
        or int(parts[0]) >= int(parts[1])
    ):
        raise ValueError(f"--shard is {text!r}; use i/n with i from 0 to n-1, such as 0/4")
    return int(parts[0]), int(parts[1])


def _print_outcome(outcome, output_dir: Path) -> None:
    rows = []
    for config, counts in sorted(outcome.counts.items()):
        splits = outcome.splits.get(config, {})
        statuses = ", ".join(f"{name} {number}" for name, number in sorted(counts.statuses.items()))
        rows.append((config, splits.get("train", 0), splits.get("validation", 0), statuses))
    _table(
        f"Corpora in {output_dir}/understanding", ("config", "train", "validation", "rows"), rows
    )


def _table(title: str, columns, rows) -> None:
    import rich.console
    import rich.table

    table = rich.table.Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row))
    rich.console.Console().print(table)


def _next(command: str) -> None:
    typer.echo(f"next: {command}")

"""``fsa sample`` and ``fsa generate``: what teachers read and write."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generation.commands import flags, printing

if TYPE_CHECKING:
    from generation.progress import Progress
    from generation.run import Options
    from generation.teachers import factory


def sample(
    output_dir: Annotated[
        Path, typer.Option(help="Data root to fill: reviews.jsonl, fsa/…, vocabulary.model, ….")
    ],
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    reviews: Annotated[
        int, typer.Option(help="Number of reviews; half restaurants, half laptops.", min=2)
    ] = 4000,
    overwrite: Annotated[bool, typer.Option(help="Write into a folder that is not empty.")] = False,
    scheme: Annotated[
        str, typer.Option(help="Stars of the reviews: R12421, R11111, R00100, or a,b,c,d,e.")
    ] = "R11111",
) -> None:
    """Write the sample world: made-up reviews, benchmarks, a vocabulary."""
    from generation.reviews.collecting import scheme_weights
    from generation.world.sample import write_sample

    weights = None if scheme == "R11111" else scheme_weights(scheme)
    counts = write_sample(output_dir, seed, reviews, overwrite, weights)
    printing.table(f"Sample world in {output_dir}", ("what", "number"), counts.items())
    printing.next_step(
        f"fsa generate --teacher lexicon --prompt anl,rw --reviews {output_dir}/reviews.jsonl "
        "--output-dir RUN"
    )


@flags.grouped
def generate(
    *,
    reviews: Annotated[Path, typer.Option(help="JSON lines of reviews.")],
    output_dir: Annotated[Path, typer.Option(help="Folder of this run's ledgers.")],
    teacher: Annotated[
        str, typer.Option(help="llama2_7b, mixtral_8x7b, gpt35, lexicon, or a name of your own.")
    ] = "lexicon",
    prompt: Annotated[
        str, typer.Option(help="Shipped names or .yaml files, parted by commas.")
    ] = "anl,rw",
    model: flags.Model,
    sampling: flags.Sampling,
    costs: flags.Costs,
    limits: flags.Limits,
    part: flags.Part,
    engine: flags.Engine,
    batches: flags.Batches,
    runner: flags.Runner,
    preview: flags.Preview,
) -> None:
    """Let a teacher answer prompts about reviews into a ledger; run again to go on."""
    from generation import foreground, prompting, run

    choice = model.choice(
        teacher,
        sampling.chosen(),
        costs,
        engine,
        batches,
    )
    index, count = _shard(part.shard)
    options = run.Options(
        reviews.expanduser(),
        output_dir.expanduser(),
        tuple(prompting.load_all(prompt)),
        index,
        count,
        max_cost=costs.max_cost,
        **vars(limits),
    )
    if preview.dry_run:
        foreground.show_dry_run(choice, options, preview.tokenizer)
        return
    with interrupted_in_words():
        (progress,) = run_each(runner, choice, [options])
    _report_run(progress, options)


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise ValueError(f"--shard is {text!r}; use i/n with i from 0 to n-1, such as 0/4")
    return int(index), int(count)


def run_each(
    runner: flags.Runner, choice: "factory.Choice", runs: Sequence["Options"]
) -> list["Progress"]:
    """Runs runs where the flags say; see ``foreground.generate_each``."""
    from generation import foreground

    if runner.runner == "local":
        return foreground.generate_each(choice, runs)
    if runner.runner == "ray":
        from generation import ray_runner

        if any(options.shards > 1 for options in runs):
            raise ValueError("--shard goes with --runner local; for ray, name how many --shards")
        cluster = ray_runner.Cluster(
            runner.workers,
            runner.shards or 4 * runner.workers,
            runner.worker_gpus,
            runner.worker_cpus,
        )
        return foreground.in_turn(runs, lambda each: ray_runner.generate(choice, each, cluster))
    raise ValueError(f"--runner is {runner.runner!r}; use local or ray")


def _report_run(progress: "Progress", options: "Options") -> None:
    """Prints the counts and ends the command with the exit status that they ask for."""
    rows: list[tuple[str, int | str]] = [
        ("requests", progress.total),
        ("kept", progress.kept),
        ("written", progress.written),
        ("left", progress.left),
        *sorted(progress.statuses.items()),
        *sorted(progress.reasons.items()),
    ]
    if progress.cost:
        rows.append(("cost in US dollars", f"{progress.cost:.4f}"))
    if progress.guessed:
        rows.append(("cost of uncounted tokens, guessed", f"{progress.guessed:.4f}"))
    printing.table(f"Ledger in {options.folder}", ("what", "number"), rows)
    exit_unless_well(progress, options)
    printing.next_step(f"fsa corpus build {options.folder} --output-dir DATA")


def exit_unless_well(progress: "Progress", options: "Options") -> None:
    """Ends the command with the exit status that a run asks for, unless all went well."""
    if verdict := options.verdict(progress):
        typer.echo(verdict.words, err=True)
        raise typer.Exit(verdict.code)


@contextlib.contextmanager
def interrupted_in_words() -> Iterator[None]:
    """Ends a command that was interrupted at once as one that can go on."""
    from fsa_jax.runtime import exits

    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stopped at once; run the same command again to go on", err=True)
        raise typer.Exit(exits.STOPPED) from None

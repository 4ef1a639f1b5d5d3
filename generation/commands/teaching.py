"""``fsa sample``, ``fsa generate`` and ``fsa evaluate``: what teachers read and write."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from generation.commands import flags, printing


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
    engine: flags.Engine,
    batches: flags.Batches,
    runner: flags.Runner,
    dry_run: Annotated[bool, typer.Option(help="Show prompts, tokens, cost, time.")] = False,
    tokenizer: Annotated[
        Path | None, typer.Option(help="For --dry-run: tokenizer.json or SentencePiece model.")
    ] = None,
) -> None:
    """Let a teacher answer prompts about reviews into a ledger; run again to go on."""
    from generation import foreground, prompting, run

    choice = model.choice(
        teacher,
        sampling.chosen(),
        price_prompt=costs.price_prompt,
        price_completion=costs.price_completion,
        engine=vars(engine),
        batch={"requests": batches.batch_requests, "poll": batches.poll},
    )
    index, count = _shard(limits.shard)
    options = run.Options(
        reviews.expanduser(),
        output_dir.expanduser(),
        tuple(prompting.load_all(prompt)),
        index,
        count,
        retry_failed=limits.retry_failed,
        max_cost=costs.max_cost,
        max_failure_rate=limits.max_failure_rate,
        max_filter_rate=limits.max_filter_rate,
    )
    if dry_run:
        foreground.show_dry_run(choice, options, tokenizer)
        return
    with _interrupted_in_words():
        progress = _run(runner, choice, options)
    _report_run(progress, options)


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise ValueError(f"--shard is {text!r}; use i/n with i from 0 to n-1, such as 0/4")
    return int(index), int(count)


def _run(runner: flags.Runner, choice: Any, options: Any) -> Any:
    if runner.runner == "local":
        from generation import foreground

        return foreground.generate(choice, options)
    if runner.runner == "ray":
        from generation import ray_runner

        if options.shards > 1:
            raise ValueError("--shard goes with --runner local; for ray, name how many --shards")

        return ray_runner.generate(
            choice,
            options,
            ray_runner.Cluster(
                runner.workers,
                runner.shards or 4 * runner.workers,
                runner.worker_gpus,
                runner.worker_cpus,
            ),
        )
    raise ValueError(f"--runner is {runner.runner!r}; use local or ray")


def _report_run(progress: Any, options: Any) -> None:
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
    _exit_unless_well(progress, options)
    printing.next_step(f"fsa corpus build {options.folder} --output-dir DATA")


def _exit_unless_well(progress: Any, options: Any) -> None:
    if verdict := options.verdict(progress):
        typer.echo(verdict.words, err=True)
        raise typer.Exit(verdict.code)


@contextlib.contextmanager
def _interrupted_in_words() -> Iterator[None]:
    """Ends a command that was interrupted at once as one that can go on."""
    from fsa_jax.runtime import exits

    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stopped at once; run the same command again to go on", err=True)
        raise typer.Exit(exits.STOPPED) from None


@flags.grouped
def evaluate(
    task: Annotated[
        str, typer.Option(help="tsa_rest14, asa_rest16, tsc_laptop14, asc_laptop16, …")
    ],
    data_dir: Annotated[
        Path, typer.Option(help="Data root that holds fsa/.", envvar="FSA_DATA_DIR")
    ],
    output_dir: Annotated[Path, typer.Option(help="Folder of the ledger and the predictions.")],
    teacher: Annotated[str, typer.Option(help="A preset, or a name of your own.")],
    model: flags.Model,
    costs: flags.Costs,
    shots: Annotated[int | None, typer.Option(help="Demonstrations; default the paper's.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw of demonstrations.")] = 42,
    split: Annotated[
        str, typer.Option(help="test, test_original, test_hard, dev or train.")
    ] = "test",
) -> None:
    """Let an LLM do a benchmark task in context, and write predictions to be scored."""
    from fsa_jax.opinions.data_sets import sentences_of
    from generation import foreground, run
    from generation.evaluation import in_context
    from generation.run_folder import RunFolder
    from generation.teachers import factory

    choice = model.choice(
        teacher,
        dict(in_context.SAMPLING),
        price_prompt=costs.price_prompt,
        price_completion=costs.price_completion,
    )
    spec, _ = factory.describe(choice)
    if spec.backend == "lexicon":
        raise ValueError("the lexicon teacher does no benchmark tasks; name an LLM by --teacher")
    asked = in_context.ask(task, split, data_dir)
    train = sentences_of(in_context.asked_data_set(task), "train", data_dir)
    prompt = in_context.make_prompt(task, train, shots, seed)
    folder = RunFolder(output_dir.expanduser())
    folder.prepare(folder.predictions(task))
    questions = folder.questions(task)
    in_context.write_questions(task, asked, questions)
    options = run.Options(questions, folder.path, (prompt,), max_cost=costs.max_cost)
    with _interrupted_in_words():
        progress = foreground.generate(choice, options)
    output = in_context.write_predictions(task, asked, prompt, spec, options)
    rows = [
        ("questions", progress.total),
        ("left", progress.left),
        *sorted(progress.statuses.items()),
    ]
    printing.table(f"Predictions in {output}", ("what", "number"), rows)
    _exit_unless_well(progress, options)
    printing.next_step(f"fsa score {output}")

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


@reviews.callback()
def _reviews() -> None:
    """Collect, filter and sample reviews from the original dumps."""


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
    teacher: Annotated[
        str, typer.Option(help="llama2_7b, mixtral_8x7b, gpt35, lexicon, or a name of your own.")
    ] = "lexicon",
    prompt: Annotated[
        str, typer.Option(help="Shipped names or .yaml files, parted by commas.")
    ] = "anl,rw",
    backend: Annotated[
        str | None,
        typer.Option(help="vllm, openai, openai_batch or lexicon; default: the preset's."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model name or folder.")] = None,
    revision: Annotated[str | None, typer.Option(help="Revision of the model.")] = None,
    base_url: Annotated[
        str | None,
        typer.Option(help="OpenAI-compatible service, such as http://localhost:8000/v1."),
    ] = None,
    service: Annotated[
        str | None, typer.Option(help="Name that stands for the base URL in keys, if it may move.")
    ] = None,
    api_key_env: Annotated[
        str, typer.Option(help="Environment variable that holds the API key.")
    ] = "OPENAI_API_KEY",
    temperature: Annotated[float | None, typer.Option(help="Default 0.7.", min=0)] = None,
    top_p: Annotated[float | None, typer.Option(help="Default 0.95.", min=0, max=1)] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Default 768.", min=1)] = None,
    concurrency: Annotated[int, typer.Option(help="openai: most requests at once.", min=1)] = 64,
    timeout: Annotated[float, typer.Option(help="openai: seconds for one attempt.", min=0.1)] = 120,
    attempts: Annotated[int, typer.Option(help="openai: most attempts per request.", min=1)] = 8,
    batch_requests: Annotated[
        int, typer.Option(help="openai_batch: most requests in a batch.", min=1)
    ] = 50_000,
    poll: Annotated[float, typer.Option(help="openai_batch: seconds between looks.")] = 30,
    tensor_parallel: Annotated[int, typer.Option(help="vllm: GPUs that share a layer.")] = 1,
    pipeline_parallel: Annotated[int, typer.Option(help="vllm: groups of layers.")] = 1,
    quantization: Annotated[str | None, typer.Option(help="vllm: such as awq, gptq, fp8.")] = None,
    dtype: Annotated[str, typer.Option(help="vllm: auto, bfloat16, float16, float32.")] = "auto",
    max_model_len: Annotated[int | None, typer.Option(help="vllm: prompt and answer.")] = None,
    window: Annotated[int, typer.Option(help="vllm: most requests in the engine.", min=1)] = 512,
    enforce_eager: Annotated[bool, typer.Option(help="vllm: no compiled graphs.")] = False,
    price_prompt: Annotated[float | None, typer.Option(help="US dollars per million.")] = None,
    price_completion: Annotated[float | None, typer.Option(help="US dollars per million.")] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="Stop before this many US dollars.")
    ] = None,
    max_failure_rate: Annotated[
        float, typer.Option(help="Exit with 1 above this share of failures.", min=0, max=1)
    ] = 0.05,
    shard: Annotated[str, typer.Option(help="i/n: answer the i-th of n parts, from 0.")] = "0/1",
    retry_failed: Annotated[bool, typer.Option(help="Ask again what failed before.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Show prompts, tokens, cost, time.")] = False,
    tokenizer: Annotated[
        Path | None, typer.Option(help="For --dry-run: tokenizer.json or SentencePiece model.")
    ] = None,
    runner: Annotated[
        str, typer.Option(help="local, or ray: spread shards over a cluster.")
    ] = "local",
    workers: Annotated[int, typer.Option(help="ray: engines at a time.", min=1)] = 2,
    worker_gpus: Annotated[float, typer.Option(help="ray: GPUs of each worker.", min=0)] = 0,
    worker_cpus: Annotated[float, typer.Option(help="ray: CPUs of each worker.", min=0)] = 1,
    shards: Annotated[int | None, typer.Option(help="ray: default 4 a worker.")] = None,
) -> None:
    """Let a teacher answer prompts about reviews into a ledger; run again to go on."""
    from generation import prompting, run, session
    from generation.teachers.factory import Choice

    sampling = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens}
    choice = Choice(
        teacher=teacher,
        backend=backend,
        model=model,
        revision=revision,
        base_url=base_url,
        service=service,
        key_variable=api_key_env,
        sampling={name: value for name, value in sampling.items() if value is not None},
        price_prompt=price_prompt,
        price_completion=price_completion,
        concurrency=concurrency,
        timeout=timeout,
        attempts=attempts,
        engine={
            "tensor_parallel": tensor_parallel,
            "pipeline_parallel": pipeline_parallel,
            "quantization": quantization,
            "dtype": dtype,
            "max_model_len": max_model_len,
            "window": window,
            "enforce_eager": enforce_eager,
        },
        batch={"requests": batch_requests, "poll": poll},
    )
    index, count = _shard(shard)
    options = run.Options(
        reviews,
        output_dir,
        tuple(prompting.load_all(prompt)),
        index,
        count,
        retry_failed=retry_failed,
        max_cost=max_cost,
        max_failure_rate=max_failure_rate,
    )
    if dry_run:
        session.show_dry_run(choice, options, tokenizer)
        return
    if runner == "ray":
        from generation import ray_runner

        cluster = ray_runner.Cluster(workers, shards or 4 * workers, worker_gpus, worker_cpus)
        progress = ray_runner.generate(choice, options, cluster)
    elif runner == "local":
        progress = session.generate(choice, options)
    else:
        raise ValueError(f"--runner is {runner!r}; use local or ray")
    rows: list[tuple[str, int | str]] = [
        ("requests", progress.total),
        ("kept", progress.kept),
        ("written", progress.written),
    ]
    rows += [("left", progress.left), *sorted(progress.statuses.items())]
    rows += sorted(progress.reasons.items())
    if progress.cost:
        rows.append(("cost in US dollars", f"{progress.cost:.4f}"))
    _table(f"Ledger in {output_dir}", ("what", "number"), rows)
    if progress.stopped:
        typer.echo(f"stopped: {progress.stopped}; run the same command again to go on", err=True)
        raise typer.Exit(3)
    if progress.failure_rate > max_failure_rate:
        typer.echo(
            f"{progress.failure_rate:.1%} of the requests failed, more than --max-failure-rate "
            f"{max_failure_rate:g}; see the reasons, then pass --retry-failed",
            err=True,
        )
        raise typer.Exit(1)
    _next(f"fsa corpus build {output_dir} --output-dir DATA")


@reviews.command("collect")
def reviews_collect(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Review dumps: .json, .csv, .gz, .tar.")
    ],
    output: Annotated[Path, typer.Option(help="JSON lines to write.")],
    source: Annotated[str, typer.Option(help="yelp, amazon or table (csv and JSON lines).")],
    businesses: Annotated[
        Path | None, typer.Option(help="yelp: business file, or the .tar.")
    ] = None,
    products: Annotated[Path | None, typer.Option(help="amazon: metadata file.")] = None,
    category: Annotated[str | None, typer.Option(help="Default Restaurants or Laptops.")] = None,
    domain: Annotated[str | None, typer.Option(help="table: restaurant or laptop.")] = None,
    columns: Annotated[
        str, typer.Option(help="table: text=NAME,rating=NAME and, if any, id=NAME,title=NAME.")
    ] = "text=text,rating=rating",
    count: Annotated[
        int | None, typer.Option(help="Reviews to take; all if not set.", min=1)
    ] = None,
    scheme: Annotated[
        str, typer.Option(help="R12421, R11111, R00100 or weights of 1 to 5 stars: a,b,c,d,e.")
    ] = "R11111",
    seed: Annotated[int, typer.Option(help="Same seed, same choice.")] = 0,
    min_words: Annotated[int, typer.Option(min=1)] = 5,
    max_words: Annotated[int, typer.Option(min=1)] = 400,
    max_tokens: Annotated[int | None, typer.Option(help="In the teacher's tokens.", min=1)] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="For --max-tokens: tokenizer.json or SentencePiece model.")
    ] = None,
    any_language: Annotated[bool, typer.Option(help="Keep other languages than English.")] = False,
    near_duplicates: Annotated[
        float | None, typer.Option(help="Also drop texts this similar (0 to 1); 3 KB memory each.")
    ] = None,
    max_bad_fraction: Annotated[
        float, typer.Option(help="Fail above this share of bad lines.")
    ] = 0.01,
    overwrite: Annotated[bool, typer.Option(help="Replace the output file.")] = False,
) -> None:
    """Collect reviews from the original dumps: join, clean, filter, sample."""
    from generation.reviews import cleaning, collecting, session

    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists; name another --output, or pass --overwrite")
    task = session.Source(paths, source, businesses, products, category, domain, columns)
    limits = cleaning.Limits(
        min_words, max_words, max_tokens, session.counter(max_tokens, tokenizer), not any_language
    )
    sampling = collecting.Sampling(count, collecting.scheme_weights(scheme), seed, near_duplicates)
    report = session.collect(task, output, limits, sampling, max_bad_fraction)
    rows = [
        ("lines read", report.lines),
        *((f"- {name}", n) for name, n in report.dropped.most_common()),
    ]
    _table(f"Reviews in {output}", ("what", "number"), [*rows, ("written", report.written)])
    stars = [(f"{star}", report.before[star], report.after[star]) for star in range(1, 6)]
    _table("Stars", ("stars", "before filters", "written"), stars)
    if count is not None and report.written < count:
        typer.echo(f"note: only {report.written:,} of {count:,} reviews are there", err=True)
    _next(f"fsa generate --teacher lexicon --reviews {output} --output-dir RUN --dry-run")


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


@corpus.command("export")
def corpus_export(
    ledgers: Annotated[list[Path], typer.Argument(help="Output folders of `fsa generate`.")],
    output: Annotated[Path, typer.Option(help="A .parquet or .jsonl file.")],
    overwrite: Annotated[bool, typer.Option(help="Replace the file.")] = False,
    ablations: Annotated[bool, typer.Option(help="Also ANL without reasoning and labels.")] = False,
    allow_incomplete: Annotated[
        bool, typer.Option(help="Take unfinished runs as they are.")
    ] = False,
    validation_fraction: Annotated[float, typer.Option(help="Share of reviews held out.")] = 0.02,
) -> None:
    """Write the good rows of ledgers as Parquet or JSON lines; needs no TensorFlow."""
    from generation.corpus import export, from_ledgers

    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists; name another --output, or pass --overwrite")
    reader = from_ledgers.LedgerReader(ledgers, ablations, allow_incomplete)
    count = export.export(reader, output, validation_fraction)
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
    from generation import dry_run, files
    from generation.corpus import build, stats

    model = build.default_vocabulary(vocabulary)
    found = stats.gather(stats.read(paths), dry_run.token_counter(model))
    summary = found.summary()
    files.write_json(output_dir / "stats.json", summary)
    stats.plot(found, output_dir / "stats.png")
    _table("Rows", ("config and status", "number"), summary["rows"].items())
    _table("Left out", ("reason", "number"), summary["reasons"].items())
    names = list(next(iter(summary["lengths"].values()), {}))
    unit = "tokens" if model else "tokens, guessed by length; name a --vocabulary"
    rows = [(prompt, *map(str, values.values())) for prompt, values in summary["lengths"].items()]
    _table(f"Lengths ({unit})", ("prompt", *names), rows)
    levels = ["stars", *next(iter(summary["sentiment_by_stars"].values()), {})]
    rows = [(star, *levels.values()) for star, levels in summary["sentiment_by_stars"].items()]
    _table("Opinions by rating", levels, rows)
    typer.echo(
        f"{summary['targets_per_review_mean']} opinions a review; plots: {output_dir}/stats.png"
    )


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


def evaluate(
    task: Annotated[
        str, typer.Option(help="tsa_rest14, asa_rest16, tsc_laptop14, asc_laptop16, …")
    ],
    data_dir: Annotated[
        Path, typer.Option(help="Data root that holds fsa/.", envvar="FSA_DATA_DIR")
    ],
    output_dir: Annotated[Path, typer.Option(help="Folder of the ledger and the predictions.")],
    teacher: Annotated[str, typer.Option(help="A preset, or a name of your own.")],
    backend: Annotated[str | None, typer.Option(help="vllm or openai.")] = None,
    model: Annotated[str | None, typer.Option(help="Model name or folder.")] = None,
    revision: Annotated[str | None, typer.Option(help="Revision of the model.")] = None,
    base_url: Annotated[str | None, typer.Option(help="OpenAI-compatible service.")] = None,
    service: Annotated[str | None, typer.Option(help="Stands for the base URL in keys.")] = None,
    api_key_env: Annotated[str, typer.Option(help="Variable with the API key.")] = "OPENAI_API_KEY",
    shots: Annotated[int | None, typer.Option(help="Demonstrations; default the paper's.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw of demonstrations.")] = 42,
    split: Annotated[
        str, typer.Option(help="test, test_original, test_hard, dev or train.")
    ] = "test",
    concurrency: Annotated[int, typer.Option(help="openai: most requests at once.", min=1)] = 64,
    max_cost: Annotated[
        float | None, typer.Option(help="Stop before this many US dollars.")
    ] = None,
) -> None:
    """Let an LLM do a benchmark task in context, and write predictions for `fsa score`."""
    from generation import run, session
    from generation.evaluation import benchmark, in_context
    from generation.teachers import factory

    _, dataset = in_context.split_name(task)
    asked = in_context.questions(task, benchmark.read(data_dir, dataset, split))
    train = benchmark.read(data_dir, dataset, "train")
    prompt = in_context.make_prompt(task, train, shots, seed)
    questions = output_dir / f"{task}-questions.jsonl"
    in_context.write_questions(asked, questions)
    choice = factory.Choice(
        teacher=teacher,
        backend=backend,
        model=model,
        revision=revision,
        base_url=base_url,
        service=service,
        key_variable=api_key_env,
        sampling=dict(in_context.SAMPLING),
        concurrency=concurrency,
    )
    spec, _ = factory.describe(choice)
    if spec.backend == "lexicon":
        raise ValueError("the lexicon teacher does no benchmark tasks; name an LLM by --teacher")
    options = run.Options(questions, output_dir, (prompt,), max_cost=max_cost)
    progress = session.generate(choice, options)
    output = in_context.write_predictions(task, asked, prompt, spec, options)
    rows = [
        ("questions", progress.total),
        ("left", progress.left),
        *sorted(progress.statuses.items()),
    ]
    _table(f"Predictions in {output}", ("what", "number"), rows)
    _next(f"fsa score {output}")
    if progress.stopped:
        typer.echo(f"stopped: {progress.stopped}; run the same command again to go on", err=True)
        raise typer.Exit(3)

"""``fsa evaluate``: what LLMs make of the benchmark, in context and zero-shot."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from generation.commands import flags, printing, teaching

if TYPE_CHECKING:
    from generation.evaluation.runs import Asking
    from generation.progress import Progress


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of the benchmark, and how."""

    task: Annotated[
        str,
        typer.Option(
            help="tsa_rest14, asa_rest16, asqp_rest16, … in context; tsc_rest14, asc_rest16, … "
            "zero-shot; several by commas."
        ),
    ]
    data_dir: Annotated[
        Path, typer.Option(help="Data root: fsa/, asqp/, acos/.", envvar="FSA_DATA_DIR")
    ]
    split: Annotated[str, typer.Option(help="test, test_original, test_hard, dev or train.")] = (
        "test"
    )
    shots: Annotated[
        int | None, typer.Option(help="Demonstrations; default the paper's.", min=0)
    ] = None
    seeds: Annotated[
        str, typer.Option(help="Of the draws of demonstrations, by commas: 42,52,62.")
    ] = "42"
    by: Annotated[
        str | None,
        typer.Option(
            help="Zero-shot: probability (of the label words) or generation; default: the first "
            "for vllm, else the second."
        ),
    ] = None
    per_token: Annotated[
        bool, typer.Option(help="By probability: mean over a label's tokens, not their sum.")
    ] = False
    max_tokens: Annotated[int, typer.Option(help="Of an answer.", min=1)] = 256


@flags.grouped
def evaluate(
    *,
    question: Question,
    output_dir: Annotated[Path, typer.Option(help="Folder of the ledgers and the predictions.")],
    teacher: Annotated[str, typer.Option(help="A preset, or a name of your own.")],
    model: flags.Model,
    costs: flags.Costs,
    limits: flags.Limits,
    engine: flags.Engine,
    batches: flags.Batches,
    runner: flags.Runner,
    preview: flags.Preview,
) -> None:
    """Let an LLM do benchmark tasks, and write predictions to be scored; run again to go on."""
    from generation import foreground
    from generation.evaluation import in_context, runs
    from generation.teachers import factory

    choice = model.choice(
        teacher,
        in_context.SAMPLING | {"max_tokens": question.max_tokens},
        costs,
        engine,
        batches,
    )
    tasks = tuple(name.strip() for name in question.task.split(",") if name.strip())
    seeds = runs.read_seeds(question.seeds)
    benchmark = runs.Benchmark(
        tasks, question.split, question.data_dir.expanduser(), question.shots, seeds
    )
    backend = factory.backend_of(choice)
    if backend == "lexicon":
        raise ValueError("the lexicon teacher does no benchmark tasks; name an LLM by --teacher")
    by_probability = benchmark.by_probability(question.by, backend)
    choice = dataclasses.replace(choice, by_probability=by_probability)
    spec, _ = factory.describe(choice)
    planned = runs.plan(benchmark, output_dir.expanduser(), by_probability)
    every = [each.options({"max_cost": costs.max_cost, **vars(limits)}) for each in planned]
    if preview.dry_run:
        for options in every:
            foreground.show_dry_run(choice, options, preview.tokenizer)
        return
    with teaching.interrupted_in_words():
        done = teaching.run_each(runner, choice, every)
    _report(list(zip(planned, done, strict=False)), spec, question.per_token)
    for progress, options in zip(done, every, strict=False):
        teaching.exit_unless_well(progress, options)
    printing.next_step(f"fsa score {output_dir}")


def _report(done: "list[tuple[Asking, Progress]]", spec: Any, per_token: bool) -> None:
    """Writes the predictions of what was asked in full, and prints what became of each run."""
    rows = []
    for asking, progress in done:
        statuses = ", ".join(f"{name} {n}" for name, n in sorted(progress.statuses.items()))
        # Predictions that lack answers would be scored as if the model had none.
        file = "-" if progress.left else str(asking.write(spec, per_token))
        rows.append((asking.name, progress.total, statuses, progress.left, file))
    printing.table("Asked", ("task", "questions", "answers", "left", "predictions"), rows)

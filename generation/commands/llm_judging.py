"""``fsa judge``: an LLM judges teachers' analyses, apart from people, and is compared with them."""

import collections
from pathlib import Path
from typing import Annotated, Any

import typer

from generation.commands import flags, judging, labelling, printing, teaching

judge = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Let an LLM judge teachers' analyses, and compare it with people.",
)


@judge.command("ask")
@flags.grouped
def judge_ask(
    tasks: Annotated[Path, typer.Argument(help="Tasks of `fsa humaneval export`, .json.")],
    output_dir: Annotated[Path, typer.Option(help="Folder of the ledger and the scores.")],
    teacher: Annotated[str, typer.Option(help="The judge: a preset, or a name of your own.")],
    model: flags.Model,
    costs: flags.Costs,
    limits: flags.Limits,
    engine: flags.Engine,
    batches: flags.Batches,
    runner: flags.Runner,
    preview: flags.Preview,
) -> None:
    """Ask an LLM for the paper's six scores of each analysis; run again to go on."""
    from generation import foreground, run
    from generation.judge import asking, scores
    from generation.run_folder import RunFolder
    from generation.teachers import factory

    choice = model.choice(
        teacher,
        dict(asking.SAMPLING),
        costs,
        engine,
        batches,
    )
    spec, _ = factory.describe(choice)
    if spec.backend == "lexicon":
        raise ValueError("the lexicon teacher is no judge; name an LLM by --teacher")
    questions, problems = asking.read_tasks(tasks)
    labelling.print_problems(problems, "A task with a complaint is not judged")
    folder, prompt = RunFolder(output_dir.expanduser()), asking.prompt()
    folder.prepare(folder.scores)
    asking.write_questions(questions, folder.questions(prompt.name))
    options = run.Options(
        folder.questions(prompt.name),
        folder.path,
        (prompt,),
        max_cost=costs.max_cost,
        **vars(limits),
    )
    if preview.dry_run:
        foreground.show_dry_run(choice, options, preview.tokenizer)
        return
    with teaching.interrupted_in_words():
        (progress,) = teaching.run_each(runner, choice, [options])
    found = scores.write_scores(questions, prompt, spec, folder)
    reasons = collections.Counter(each.reason.split(":")[0] or "scored" for each in found)
    printing.table(f"Scores in {folder.scores}", ("what", "analyses"), sorted(reasons.items()))
    teaching.exit_unless_well(progress, options)
    printing.next_step(f"fsa judge report {folder.path} --key KEY --people ANNOTATIONS.json")


@judge.command("report")
def judge_report(
    scores: Annotated[Path, typer.Argument(help="Output folder of `fsa judge ask`.")],
    key: Annotated[Path, typer.Option(help="The .key.json of the tasks.")],
    people: Annotated[
        Path | None, typer.Option(help="Label Studio's export of the same tasks, as JSON.")
    ] = None,
    output: labelling.Figures = None,
    figure: Annotated[
        Path | None, typer.Option(help="Also draw figure 3: scores by length of the review.")
    ] = None,
) -> None:
    """Print each teacher's scores by an LLM, and how far that LLM agrees with people."""
    from fsa_jax.runtime import files
    from generation.judge import report
    from generation.people import judging_report

    summary = report.report(scores, key, people)
    labelling.print_problems(summary["problems"], "What has a complaint does not count")
    typer.echo(f"All scores but people's are those of an LLM: {summary['judge']}")
    judging.print_figures(summary)
    if "with_people" in summary:
        _print_agreement(summary["with_people"])
    typer.echo(f"{summary['analyses']} analyses, {summary['left_out']} left out")
    if figure is not None:
        judging_report.draw(summary["by_length"], figure)
    if output is not None:
        files.write_json(output, summary)


def _print_agreement(summary: dict[str, Any]) -> None:
    rows = [
        (
            name,
            f"{each['mean_of_people']:.2f}",
            f"{each['mean_of_judge']:.2f}",
            labelling.interval(each["among_people"], "alpha"),
            labelling.interval(each["alpha"], "alpha"),
            labelling.interval(each["kappa"], "kappa"),
        )
        for name, each in summary["scores"].items()
    ]
    columns = ("score", "people", "judge", "α among people", "α judge, people", "weighted κ")
    printing.table(f"Agreement on {summary['analyses']} analyses, 95%", columns, rows)

"""The commands ``fsa predict`` and ``fsa calibrate``."""

import json
import pathlib
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from fsa_jax.student.predict import Predictor
    from fsa_jax.student.tables import Answers, Texts

_Checkpoint = Annotated[
    str, typer.Option("--checkpoint", help="Run directory, checkpoint, or Hugging Face folder.")
]
_Task = Annotated[
    str | None, typer.Option("--task", help="What to ask for; default: the run's own task.")
]
_Step = Annotated[
    int | None,
    typer.Option("--step", help="Checkpoint of a run; default: its best, else its latest."),
]
_Module = Annotated[str, typer.Option(help="Module that registers the task.")]
_MaxLength = Annotated[int, typer.Option(help="Tokens of an answer at most, as in HF.")]
_BatchSize = Annotated[int, typer.Option(min=1, help="Texts decoded at once.")]


def predict(
    inputs: Annotated[
        str, typer.Argument(help="Text a line, .csv, .tsv, .jsonl or .parquet; - for stdin.")
    ],
    checkpoint: _Checkpoint,
    output: Annotated[
        str | None,
        typer.Option("--output", help=".jsonl, .csv, .tsv or .parquet; default: print JSONL."),
    ] = None,
    task: _Task = None,
    column: Annotated[
        str | None, typer.Option("--column", help="Column of the texts; default: text.")
    ] = None,
    given: Annotated[
        str | None,
        typer.Option("--given", help="Column of the targets or categories to classify."),
    ] = None,
    sentences: Annotated[
        bool, typer.Option("--sentences", help="Take texts apart into sentences first.")
    ] = False,
    format: Annotated[
        str | None,
        typer.Option("--format", help="Of the input: text, csv, tsv, jsonl or parquet."),
    ] = None,
    step: _Step = None,
    module: _Module = "tasks",
    max_length: _MaxLength = 100,
    batch_size: _BatchSize = 64,
) -> None:
    """Let a student answer your own text: row n out is row n in, its other columns kept."""
    from fsa_jax.runtime import process
    from fsa_jax.student import tables

    # What can be refused is refused before the student is loaded.
    with tables.opened(inputs, column, format, given) as texts:
        answers = None
        if output:
            _refuse_own_input(tables.place(output), texts)
        process.set_up()
        process.import_quietly("seqio")
        if output:
            from fsa_jax.student.load import identity

            made_of = {
                "texts": texts.fingerprint(),
                "columns": (texts.format, texts.column, texts.given),
                "student": identity(checkpoint, step),
                "how": (task, sentences, max_length),
            }
            answers = tables.Answers(output, made_of)
        predictor = _open(checkpoint, task, step, module, max_length, batch_size)
        predictor.check([], [] if texts.given else None, sentences)
        _tell_long(predictor, texts, sentences)
        _answer(predictor, texts, answers, sentences)


def _refuse_own_input(output: pathlib.Path, texts: "Texts") -> None:
    if output == texts.path:
        raise ValueError(f"--output {output} is the input itself: name another file")


def _open(
    checkpoint: str,
    task: str | None,
    step: int | None,
    module: str,
    max_length: int,
    batch_size: int,
    calibrated: bool = True,
) -> "Predictor":
    from fsa_jax.decoding.search import DecodingConfig
    from fsa_jax.student.opening import open_predictor

    decoding = DecodingConfig(max_length=max_length, batch_size=batch_size)
    return open_predictor(
        checkpoint, task, step=step, module=module, decoding=decoding, calibrated=calibrated
    )


def _tell_long(predictor: "Predictor", texts: "Texts", sentences: bool) -> None:
    """Says in one line which texts are longer than those that the student was trained on."""
    from fsa_jax.student.predict import MOST_TOKENS

    lengths = predictor.lengths((row[texts.column] for row in texts.rows()), sentences)
    found = [(count, row) for row, count in enumerate(lengths, 1) if count > predictor.longest]
    if not found:
        return
    rows = ", ".join(str(row) for _, row in found[:5]) + (", …" if len(found) > 5 else "")
    most, row = max(found)
    what = "hold sentences that are longer" if sentences else "are longer"
    cut = f"; of more than {MOST_TOKENS:,} only the beginning is read" * (most > MOST_TOKENS)
    advice = "" if sentences or texts.given else "; --sentences takes texts apart"
    typer.echo(
        f"note: {len(found):,} of {texts.count:,} texts {what} than the {predictor.longest:,} "
        f"tokens that this student was trained on (rows {rows}; row {row} has {most:,}): answers "
        f"to them may be poor{cut}{advice}",
        err=True,
    )


def _answer(
    predictor: "Predictor", texts: "Texts", answers: "Answers | None", sentences: bool
) -> None:
    """Answers the rows that have no answer yet, a chunk at a time."""
    import itertools

    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    from fsa_jax.student.tables import CHUNK

    class Speed(ProgressColumn):
        """Rows a second."""

        def render(self, row: Any) -> Text:
            """Writes it."""
            return Text(f"{row.speed:,.1f} rows/s" if row.speed else "- rows/s")

    done = answers.done if answers else 0
    if done:
        typer.echo(f"going on behind row {done:,} of {texts.count:,}", err=True)
    console = Console(stderr=True)
    columns = (TextColumn("answering"), BarColumn(), MofNCompleteColumn(), Speed())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as progress:
        bar = progress.add_task("", total=texts.count, completed=done)
        rows = itertools.islice(texts.rows(), done, None)
        while chunk := list(itertools.islice(rows, CHUNK)):
            given = [row[texts.given] for row in chunk] if texts.given else None
            found = predictor.predict([row[texts.column] for row in chunk], given, sentences)
            both = [_joined(row, answer) for row, answer in zip(chunk, found, strict=True)]
            if answers:
                answers.write(both)
            else:
                for row in both:
                    sys.stdout.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
            progress.advance(bar, len(chunk))
    if answers:
        answers.finish()
        typer.echo(f"{answers.done} answers → {answers.path}")


def _joined(row: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """A row of the input with its answer; of an answer's own names the answer's are kept."""
    return {k: v for k, v in row.items() if k not in answer} | answer


def calibrate(
    checkpoint: _Checkpoint,
    task: _Task = None,
    split: Annotated[str, typer.Option(help="Split that it is fitted to.")] = "validation",
    test: Annotated[str, typer.Option(help="Split that it is judged on.")] = "test",
    plot: Annotated[
        pathlib.Path | None, typer.Option(help="Reliability plot to write: .svg, .png, .pdf.")
    ] = None,
    step: _Step = None,
    module: _Module = "tasks",
    max_length: _MaxLength = 100,
    batch_size: _BatchSize = 64,
) -> None:
    """Make a student's confidence the share that is right, by its development split."""
    from rich.table import Table

    from fsa_jax.opinions.console import open_console
    from fsa_jax.runtime import process
    from fsa_jax.runtime.run_directory import run_of

    process.set_up()
    process.import_quietly("seqio")
    import seqio

    from fsa_jax.student import calibration

    predictor = _open(checkpoint, task, step, module, max_length, batch_size, calibrated=False)
    student = predictor.student
    asked = seqio.get_subtasks(student.task)[0]
    own = calibration.sample(predictor, asked, split)
    found = calibration.fit(own)
    judged = {split: own}
    if test in asked.splits:
        judged[test] = calibration.sample(predictor, asked, test)
    table = Table(title=f"Confidence of {student.task.name}, step {student.step}")
    for head in ("split", "opinions", "right %", "mean confidence %", "ECE %", "ECE % after"):
        table.add_column(head, justify="left" if head == "split" else "right")
    facts: dict[str, Any] = {"slope": found.slope, "offset": found.offset, "step": student.step}
    drawn: dict[str, calibration.Sample] = {}
    for name, one in judged.items():
        after = calibration.calibrated(one, found)
        errors = calibration.expected_error(one), calibration.expected_error(after)
        means = one.right.mean(), one.confidences.mean()
        numbers = (f"{100 * x:.1f}" for x in (*means, *errors))
        table.add_row(name, str(len(one.right)), *numbers)
        facts[name] = {"opinions": len(one.right), "ece": errors[0], "ece_calibrated": errors[1]}
        drawn |= {f"{name}, as it is": one, f"{name}, calibrated": after}
    open_console().print(table)
    path = calibration.write(run_of(checkpoint), predictor.form.name, facts)
    typer.echo(f"calibration → {path}")
    if plot:
        calibration.draw(drawn, plot)
        typer.echo(f"plot → {plot}")

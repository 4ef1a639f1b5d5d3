"""The commands ``fsa benchmark`` and ``fsa score``."""

import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from fsa_jax.runtime import exits

benchmark = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Convert, check, count and register benchmark files.",
)
Files = Annotated[list[Path], typer.Argument(help="Files of any known format.")]
Format = Annotated[str | None, typer.Option("--format", help="Format; told by content if not.")]
Encoding = Annotated[
    str | None, typer.Option(help="Encoding of the files, such as cp1252; told by a mark if not.")
]
Polarities = Annotated[str | None, typer.Option(help="Label set, by commas.")]
Categories = Annotated[
    str | None,
    typer.Option(help="Category space: restaurant, laptop, a file of lines, or names by commas."),
]


@benchmark.command()
def convert(
    files: Files,
    output: Annotated[Path, typer.Option(help="File to write.")],
    form: Format = None,
    encoding: Encoding = None,
    polarities: Polarities = None,
    categories: Categories = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Write files of any format as one file of our JSON lines."""
    from fsa_jax.opinions.readers import load_file

    labels = _labels(polarities, categories)
    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists: name another file or use --overwrite")
    sentences = [s for file in files for s in load_file(file, form, labels, encoding)]
    _write(output, (json.dumps(s.as_dict(), ensure_ascii=False) for s in sentences))
    typer.echo(f"{_number(len(sentences), 'sentence')} written to {output}")


@benchmark.command()
def validate(
    files: Files,
    form: Format = None,
    encoding: Encoding = None,
    polarities: Polarities = None,
    categories: Categories = None,
    strict: Annotated[
        bool, typer.Option(help="Fail on guesses and on what can be repaired, too.")
    ] = False,
) -> None:
    """Report what is wrong in files, line by line; exit with 1 if there are faults.

    Exit with 2 if files cannot be read at all, and the others have no faults.
    """
    from fsa_jax.opinions.readers import read_file

    labels = _labels(polarities, categories)
    failed = unread = False
    for file in files:
        try:
            sentences, problems = read_file(file, form, labels, encoding)
        except (ValueError, OSError) as error:  # The other files are still to be checked.
            typer.echo(str(error))
            unread = True
            continue
        for problem in problems:
            typer.echo(f"{file}:{problem} ({problem.effect.value})")
        faults = any(problem.is_fault for problem in problems)
        failed = failed or faults or (strict and bool(problems))
        typer.echo(f"{file}: {_counts(sentences, problems)}")
    if failed or unread:
        raise typer.Exit(exits.FAILED if failed else exits.USAGE)


@benchmark.command()
def stats(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files; the FSA benchmark if there are none.")
    ] = None,
    form: Format = None,
    encoding: Encoding = None,
    polarities: Polarities = None,
) -> None:
    """Print table 2's columns, for the benchmark in $FSA_DATA_DIR or for files."""
    from fsa_jax.opinions import console

    if files:
        console.print_files(files, form, _labels(polarities, None), encoding)
    else:
        console.print_benchmark()


@benchmark.command()
def register(
    name: Annotated[str, typer.Argument(help="Name of the task.")],
    kind: Annotated[str, typer.Option(help="tsa, asa or quad.")],
    train: Annotated[Path | None, typer.Option(help="File of the train split.")] = None,
    validation: Annotated[Path | None, typer.Option(help="File of the validation split.")] = None,
    test: Annotated[Path | None, typer.Option(help="File of the test split.")] = None,
    encoding: Encoding = None,
    polarities: Polarities = None,
    categories: Categories = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a registration.")] = False,
) -> None:
    """Make a task of your own files; it is there at the next start."""
    from fsa_jax.runtime import process

    process.import_quietly("seqio")
    from tasks import registry, user_data

    registry.register()  # the names that are taken
    labels = _labels(polarities, categories)
    given = {"train": train, "validation": validation, "test": test}
    files = {split: str(path) for split, path in given.items() if path is not None}
    spec = user_data.Spec(
        name, kind, files, labels.polarities, tuple(sorted(labels.categories or ())), encoding
    )
    counts = {split: len(spec.read(split)) for split in files}
    path = user_data.save_spec(spec, overwrite)
    sizes = ", ".join(f"{split} {count}" for split, count in counts.items())
    typer.echo(f"task {name} ({sizes}) registered in {path}")


@benchmark.command()
def analyses(
    files: Annotated[list[Path], typer.Argument(help="JSON lines with ANL responses.")],
    field: Annotated[str, typer.Option(help="Field of the analysis.")] = "response",
) -> None:
    """Report how well the opinion blocks of teachers' analyses can be read."""
    from fsa_jax.opinions import console

    for file in files:
        console.print_survey(file, field)


def score(
    predictions: Annotated[
        list[Path], typer.Argument(help="Run directories, folders of seeds, or prediction files.")
    ],
    by: Annotated[
        str, typer.Option(help="Sub-sets by commas: polarity,implicit,multiple,hard,original.")
    ] = "",
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Another system, for a paired test: a folder, or once for each file."),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="tsa, asa or quad, if names do not say.")] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="Draws for the 95% intervals.")] = 1000,
    output: Annotated[Path | None, typer.Option(help="Write all scores as JSON.")] = None,
    misses: Annotated[
        Path | None, typer.Option(help="Write each imperfect row with its reason.")
    ] = None,
) -> None:
    """Score the best step of runs, the mean over seeds, or prediction files.

    Runs tell their seeds. Several files of a task that lie in no run are taken for seeds.
    """
    from fsa_jax.opinions import console
    from fsa_jax.opinions.scoring.files import GROUPS, score_paths, summarize
    from fsa_jax.opinions.units import KINDS

    groups = [name.strip() for name in by.split(",") if name.strip()]
    for name in groups:
        if name not in GROUPS:
            raise ValueError(f"--by {name}: one of {', '.join(GROUPS)} is expected")
    if kind is not None and kind not in KINDS:
        raise ValueError(f"--kind {kind}: one of {', '.join(KINDS)} is expected")
    asked = KINDS[kind] if kind else None
    found = _with_file(misses, lambda file: score_paths(predictions, asked, file))
    report = {task: list(summarize(seeds, groups, bootstrap)) for task, seeds in found.items()}
    console.print_scores(report)
    console.print_sources(found)
    if against:
        others = score_paths(against, asked)
        console.print_sources(others)
        console.print_comparison(found, others)
    if output is not None:
        _write(output, [json.dumps(report, indent=1)])


def _counts(sentences: Sequence[Any], problems: Sequence[Any]) -> str:
    """Says how much of a file was read, and how much left out, repaired and guessed."""
    found = Counter(problem.effect.name for problem in problems)
    lost = [
        _number(found[name], noun)
        for name, noun in (("NO_SENTENCE", "sentence"), ("NO_OPINION", "opinion"))
        if found[name]
    ]
    faults = _number(found["NO_SENTENCE"] + found["NO_OPINION"], "fault")
    return (
        f"{_number(len(sentences), 'sentence')}, {faults}"
        + (f" ({' and '.join(lost)} left out)" if lost else "")
        + f", {found['REPAIRED']} that can be repaired"
        + (f", {_number(found['GUESSED'], 'guess', 'es')}" if found["GUESSED"] else "")
    )


def _number(count: int, noun: str, ending: str = "s") -> str:
    return f"{count} {noun}" + ("" if count == 1 else ending)


def _with_file(path: Path | None, work: Callable[[Any], Any]) -> Any:
    """Runs some work with a file to write, which gets its name only when the work is done."""
    if path is None:
        return work(None)
    from fsa_jax.runtime.files import atomic_file

    with atomic_file(path) as stream:
        file = io.TextIOWrapper(stream, encoding="utf-8")
        result = work(file)
        file.flush()
        file.detach()  # who opened the stream closes it
    return result


def _write(path: Path, lines: Any) -> None:
    _with_file(path, lambda file: file.writelines(f"{line}\n" for line in lines))


def _labels(polarities: str | None, categories: str | None) -> Any:
    from fsa_jax.opinions.sentences import POLARITIES, Labels, category_words

    labels = tuple(_names(polarities)) if polarities else POLARITIES
    if not categories:
        return Labels(labels)
    return Labels(labels, frozenset(map(category_words, _space(categories))))


def _space(categories: str) -> Sequence[str]:
    from fsa_jax.opinions.categories import SPACES

    if categories in SPACES:
        return sorted(SPACES[categories])
    path = Path(categories)
    if path.is_file():
        return [line.strip() for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    return _names(categories)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]

"""The tables that the commands print."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fsa_jax.opinions import analyses
from fsa_jax.opinions.data_sets import DATA_SETS, sentences_of
from fsa_jax.opinions.readers import load_file
from fsa_jax.opinions.scoring.files import Scored, compare, mean_as_text, pooled_f1
from fsa_jax.opinions.scoring.sources import describe
from fsa_jax.opinions.sentences import Labels, Sentence
from fsa_jax.opinions.stats import Stats, stats, subset_stats

_FILES = {"train": "Train", "validation": "Dev", "test_original": "Test"}
_TITLES = {
    "tsa_rest14": "TSA-Rest14",
    "tsa_laptop14": "TSA-Laptop14",
    "asa_rest16": "ASA-Rest16",
    "asa_laptop16": "ASA-Laptop16",
}
_SHOWN_LINES = 40
_HARD = {"Rest-Hard": "asa_rest16", "Laptop-Hard": "asa_laptop16"}
_SCORES = ("f1", "precision", "recall", "strict_f1", "soft_f1", "extraction_f1")
_HEADS = ("F1", "P", "R", "strict F1", "soft F1", "extraction F1")


def open_console() -> Console:
    """Returns where tables are printed."""
    console = Console()
    # Into a pipe or a file, a table is not broken to the width of a terminal.
    return console if console.is_terminal else Console(width=240)


def _stats_table(title: str, *names: str) -> Table:
    table = Table(title=title)
    for name in names:
        table.add_column(name)
    for name in ("#Sent", "#Trg", "#Asp", "#Imp", "#Mul"):
        table.add_column(name, justify="right")
    return table


def _add_stats(table: Table, found: Stats, *names: str) -> None:
    implicit = "-" if found.implicit is None else str(found.implicit)
    counts = (found.targets or "-", found.categories or "-", implicit, found.multiple)
    table.add_row(*names, str(found.sentences), *map(str, counts))


def print_files(
    files: Sequence[Path], form: str | None, labels: Labels, encoding: str | None
) -> None:
    """Prints table 2's columns for files; see ``readers.load_file``.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is broken.
    """
    table = _stats_table("Sentences and opinions", "file")
    for file in files:
        _add_stats(table, stats(load_file(file, form, labels, encoding)), str(file))
    open_console().print(table)


def print_benchmark() -> None:
    """Prints table 2 for the benchmark in ``$FSA_DATA_DIR``, and the sub-sets of its test sets.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is broken.
    """
    table = _stats_table("FSA benchmark (table 2)", "data set", "split")
    for name, title in _TITLES.items():
        for split, head in _FILES.items():
            _add_stats(table, stats(_sentences(name, split)), title, head)
    for title, name in _HARD.items():
        _add_stats(table, stats(_sentences(name, "test_hard")), title, "Test")
    subsets = Table(title="Test sets with the hard samples: sentences and units")
    subsets.add_column("data set")
    for head in ("#Sent", "units", "implicit", "units", "multiple", "units"):
        subsets.add_column(head, justify="right")
    for name, title in _TITLES.items():
        found = subset_stats(_sentences(name, "test"), DATA_SETS[name].kind)
        subsets.add_row(
            title,
            *(
                str(value)
                for value in (
                    found.sentences,
                    found.units,
                    found.implicit_sentences,
                    found.implicit_units,
                    found.multiple_sentences,
                    found.multiple_units,
                )
            ),
        )
    open_console().print(table)
    open_console().print(subsets)


def _sentences(name: str, split: str) -> list[Sentence]:
    found = sentences_of(DATA_SETS[name], split)
    return [sentence for sentence, _ in found]


def print_scores(report: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Prints the scores of tasks, as of ``scoring.files.summarize``."""
    table = Table(title="Scores in percent")
    for head in ("task", "sub-set", "seeds"):
        table.add_column(head)
    for head in (*_HEADS, "95% of F1", "unparsed", "rows", "gold"):
        table.add_column(head, justify="right")
    for task, rows in report.items():
        for row in rows:
            interval = row.get("f1_interval")
            table.add_row(
                task if row["group"] == "all" else "",
                row["group"],
                str(row["seeds"]),
                *(_mean(row, name) for name in _SCORES),
                "{:.2f}-{:.2f}".format(*interval) if interval else "",
                _mean(row, "parse_failure_rate"),
                f"{row['rows']:.0f}" if "rows" in row else "",
                f"{row['gold_units']:.0f}",
            )
        table.add_section()
    open_console().print(table)


def print_sources(found: Mapping[str, Sequence[Scored]]) -> None:
    """Prints whose scores these are: runs and their steps, seeds, and files taken for seeds."""
    for task, seeds in found.items():
        if line := describe([scored.source for scored in seeds]):
            print(f"{task}: {line}")


def _mean(row: Mapping[str, Any], name: str) -> str:
    return mean_as_text(row[name], row.get(f"{name}_std")) if name in row else ""


def print_comparison(first: Mapping[str, list[Scored]], second: Mapping[str, list[Scored]]) -> None:
    """Prints the paired tests of the tasks that two systems share.

    Raises:
        ValueError: They share none, or cannot be paired.
    """
    shared = [task for task in first if task in second]
    if not shared:
        raise ValueError(f"no task in common: {', '.join(first)} and {', '.join(second)}")
    table = Table(title="Paired test (approximate randomisation)", min_width=60)
    table.add_column("task")
    table.add_column("score")
    for head in ("this", "other", "difference", "p"):
        table.add_column(head, justify="right")
    for task in shared:
        mine, other = first[task], second[task]
        for strict, name in ((False, "F1"), (True, "strict F1")):
            difference, probability = compare(mine, other, strict)
            scores = [f"{pooled_f1(seeds, strict):.2f}" for seeds in (mine, other)]
            head = "" if strict else task
            table.add_row(head, name, *scores, f"{difference:+.2f}", f"{probability:.4f}")
    open_console().print(table)


def print_survey(file: Path, field: str) -> None:
    """Prints how well the analyses of a file can be read, and which lines cannot.

    Rows of a ledger that answer another prompt than ANL, or did not succeed, are passed over.

    Raises:
        ValueError: A line is no JSON object or lacks the field.
    """
    texts, places = [], []
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                text = row[field]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{file}:{number}: no JSON object with {field!r}") from error
            if row.get("prompt", "anl") == "anl" and row.get("status", "ok") == "ok":
                texts.append(text or "")
                places.append(str(number))
    found = analyses.survey(texts)
    print(
        f"{file}: {found.texts} texts, {found.blocks} blocks ({found.complete} with all four "
        f"parts), {len(found.unread)} texts without a block"
    )
    if found.unread:
        shown = [places[index] for index in found.unread[:_SHOWN_LINES]]
        more = len(found.unread) - len(shown)
        print("  lines:", ", ".join(shown) + (f" and {more} more" if more else ""))

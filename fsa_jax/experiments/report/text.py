"""A table as Markdown, LaTeX and CSV."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fsa_jax.experiments.store import write_csv
from fsa_jax.experiments.tables import Cell, Column, Row, Table

TITLES = {
    "tsa_rest14": "TSA-Rest14",
    "tsa_laptop14": "TSA-Laptop14",
    "asa_rest16": "ASA-Rest16",
    "asa_laptop16": "ASA-Laptop16",
    "tsc_rest14": "TSC-Rest14",
    "tsc_laptop14": "TSC-Laptop14",
    "asc_rest16": "ASC-Rest16",
    "asc_laptop16": "ASC-Laptop16",
    "asqp_rest15": "ASQP-Rest15",
    "asqp_rest16": "ASQP-Rest16",
    "acos_rest16": "ACOS-Rest16",
    "acos_laptop16": "ACOS-Laptop16",
}
SUBSETS = {
    "all": "All",
    "implicit": "Imp",
    "multiple": "Mul",
    "hard": "Hard",
    "original": "Original",
}
EMPTY = "–"
LEGEND = (
    "Mean over seeds ± half of its 95% interval (Student's t){paper}. Δ: seed by seed against "
    "“{baseline}”. * p < 0.05, ** p < 0.01 against it: paired "
    "approximate randomisation over the sentences of all seeds."
)
_DAGGERS = {"†": r"\dag", "‡": r"\ddag"}


def heads(table: Table) -> list[str]:
    """Titles of the columns, the two last for average and difference."""
    return [
        " ".join(filter(None, (TITLES.get(task, task), subset_title(table, subset))))
        for task, subset in table.columns
    ] + ["Avg", "Δ"]


def subset_title(table: Table, subset: str) -> str:
    """Title of a sub-set; none where the table has one alone."""
    return SUBSETS[subset] if len(table.plan.experiment.subsets) > 1 else ""


def cells_of(row: Row, columns: Sequence[Column]) -> list[Cell]:
    """A row's cells in the order of the columns, then its average and its difference."""
    outside = Cell(reason="not asked for")
    return [row.cells.get(column, outside) for column in columns] + [row.average, row.difference]


def number(value: float, signed: bool = False) -> str:
    """A score as the paper writes it."""
    return f"{value:+.2f}" if signed else f"{value:.2f}"


def stars(cell: Cell) -> str:
    """Marks of a difference that the paired test finds."""
    if cell.p_value is None:
        return ""
    return "**" if cell.p_value < 0.01 else "*" if cell.p_value < 0.05 else ""


def legend(table: Table, place: str = "in brackets") -> str:
    """What the signs of the table mean; ``place`` says where the paper's values are."""
    known = any(row.system.paper for row in table.rows)
    baseline = table.plan.experiment.baseline or "no baseline"
    return LEGEND.format(baseline=baseline, paper=f"; {place} the paper's value" if known else "")


def reasons(table: Table) -> list[str]:
    """Why cells are empty, a line for each reason."""
    found: dict[str, dict[str, None]] = {}
    for system, _, reason in table.empty():
        found.setdefault(reason, {})[system] = None
    return [f"{', '.join(systems)}: {reason}" for reason, systems in found.items()]


def groups(table: Table) -> Iterator[tuple[str, Row]]:
    """Yields each row with the heading that comes before it; empty where none does."""
    last = ""
    for row in table.rows:
        yield (row.system.group if row.system.group != last else ""), row
        last = row.system.group


def plain(cell: Cell, signed: bool = False) -> str:
    """A cell in one line: mean, interval, marks, and the paper's value in brackets."""
    words = EMPTY
    if cell.mean is not None:
        words = number(cell.mean, signed)
        if cell.half_width is not None:
            words += f" ±{cell.half_width:.2f}"
        words += stars(cell) + cell.marks
    return words + (f" ({number(cell.paper, signed)})" if cell.paper is not None else "")


def markdown(table: Table) -> str:
    """The table in Markdown, with what its signs mean and why cells are empty."""
    lines = [
        f"# {table.plan.experiment.title}",
        "",
        "| system | " + " | ".join(heads(table)) + " |",
    ]
    lines.append("| --- |" + " ---: |" * (len(table.columns) + 2))
    for group, row in groups(table):
        if group:
            lines.append(f"| **{group}** |" + " |" * (len(table.columns) + 2))
        cells = cells_of(row, table.columns)
        words = [plain(cell, cell is row.difference).replace("*", r"\*") for cell in cells]
        lines.append(f"| {row.system.name} | " + " | ".join(words) + " |")
    lines += ["", legend(table).replace("*", r"\*"), *(f"\n{note}" for note in table.notes)]
    empty = reasons(table)
    lines += ["\nEmpty cells:\n", *(f"- {reason}" for reason in empty)] if empty else []
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    r"""The table as a ``tabular`` of booktabs: ours over the paper's; ``\input`` it."""
    count = len(table.columns) + 2
    titles = " & ".join(_tex(head) for head in heads(table))
    lines = [
        f"% {table.plan.experiment.title}",
        rf"\begin{{tabular}}{{l{'r' * count}}}",
        r"\toprule",
        rf"System & {titles} \\",
        r"\midrule",
    ]
    for group, row in groups(table):
        if group:
            lines.append(rf"\multicolumn{{{count + 1}}}{{l}}{{\textbf{{{_tex(group)}}}}} \\")
        cells = cells_of(row, table.columns)
        signed = [cell is row.difference for cell in cells]
        ours = [_tex_cell(cell, sign) for cell, sign in zip(cells, signed, strict=True)]
        lines.append(rf"{_tex(row.system.name)} & {' & '.join(ours)} \\")
        if any(cell.paper is not None for cell in cells):
            papers = [
                "" if cell.paper is None else rf"\textit{{{number(cell.paper, sign)}}}"
                for cell, sign in zip(cells, signed, strict=True)
            ]
            lines.append(rf"\quad paper & {' & '.join(papers)} \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _tex_cell(cell: Cell, signed: bool) -> str:
    if cell.mean is None:
        return "--"
    interval = "" if cell.half_width is None else rf"\,{{\scriptsize$\pm${cell.half_width:.2f}}}"
    marks = stars(cell) + "".join(_DAGGERS[mark] for mark in cell.marks)
    return number(cell.mean, signed) + interval + (f"$^{{{marks}}}$" if marks else "")


def _tex(words: str) -> str:
    for sign in "&%$#_{}":
        words = words.replace(sign, f"\\{sign}")
    return words.replace("Δ", r"$\Delta$")


def write_table_csv(table: Table, path: Path) -> None:
    """Writes a row for each cell: all that is known of it."""
    names = ("system", "group", "task", "subset", "seeds", "mean", "half_width", "paper")
    rows = []
    for row in table.rows:
        places: list[tuple[str, str, Cell]] = [(*c, cell) for c, cell in row.cells.items()]
        places += [("average", "", row.average), ("difference", "", row.difference)]
        for task, subset, cell in places:
            known = (len(cell.values), cell.mean, cell.half_width, cell.paper)
            rows.append(
                (row.system.name, row.system.group, task, subset, *known, cell.p_value)
                + (cell.marks, "" if cell.values else cell.reason)
            )
    write_csv(path, (*names, "p_value", "marks", "reason"), rows)

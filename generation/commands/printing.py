"""What commands print: tables, and the command that comes next."""

from collections.abc import Iterable
from typing import Any

import typer


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Prints a table; whole numbers get thousands separators."""
    import rich.console
    import rich.table

    grid = rich.table.Table(*columns, title=title, title_justify="left")
    for row in rows:
        grid.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row))
    rich.console.Console().print(grid)


def next_step(command: str) -> None:
    """Prints the command that comes next."""
    typer.echo(f"next: {command}")

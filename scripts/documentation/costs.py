"""What the tables of the paper cost, as ``fsa experiment plan`` computes it, for ``docs/paper.md``.

    python -m scripts.documentation.costs

writes the table of that page anew, where a declaration or the way of counting has changed.
"""

import os
import re
from pathlib import Path

import typer.testing

from fsa_jax.cli.main import fsa
from fsa_jax.experiments import declaration

PAGE = Path(__file__).resolve().parents[2] / "docs" / "paper.md"
HARDWARE = "h100"
_TOTAL = re.compile(r"([\d.,]+) EFLOP in all; ([\d.,]+) hours to go")
_BETWEEN = re.compile(r"(?<=<!-- costs -->\n\n).*?(?=\n<!-- end of costs -->)", re.DOTALL)


def names() -> list[str]:
    """Returns the experiments that are a table or a figure of the paper, in its order."""
    found = [name for name in declaration.declared() if re.fullmatch(r"(table|figure)\d+", name)]
    return sorted(found, key=lambda name: (name[0] == "f", int(re.sub(r"\D", "", name))))


def row(name: str) -> str:
    """Returns what the plan of an experiment says, as a row of the table."""
    # As on a machine that has no data yet: sizes of data sets are those that are reckoned with.
    environment = {**dict.fromkeys(os.environ), "COLUMNS": "240"}
    words = ["experiment", "plan", name, "--hardware", HARDWARE, "--output-dir", os.devnull]
    result = typer.testing.CliRunner().invoke(fsa, words, env=environment)
    if result.exit_code:
        raise RuntimeError(f"fsa {' '.join(words)}: {result.output or result.exception}")
    stages = [line.split("│")[1:-1] for line in result.output.splitlines() if line.count("│") == 9]
    memory = max((float(cells[-2]) for cells in stages if cells[-2].strip()), default=0.0)
    total, hours = _TOTAL.findall(result.output)[0]
    return f"| `{name}` | {len(stages)} | {float(total):.1f} | {hours} | {memory:.0f} |"


def table() -> str:
    """Returns the whole table."""
    head = f"| name | stages | EFLOP | hours on one {HARDWARE} | GiB at most |"
    rows = [row(name) for name in names()]
    return "\n".join([head, "| --- | ---: | ---: | ---: | ---: |", *rows]) + "\n"


def in_page() -> str:
    """Returns the table that the page shows."""
    return str(_BETWEEN.findall(PAGE.read_text("utf-8"))[0])


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    PAGE.write_text(_BETWEEN.sub(lambda _: table(), text), encoding="utf-8")

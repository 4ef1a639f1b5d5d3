"""Reports of an experiment: Markdown, CSV, LaTeX, figures, and one page that holds all of it."""

from collections.abc import Mapping
from pathlib import Path

from fsa_jax.experiments.planning import Plan
from fsa_jax.experiments.report import figures, page, text
from fsa_jax.experiments.report.testing import with_tests
from fsa_jax.experiments.store import Store
from fsa_jax.experiments.tables import Table, make_table
from fsa_jax.runtime import files


def write_reports(
    plan: Plan, store: Store, folder: Path, failures: Mapping[str, str] | None = None
) -> tuple[Table, Path]:
    """Writes ``table.md``, ``table.csv``, ``table.tex``, ``figure.png`` and ``index.html``.

    Args:
        plan: The plan.
        store: Where the scores are.
        folder: Where to write; each file is whole or as it was.
        failures: Why stages failed in this run, by their keys.

    Returns:
        The table, and the path of the page.
    """
    table = with_tests(make_table(plan, store.read(plan.experiment.name), failures))
    picture = figures.draw(table)
    curves = figures.draw_curves(table)
    contents: dict[str, bytes] = {
        "table.md": text.markdown(table).encode(),
        "table.tex": text.latex(table).encode(),
        "figure.png": picture,
        "index.html": page.html_page(table, picture, curves).encode(),
    }
    for name, content in contents.items():
        with files.atomic_file(folder / name) as stream:
            stream.write(content)
    text.write_table_csv(table, folder / "table.csv")
    return table, folder / "index.html"

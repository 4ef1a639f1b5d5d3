"""Reports: written whole from what is there, also before anything ran."""

from fsa_jax.experiments import report
from fsa_jax.experiments.report import text
from fsa_jax.experiments.store import Store


def test_a_report_is_one_table_in_four_forms_and_its_figure(reported, tmp_path):
    reported()
    folder = tmp_path / "report"
    forms = {"index.html", "table.md", "table.csv", "table.tex", "figure.png"}
    assert forms <= {path.name for path in folder.iterdir()}
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_report_before_anything_ran_says_so(make_plan, tmp_path):
    table, path = report.write_reports(
        make_plan(), Store(tmp_path / "results.sqlite"), tmp_path / "report"
    )
    assert "0 of 8 cells filled" in path.read_text()
    assert text.reasons(table) == ["plain, distilled: not run yet"]

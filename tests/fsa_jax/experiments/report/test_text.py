"""Markdown, LaTeX and CSV of one table agree."""

import csv
import re


def test_markdown_latex_and_csv_agree(reported, tmp_path):
    table, _ = reported()
    folder = tmp_path / "report"
    mean = f"{table.rows[0].average.mean:.2f}"
    markdown = (folder / "table.md").read_text()
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {5}
    assert f"| plain | {mean} ±" in markdown
    assert "– (61.50)" in markdown
    assert "- nobody: no predictions" in markdown
    latex = (folder / "table.tex").read_text()
    assert rf"plain & {mean}\," in latex
    assert r"\textbf{LLMs \& co}" in latex
    assert r"\quad paper & \textit{61.50}" in latex
    body = [line for line in latex.splitlines() if line.endswith(r"\\") and "multicol" not in line]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {3}
    with (folder / "table.csv").open() as file:
        found = list(csv.DictReader(file))
    assert len(found) == 4 * 3
    own = next(row for row in found if row["system"] == "plain" and row["task"] == "tsa_rest14")
    assert f"{float(own['mean']):.2f}" == mean
    assert own["seeds"] == "2"

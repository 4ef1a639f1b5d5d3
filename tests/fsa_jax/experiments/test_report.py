"""Reports: one table in four forms, a page that needs nothing else, and the browser's data."""

import csv
import html.parser
import json
import re

import pytest

from fsa_jax.experiments import collecting, report
from fsa_jax.experiments.report import text
from fsa_jax.experiments.running import Runner, Slot
from fsa_jax.experiments.store import Store

FIGURE = """
    title: Reviews & <sizes>
    baseline: plain
    tasks: [tsa_rest14]
    seeds: [42, 52]
    world: 100
    figure: {reviews: number of reviews}
    defaults: {size: tiny, teacher: lexicon, panel: reviews}
    systems:
      - {name: plain}
      - {name: distilled, pretraining: distill, for_each: {reviews: [1k, 2k]}}
      - {name: nobody, predictions: gpt35, group: "LLMs & co", paper: [61.5]}
"""


@pytest.fixture
def reported(make_plan, t5x, tmp_path):
    def call(declared):
        plan, store = make_plan(declared), Store(tmp_path / "results.sqlite")

        def collect(stage):
            for answers in plan.answers:
                if answers.stage is not None and answers.stage.key == stage.key:
                    collecting.collect(answers, plan, store)

        assert Runner(plan.stages, [Slot("one")], collect, lambda line: None).run() == 0
        return report.write_reports(plan, store, tmp_path / "report")

    return call


VOID = {"meta", "img", "input", "br", "link"}


class Page(html.parser.HTMLParser):
    """Checks that tags are closed, and gathers what the page would load and its data."""

    def __init__(self):
        super().__init__()
        self.open, self.sources, self.data, self.cells = [], [], "", []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.sources += [v for k, v in attributes if k in ("src", "href")]
        if tag not in VOID:
            self.open.append((tag, found.get("id")))

    def handle_endtag(self, tag):
        # Browsers close a label or option on their own; this page closes all of them.
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == ("script", "examples"):
            self.data += data
        if self.open and self.open[-1][0] in ("b", "th"):
            self.cells.append(data)


def test_reports_hold_the_table_and_the_page_needs_nothing_else(reported, tmp_path):
    table, path = reported(FIGURE)
    folder = tmp_path / "report"
    assert path == folder / "index.html"
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")
    page = Page()
    page.feed(path.read_text())
    assert not page.open
    assert all(source.startswith("data:image/png") for source in page.sources)
    assert len(page.sources) == 3  # the figure, the losses of pretraining and of the task
    assert "@import" not in path.read_text()
    mean = table.rows[1].cells["tsa_rest14", "all"].mean
    assert f"{mean:.2f}" in page.cells
    data = json.loads(page.data)["tsa_rest14"]
    assert set(data["systems"]) == {row.system.name for row in table.rows[:3]}
    sentence, gold, flags = data["sentences"][0]
    assert (sentence, gold, flags) == ("word 0 is good", ["word 0 | positive"], "i")
    answers = data["systems"]["plain"]
    assert answers[0] == [["word 0 | positive"], 1]
    assert answers[-1] == [[], 0]


def test_markdown_latex_and_csv_agree(reported, tmp_path):
    table, _ = reported(FIGURE)
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


def test_report_before_anything_ran_says_so(make_plan, tmp_path):
    table, path = report.write_reports(
        make_plan(), Store(tmp_path / "results.sqlite"), tmp_path / "report"
    )
    assert "0 of 8 cells filled" in path.read_text()
    assert text.reasons(table) == ["plain, distilled: not run yet"]


def test_text_cannot_end_the_script(reported, monkeypatch, tmp_path, t5x):
    t5x.write_text(t5x.read_text().replace("is good", "is </script><b>good"))
    _, path = reported(FIGURE)
    page = Page()
    page.feed(path.read_text())
    assert json.loads(page.data)["tsa_rest14"]["sentences"][0][0] == "word 0 is </script><b>good"

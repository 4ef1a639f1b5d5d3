"""The page: it needs nothing else, is well formed, and says what the table says."""

import html.parser
import json

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
    table, path = reported()
    folder = tmp_path / "report"
    assert path == folder / "index.html"
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


def test_text_cannot_end_the_script(reported, monkeypatch, tmp_path, t5x):
    t5x.write_text(t5x.read_text().replace("is good", "is </script><b>good"))
    _, path = reported()
    page = Page()
    page.feed(path.read_text())
    assert json.loads(page.data)["tsa_rest14"]["sentences"][0][0] == "word 0 is </script><b>good"


def test_names_cannot_be_markup(reported):
    _, path = reported()
    text = path.read_text()
    assert "Reviews &amp; &lt;sizes&gt;" in text
    assert "<sizes>" not in text
    assert "LLMs &amp; co" in text

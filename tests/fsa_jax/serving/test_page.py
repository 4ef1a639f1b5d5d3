"""The page in a real browser: pasted text is marked, a file is answered, errors are shown.

Needs Chromium and Playwright (``pip install playwright``; ``apt install chromium``).
"""

import contextlib
import dataclasses
import json
import shutil
import threading
import time

import pytest
import seqio
import uvicorn

import tasks  # noqa: F401 - registers them
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.serving.app import Limits, make_app
from fsa_jax.student.predict import Predictor

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
TEXT = "😀 The soup was <b>cold</b> .\nNice waiter !"
ANALYSIS = "Opinion Target 1: soup\nAspect: Food\nSentiment: Negative\nReasoning: <img src=x> cold"
# The least contrast of text (WCAG 2.2, AA), and what has less of it.
PALE = """() => {
  const light = ([r, g, b]) => [r, g, b].map((x) => x / 255)
    .map((x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
    .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = numbers(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")].filter((node) => {
    const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !node.checkVisibility() || node.disabled) return false;
    const pair = [light(numbers(getComputedStyle(node).color)), light(behind(node))];
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05) < 4.5;
  }).map((node) => node.outerHTML);
}"""


class Fixed(Predictor):
    """Finds the soup in each text that holds it; all else is real."""

    def predict(self, texts, given=None, split=False):
        answers = []
        for text in texts:
            at = text.find("soup")
            found = {"target": "soup", "start": at, "end": at + 4, "polarity": "negative"}
            gone = {"target": "<i>x</i>", "start": None, "end": None, "polarity": "neutral"}
            opinions = [found | {"confidence": 0.75}, gone | {"confidence": 0.5}] if at >= 0 else []
            answers.append({"opinions": opinions, "raw": "x"})
        return answers


class Writes(Predictor):
    """Answers each text with the same words, read as the task's answers are."""

    words = ""

    def predict(self, texts, given=None, split=False):
        return [self._read(self.words, text, []) for text in texts]


@contextlib.contextmanager
def served(app):
    """Serves an application on a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def page(student):
    """The page of two models at phone width; it may ask nobody else, and no script may fail."""
    models = {name: Fixed(student, DecodingConfig()) for name in ("one", "two")}
    for name, words in (("anl", ANALYSIS), ("rw", "I felt <script>let x</script> cold.")):
        task = seqio.get_mixture_or_task(f"distill_lexicon_{name}")
        models[name] = Writes(dataclasses.replace(student, task=task), DecodingConfig())
        models[name].words = words
    with (
        served(make_app(models, Limits(characters=200))) as url,
        sync_api.sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        trouble = []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "request", lambda r: None if r.url.startswith((url, "blob:")) else trouble.append(r.url)
        )
        page.goto(url)
        page.wait_for_selector("#model option:nth-child(2)", state="attached")
        yield page
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert trouble == []
        browser.close()


def test_opinions_are_marked_where_they_stand_with_two_models_side_by_side(page):
    page.fill("#text", TEXT)
    page.select_option("#second", "two")
    page.click("button[type=submit]")
    page.wait_for_selector(".answer:nth-child(2)")
    assert page.locator("#answers h3").all_inner_texts() == ["one", "two"]
    assert page.locator(".answer:first-child .text").inner_text() == TEXT
    assert page.locator(".answer:first-child mark").all_inner_texts() == ["soup"]
    assert page.locator("#answers b, #answers i").count() == 0
    row = page.locator(".answer:first-child tbody tr")
    assert row.nth(0).locator("td").all_inner_texts() == ["soup", "negative", "75%"]
    assert "not in the text" in row.nth(1).inner_text()


def test_the_keyboard_is_enough(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.type("The soup was cold .")
    seen = []
    while "submit" not in seen:
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.type"))
        assert len(seen) < 10
    page.keyboard.press("Enter")
    page.wait_for_selector("mark")
    assert page.evaluate(
        "[...document.querySelectorAll('input, select, textarea')].every(x => x.labels.length)"
    )


def tab_to(page, identity):
    """Goes on by the keyboard until an element has the focus."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == identity:
            return
    pytest.fail(f"the keyboard does not reach {identity}")


def test_a_file_is_answered_by_the_keyboard_alone(page, tmp_path):
    (tmp_path / "a.txt").write_text("The soup .\n")
    tab_to(page, "file")
    with page.expect_file_chooser() as asked:
        page.keyboard.press("Enter")
    asked.value.set_files(tmp_path / "a.txt")
    tab_to(page, "start")
    page.keyboard.press("Enter")
    page.wait_for_selector("#download:visible")
    tab_to(page, "download")
    with page.expect_download() as got:
        page.keyboard.press("Enter")
    assert json.loads(got.value.path().read_text())["opinions"][0]["target"] == "soup"


def test_reasoning_and_rewriting_stand_side_by_side_as_text(page):
    page.fill("#text", TEXT)
    page.select_option("#model", "anl")
    page.select_option("#second", "rw")
    page.click("button[type=submit]")
    page.wait_for_selector(".answer:nth-child(2)")
    shown = page.locator(".answer .block").inner_text()
    for words in ("soup", "Food", "Negative", "<img src=x> cold"):
        assert words in shown
    rewriting = page.locator(".answer:nth-child(2) .text").inner_text()
    assert rewriting == "I felt <script>let x</script> cold."
    assert page.locator("#answers img, #answers script").count() == 0
    assert page.locator(".answer").nth(1).get_by_text("ms").is_visible()


def test_all_text_stands_out_from_what_is_behind_it(page):
    assert page.evaluate(PALE) == []
    page.fill("#text", TEXT)
    page.select_option("#second", "anl")
    page.click("button[type=submit]")
    page.wait_for_selector(".answer:nth-child(2)")
    assert page.evaluate(PALE) == []
    page.fill("#text", "x" * 201)
    page.click("button[type=submit]")
    page.wait_for_selector("#error:visible")
    assert page.evaluate(PALE) == []
    page.evaluate("document.querySelector('.soft').style.color = '#aaa'")
    assert page.evaluate(PALE) != []


def test_an_error_is_shown_and_goes_with_the_next_answer(page):
    page.fill("#text", "x" * 201)
    page.click("button[type=submit]")
    page.wait_for_selector("#error:visible")
    assert page.locator("#error").inner_text() == "text 0 has 201 characters: 200 at most"
    page.fill("#text", "The soup .")
    page.click("button[type=submit]")
    page.wait_for_selector("mark")
    assert page.locator("#error").is_hidden()


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("a.txt", "The soup .\n\nNo", [("The soup .", 2), ("", 0), ("No", 0)]),
        (
            "a.csv",
            'id,text\r\n1,"The ""soup"", cold\nand old"\r\n2,No\r\n',
            [('The "soup", cold\nand old', 2), ("No", 0)],
        ),
    ],
)
def test_a_file_is_answered_row_by_row(page, tmp_path, name, content, wanted):
    (tmp_path / name).write_bytes(content.encode())
    page.set_input_files("#file", tmp_path / name)
    page.click("#start")
    page.wait_for_selector("#download:visible")
    with page.expect_download() as got:
        page.click("#download")
    rows = [json.loads(line) for line in got.value.path().read_text("utf-8").splitlines()]
    assert [(row["text"], len(row["opinions"])) for row in rows] == wanted


def test_a_file_without_the_column_is_refused(page, tmp_path):
    (tmp_path / "a.csv").write_text("id,review\n1,Good\n")
    page.set_input_files("#file", tmp_path / "a.csv")
    page.click("#start")
    page.wait_for_selector("#error:visible")
    assert page.locator("#error").inner_text() == "a.csv has no column text; it has id, review"

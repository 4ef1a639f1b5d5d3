"""Somebody who works in Label Studio's pages with mouse and keyboard, in a real browser.

It runs by itself, on the Python of Label Studio's environment, which has Playwright:
``label_studio_pages.py WORK.json`` with the server, name and password of who works, the browser,
what to do, and where pictures go. Each piece of work is submitted as people submit it.
"""

import json
import sys

from playwright.sync_api import expect, sync_playwright

# Where a word of the text stands on the screen: the middle of its first and last letters.
PLACE = """([place, words]) => {
  const box = document.querySelector(place);
  const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const at = walker.currentNode.data.indexOf(words);
    if (at < 0) continue;
    const range = document.createRange();
    range.setStart(walker.currentNode, at);
    range.setEnd(walker.currentNode, at + words.length);
    const found = range.getBoundingClientRect();
    return [found.left + 1, found.right - 1, (found.top + found.bottom) / 2];
  }
}"""
TEXT = ".lsf-htx-richtext"


class Page:
    """A labelling page.

    Args:
        page: Playwright's.
        server: The server's address.
    """

    def __init__(self, page, server):
        self.page, self.server = page, server

    def log_in(self, name, password):
        self.page.goto(f"{self.server}/user/login/")
        self.page.fill("input[name=email]", name)
        self.page.fill("input[name=password]", password)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(lambda url: "login" not in url)

    def open(self, project, task):
        self.page.goto(f"{self.server}/projects/{project}/data?task={task}")
        self.page.wait_for_selector(TEXT)
        expect(self._submit()).to_be_enabled()

    def mark(self, label, words):
        """Marks words of the page's first text with a label."""
        self.page.get_by_text(label, exact=True).first.click()
        left, right, middle = self.page.evaluate(PLACE, [TEXT, words])
        self.page.mouse.move(left, middle)
        self.page.mouse.down()
        self.page.mouse.move((left + right) / 2, middle)
        self.page.mouse.move(right, middle)
        self.page.mouse.up()
        self.page.get_by_role("treeitem").filter(has_text=words).first.wait_for()

    def select(self, words):
        """Selects what was marked."""
        left, right, middle = self.page.evaluate(PLACE, [TEXT, words])
        self.page.mouse.click((left + right) / 2, middle)

    def link(self, words):
        """Links what is selected to what else was marked."""
        self.page.keyboard.press("Alt+r")
        self.select(words)

    def categorise(self, entity, attribute):
        """Chooses a category for what is selected."""
        self.page.locator(".htx-taxonomy .ant-select-selector").click()
        node = self.page.locator(".ant-select-tree-treenode")
        node.filter(has_text=entity).locator(".ant-select-tree-switcher").click()
        node.filter(has_text=attribute).locator(".ant-select-tree-checkbox").click()
        self.page.keyboard.press("Escape")

    def choose(self, name, place=0):
        """Chooses one of several; ``place`` counts those of the same name."""
        self.page.locator("label.ant-radio-wrapper").filter(
            has=self.page.locator(f'input[name="{name}"]')
        ).nth(place).click()

    def submit(self):
        with self.page.expect_response(
            lambda answer: "/annotations" in answer.url and answer.request.method == "POST"
        ) as posted:
            self._submit().click()
        assert posted.value.ok, posted.value.text()

    def _submit(self):
        return self.page.get_by_role("button", name="Submit")


def judge(page, passage, scores):
    """Marks a passage, and gives all scores, analysis by analysis."""
    page.mark("Passage that matters", passage)
    assert page.page.locator("label.ant-radio-wrapper").filter(visible=True).count() == 0
    page.select(passage)
    for place, score in enumerate(scores):
        page.choose(score, place)


def annotate(page, target, category, polarity, words):
    """Marks an opinion, and links its words to its target."""
    page.mark("Opinion words", words)
    page.mark("Target", target)
    page.select(target)
    page.categorise(*category)
    page.choose(polarity)
    page.link(words)
    page.select(target)


def sort(page, kind):
    """Chooses the type of an error."""
    page.choose(kind)


def main(path):
    with open(path, encoding="utf-8") as stream:
        work = json.load(stream)
    with sync_playwright() as play:
        # As root, as in containers, Chromium has no sandbox; it sees nothing but loopback.
        browser = play.chromium.launch(executable_path=work["browser"], args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1300, "height": 820})
        context.set_default_timeout(120_000)
        page = Page(context.new_page(), work["server"])
        page.log_in(work["name"], work["password"])
        for task in work["tasks"]:
            page.open(task["project"], task["task"])
            globals()[task["do"]](page, **task["with"])
            page.page.screenshot(path=task["picture"])
            page.submit()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])

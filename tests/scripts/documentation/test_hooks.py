"""The site is built without a warning, and asks no other host for anything.

The slow test looks at it in a browser: it needs Chromium (``apt install chromium``) and Playwright
(``pip install playwright``).
"""

import contextlib
import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading

import pytest
from documents import ROOT

# What a browser loads by itself when it shows a page; links that people follow are not among it.
LOADED = re.compile(
    r"""<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=["']?(?P<url>[^"'\s>]+)"""
    r"""|url\(["']?(?P<css>[^"')]+)|@import\s+["'](?P<import>[^"']+)"""
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TELLS_ONLY = re.compile(r'<link rel="?(?:canonical|prev|next|edit)"? [^>]*>')


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    words = ["-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def text(page):
    return page.read_text("utf-8")


def test_pages_load_nothing_from_elsewhere(site):
    found = set()
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        for match in LOADED.finditer(TELLS_ONLY.sub("", text(path))):
            found.add(next(filter(None, match.groups())))
    assert len(found) > 20
    assert [url for url in found if re.match(r"(\w+:)?//", url)] == []


def test_the_reference_holds_docstrings_and_help(site):
    reference = text(site / "reference" / "python" / "index.html")
    assert 'id="fsa_jax.load"' in reference
    assert "Tokens of an answer at most" in reference
    assert "Draws for the 95% intervals" in text(
        site / "reference" / "commands" / "score" / "index.html"
    )


def test_pages_of_the_repository_and_their_sources_are_part_of_it(site):
    assert "Your own data" in text(site / "how_to" / "tasks" / "index.html")
    assert 'href="../source/fsa_jax/training/loop.py/"' in text(
        site / "architecture" / "index.html"
    )
    shown = re.sub("<[^>]*>", "", text(site / "source/fsa_jax/training/loop.py/index.html"))
    assert "\ndef train(" in shown


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Says nothing."""


@contextlib.contextmanager
def served(folder):
    """Serves the files of a folder on a free port of this machine."""
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_fits_a_desk_and_a_phone_and_asks_nobody_else(site, width):
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    pages = sorted(path.parent.relative_to(site) for path in site.rglob("index.html"))
    pages = [page.as_posix() for page in pages if not page.is_relative_to("source")]
    assert len(pages) > 40
    with served(site) as url, sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 844})
        trouble = []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "request",
            lambda r: None if r.url.startswith((url, "data:", "blob:")) else trouble.append(r.url),
        )
        page.on("response", lambda r: trouble.append(r.url) if r.status >= 400 else None)
        for name in pages:
            page.goto(f"{url}{name}/")
            if page.evaluate("document.documentElement.scrollWidth") > width:
                trouble.append(f"{name} is wider than {width}")
        assert trouble == []
        if width > 1000:
            page.click("input[name=query]")
            page.keyboard.type("calibrate")
            page.wait_for_selector(".md-search-result__link")
        browser.close()

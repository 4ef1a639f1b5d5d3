"""The site is built without a warning, and asks no other host for anything."""

import os
import re
import subprocess
import sys

import pytest
from documents import ROOT

# What a browser loads by itself when it shows a page; links that people follow are not among it.
LOADED = re.compile(
    r"""<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=["']?(?P<url>[^"'\s>]+)"""
    r"""|url\(["']?(?P<css>[^"')]+)|@import\s+["'](?P<import>[^"']+)"""
)
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
    tasks = text(site / "how_to" / "tasks" / "index.html")
    assert "<h1" in tasks
    architecture = text(site / "architecture" / "index.html")
    assert 'href="../source/fsa_jax/training/loop.py/"' in architecture
    assert "def train" in text(
        site / "source" / "fsa_jax" / "training" / "loop.py" / "index.html"
    ).replace("</span>", "").replace('<span class="w"> ', " ").replace('<span class="nf">', "")

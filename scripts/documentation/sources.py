"""Links that lead out of ``docs/``: the site shows the files that they lead to.

On GitHub a page links to the code by a path of the repository. The site holds a page for each such
file, so its links lead on without a network and show the version that the site was built from.
"""

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = "docs"
# Pages of the repository that are pages of the site, too, by their path there.
ADOPTED = {"CONTRIBUTING.md": "contributing.md", "tasks/README.md": "how_to/tasks.md"}
_HOME = {"README.md": "index.md"}
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)(?P<path>[^()#\s]+)")
_LANGUAGES = {".py": "python", ".gin": "python", ".yaml": "yaml", ".sh": "bash", ".json": "json"}


def links(text: str) -> list[str]:
    """Returns the paths that a page links to, as it writes them."""
    return [match["path"] for match in _LINK.finditer(text)]


def repository_path(uri: str) -> str:
    """Returns where in the repository a page of the site comes from."""
    adopted = {page: path for path, page in ADOPTED.items()}
    return adopted.get(uri, posixpath.join(DOCS, uri))


def page_of(path: str) -> str:
    """Returns the page of the site that shows a file or folder of the repository."""
    if path.startswith(f"{DOCS}/"):
        return path.removeprefix(f"{DOCS}/")
    return {**_HOME, **ADOPTED}.get(path) or f"source/{path}.md"


def relinked(text: str, uri: str) -> str:
    """Returns a page's text with links that lead to pages of the site.

    Args:
        text: What the page says.
        uri: The page, by its path below ``docs/``.
    """
    home = posixpath.dirname(repository_path(uri))

    def lead(match: re.Match[str]) -> str:
        target = page_of(posixpath.normpath(posixpath.join(home, match["path"])))
        return posixpath.relpath(target, posixpath.dirname(uri) or ".")

    return _LINK.sub(lead, text)


def pages(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yields the pages to add for files outside of ``docs/``, each with its text.

    Args:
        texts: The pages that there are, by their paths below ``docs/``.
    """
    wanted: set[str] = set()
    for uri, text in texts.items():
        home = posixpath.dirname(repository_path(uri))
        paths = {posixpath.normpath(posixpath.join(home, link)) for link in links(text)}
        wanted |= {path for path in paths if page_of(path).startswith("source/")}
    listed = {path: _files(ROOT / path) for path in wanted if (ROOT / path).is_dir()}
    for path, names in listed.items():
        lines = [f"- [`{name}`]({posixpath.basename(path)}/{name}.md)" for name in names]
        yield page_of(path), _page(path, "\n".join(lines))
    shown = {f"{path}/{name}" for path, names in listed.items() for name in names}
    for path in sorted(shown | wanted - listed.keys()):
        code = (ROOT / path).read_text(encoding="utf-8")
        language = _LANGUAGES.get(os.path.splitext(path)[1], "text")
        yield page_of(path), _page(path, f"`````{language}\n{code}`````")


def _files(folder: Path) -> list[str]:
    """The files of a folder that a page can show."""
    return sorted(path.name for path in folder.iterdir() if path.suffix in _LANGUAGES)


def _page(path: str, body: str) -> str:
    """A page that searches pass over: the pages that link to it tell more."""
    return f"---\nsearch:\n  exclude: true\nhide: [navigation, toc]\n---\n# `{path}`\n\n{body}\n"

"""What MkDocs calls while it builds the site; ``mkdocs.yml`` names this file."""

import re
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from scripts.documentation import commands, sources

_CODE = re.compile(r"`[^`]+`")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts the pages of the commands into the navigation, behind their introduction."""
    for title, entries in _sections(config.nav):
        if title == "Commands":
            entries += [uri for uri, _ in commands.pages()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that no file of ``docs/`` holds."""
    made = dict(commands.pages())
    for path, uri in sources.ADOPTED.items():
        made[uri] = (sources.ROOT / path).read_text(encoding="utf-8")
    written = {page.src_uri: page.content_string for page in files.documentation_pages()}
    made.update(sources.pages({**written, **made}))
    for uri, text in made.items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links into the repository into links within the site."""
    uri = page.file.src_uri
    if uri.startswith(("source/", f"{commands.FOLDER}/")) and page.file.generated_by:
        return markdown
    return str(commands.linked(sources.relinked(_with_plain_pipes(markdown), uri), uri))


def _with_plain_pipes(text: str) -> str:
    """Takes the backslashes away that GitHub wants before ``|`` in the code of a table."""
    rows = [
        _CODE.sub(lambda code: code[0].replace("\\|", "|"), row) if row.startswith("|") else row
        for row in text.split("\n")
    ]
    return "\n".join(rows)


def _sections(entries: Any) -> list[tuple[str, list[Any]]]:
    """The titled lists of the navigation, inner ones too."""
    found: list[tuple[str, list[Any]]] = []
    for entry in entries if isinstance(entries, list) else []:
        for title, inner in entry.items() if isinstance(entry, dict) else []:
            if isinstance(inner, list):
                found += [(title, inner), *_sections(inner)]
    return found

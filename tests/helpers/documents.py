"""The documents as tests read them: their blocks of code, their commands, their order."""

import pathlib
import re
import shlex

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
# All that people read, the site's pages and those of the repository.
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", ROOT / "tasks" / "README.md", *PAGES]


def how_to():
    """The pages of the navigation's "How to", in its order."""
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    (listed,) = [entry["How to"] for entry in navigation if "How to" in entry]
    paths = [
        page
        for entry in listed
        for page in (entry.values() if isinstance(entry, dict) else [entry])
    ]
    return [DOCS / page for page in paths if (DOCS / page).is_file()]


def blocks(text, language):
    """The code of a text's blocks of one language, a pattern."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def command_lines(path):
    """The lines of a page's blocks of shell, each whole command one line."""
    for block in blocks(path.read_text("utf-8"), "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if line := " ".join(line.split("  #")[0].split()):
                yield line


def commands(line):
    """The words of each command of a line, in order."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if set(word) <= set("&|;"):
            yield words
            words = []
        else:
            words.append(word)
    if words:
        yield words

"""What cards of models and of corpora are made of; a card is a ``README.md`` of the Hub."""

from collections.abc import Iterable, Mapping
from typing import Any

CARD = "README.md"
# The Hub's word for terms that are told in the card itself.
OTHER_LICENCE = "other"


def front_matter(fields: Mapping[str, Any]) -> str:
    """Returns what the Hub reads of a card: YAML between dashes."""
    import yaml

    text = yaml.safe_dump(dict(fields), sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{text}---\n"


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Returns a table in Markdown; nothing in a cell ends it."""
    lines = [list(map(str, heads)), *(list(map(_cell, row)) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def section(title: str, *parts: str) -> str:
    """Returns a heading and the parts below it that say something."""
    body = "\n\n".join(part.strip("\n") for part in parts if part.strip())
    return f"\n## {title}\n\n{body}\n"

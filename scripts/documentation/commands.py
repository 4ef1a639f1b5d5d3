"""The reference of the commands, written from their own help while the site is built."""

import posixpath
import re
from collections.abc import Iterator
from typing import Any

import typer

from fsa_jax.cli import main

FOLDER = "reference/commands"
_HELP = re.compile(r"`(?P<command>(?:fsa )?(?P<name>\w+)) --help`")


def pages() -> Iterator[tuple[str, str]]:
    """Yields a page for ``t5x`` and for each command of ``fsa``, with its text."""
    yield f"{FOLDER}/t5x.md", _section(typer.main.get_command(main.t5x), None, "t5x", 1)
    group = typer.main.get_command(main.fsa)
    context = typer.Context(group, info_name="fsa")
    for name in group.list_commands(context):  # type: ignore[attr-defined]
        # Typer's own get_command gives what help lists; this gives the command.
        _, command, _ = group.resolve_command(context, [name])  # type: ignore[attr-defined]
        yield f"{FOLDER}/{name}.md", _section(command, context, f"fsa {name}", 1)


def linked(text: str, uri: str) -> str:
    """Returns a page's text in which ``fsa NAME --help`` in backticks leads to that help.

    Args:
        text: What the page says.
        uri: The page, by its path below ``docs/``.
    """
    home = posixpath.dirname(uri) or "."

    def lead(match: re.Match[str]) -> str:
        page = posixpath.relpath(f"{FOLDER}/{match['name']}.md", home)
        return f"[`{match['command']}`]({page})"

    return _HELP.sub(lead, text)


def _section(command: Any, parent: Any, path: str, level: int) -> str:
    """What a command and the commands in it say of themselves."""
    context = typer.Context(command, parent=parent, info_name=path.split()[-1])
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [f"{'#' * level} `{path}`", _plain(command.help or ""), f"```text\n{usage}\n```"]
    if hasattr(command, "list_commands"):
        names = command.list_commands(context)
        found = [(name, command.get_command(context, name)) for name in names]
        parts += [_section(one, context, f"{path} {name}", level + 1) for name, one in found]
    else:
        parts += list(_tables(command, context))
    return "\n\n".join(part for part in parts if part) + "\n"


def _tables(command: Any, context: Any) -> Iterator[str]:
    """The arguments and the options of a command, each with its help."""
    for kind in ("argument", "option"):
        params = [p for p in command.get_params(context) if p.param_type_name == kind]
        records = [record for p in params if (record := p.get_help_record(context))]
        rows = [f"| `{name}` | {_plain(text or '')} |" for name, text in records]
        if rows := [row for row in rows if not row.startswith("| `--help`")]:
            yield "\n".join([f"| {kind} | what |", "| --- | --- |", *rows])


def _plain(text: str) -> str:
    """Help as one paragraph; what Markdown would read as its own marks is kept as it is."""
    words = " ".join(text.split())
    for mark in "\\*_<>[]|":
        words = words.replace(mark, f"\\{mark}")
    return words

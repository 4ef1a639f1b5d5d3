"""The reference of the commands is made of their own help."""

import pytest
from documents import DOCS

from fsa_jax.cli.main import _COMMANDS
from scripts.documentation import commands


@pytest.fixture(scope="module")
def pages():
    return dict(commands.pages())


def test_each_command_has_its_page(pages):
    names = {uri.removeprefix("reference/commands/").removesuffix(".md") for uri in pages}
    assert names == {"t5x", *_COMMANDS}


def test_the_introduction_names_each_command():
    text = (DOCS / "reference" / "commands" / "index.md").read_text("utf-8")
    assert [name for name in _COMMANDS if f"`fsa {name} --help`" not in text] == []


def test_a_page_tells_arguments_options_and_defaults(pages):
    text = pages["reference/commands/score.md"]
    assert text.startswith("# `fsa score`\n\nScore")
    assert "| argument | what |" in text
    assert "| `--bootstrap <int range>` | Draws for the 95% intervals." in text
    assert "default: 1000" in text
    assert "--help" not in text


def test_commands_within_a_command_have_their_parts(pages):
    text = pages["reference/commands/corpus.md"]
    assert [f"## `fsa corpus {name}`" in text for name in ("build", "import", "card")] == [True] * 3
    assert "## `t5x train`" in pages["reference/commands/t5x.md"]


def test_help_that_looks_like_markdown_is_shown_as_it_stands():
    assert commands._plain("a_b *c*\n <d> | e") == r"a\_b \*c\* \<d\> \| e"


def test_words_that_name_a_command_lead_to_its_page():
    said = "see `fsa score --help`, `t5x --help` and `fsa score`"
    assert commands.linked(said, "how_to/evaluate.md") == (
        "see [`fsa score`](../reference/commands/score.md), "
        "[`t5x`](../reference/commands/t5x.md) and `fsa score`"
    )

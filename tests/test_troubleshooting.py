"""The messages that the page on troubleshooting quotes are still those of the code."""

import ast
import re

import pytest
from documents import DOCS, ROOT

PAGE = (DOCS / "troubleshooting.md").read_text("utf-8")
QUOTED = re.findall(r"^### `(.+)`$", PAGE, re.MULTILINE)
VARIES = "…"


def messages():
    """The texts of the code; what is put into them is ``VARIES``."""
    for package in ("fsa_jax", "tasks", "generation"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(map(text_of, node.values))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def text_of(part):
    return part.value if isinstance(part, ast.Constant) else VARIES


def quotes(quoted, message):
    """Whether a message has the quoted words, in their order."""
    words = [re.escape(part) for part in quoted.split(VARIES)]
    return re.search(".*?".join(words), message, re.DOTALL) is not None


MESSAGES = list(messages())


@pytest.mark.parametrize("quoted", QUOTED)
def test_a_quoted_message_is_one_of_the_code(quoted):
    assert any(quotes(quoted, message) for message in MESSAGES)


def test_quotes_tell_messages_apart():
    assert len(QUOTED) == len(set(QUOTED)) > 30
    for quoted in QUOTED:
        assert max(map(len, quoted.split(VARIES))) > 10, quoted
    assert not quotes("no experiment …; it is any of …", "no experiment …; it is one of …")
    assert quotes("… is not empty", "… is not empty: name another")

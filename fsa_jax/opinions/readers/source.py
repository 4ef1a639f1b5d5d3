"""What all readers share: a file's text, JSON, Python's literals, and names of sentences."""

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fsa_jax.opinions.readers import encodings
from fsa_jax.opinions.sentences import is_blank
from fsa_jax.runtime import packed

# How JSON and Python write half a character, which no encoding has.
_SURROGATE = re.compile(r"\\(?:u|U0000)[dD][89a-fA-F]")


def read_text(
    path: Path, encoding: str | None = None, say: Callable[[str], None] = lambda words: None
) -> str:
    """Reads a file, with or without BOM, with any line ends; see ``encodings.decode``.

    Args:
        path: The file.
        encoding: As the user told it, or ``None``.
        say: Told in words how the file is read where that is neither UTF-8 nor the user's word.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is empty, packed, no text, or of another encoding.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} {'is no file' if path.exists() else 'does not exist'}")
    content = path.read_bytes()
    if kind := packed.binary(content[:64]):
        raise ValueError(f"{path} is {kind}")
    try:
        text = encodings.decode(content, encoding, say)
    except ValueError as error:
        raise ValueError(f"{path}:{error}") from error
    if not text.strip("\ufeff \t\n\f\v"):
        raise ValueError(f"{path} is empty")
    return text


def name_of(value: Any) -> str:
    """Returns the id of a sentence as text; "" for what is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and not is_blank(value) else ""


def literal(text: str) -> Any:
    """Reads a Python literal; ``None`` where it is none."""
    if _SURROGATE.search(text):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that Python does not know
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None


def parse_json(text: str) -> Any:
    """Reads a JSON value.

    Raises:
        ValueError: It is none, with the reason.
    """
    try:
        value = json.loads(text)
        _refuse_halves(text, value)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("no usable JSON: it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"no usable JSON: {error}") from error
    return value


def _refuse_halves(text: str, value: Any) -> None:
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                r"half a character: a \ud800 to \udfff without its other half"
            ) from error


def json_items(text: str) -> Iterator[tuple[int, Any]]:
    """Yields the items of a JSON list, each with the line that it begins on.

    Raises:
        ValueError: The text is not a JSON list; the message begins with the line.
    """
    decoder = json.JSONDecoder()
    position = _skip_blanks(text, 0)
    if not text.startswith("[", position):
        raise ValueError("1: a JSON list is expected")
    position = _skip_blanks(text, position + 1)
    line, counted = 1, 0
    while not text.startswith("]", position):
        line += text.count("\n", counted, position)
        counted = position
        try:
            item, position = decoder.raw_decode(text, position)
            _refuse_halves(text[counted:position], item)
        except json.JSONDecodeError as error:
            raise ValueError(f"{error.lineno}: {error.msg} (is the file truncated?)") from error
        except RecursionError as error:
            raise ValueError(f"{line}: no usable JSON: it is nested too deeply") from error
        except ValueError as error:
            raise ValueError(f"{line}: no usable JSON: {error}") from error
        yield line, item
        position = _skip_blanks(text, position)
        if text.startswith(",", position):
            position = _skip_blanks(text, position + 1)
        elif not text.startswith("]", position):
            raise ValueError(f"{text.count(chr(10)) + 1}: the list does not end (file truncated?)")
    behind = _skip_blanks(text, position + 1)
    if behind < len(text):
        line = text.count("\n", 0, behind) + 1
        raise ValueError(f"{line}: {text[behind : behind + 20]!r} stands behind the list's end")


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\n\r":
        position += 1
    return position

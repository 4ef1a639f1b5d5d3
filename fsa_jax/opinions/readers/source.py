"""What all readers share: a file's text, and the items of a JSON list with their lines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def read_text(path: Path) -> str:
    """Reads a UTF-8 file, with or without BOM, with any line ends.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is empty or not UTF-8.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} {'is no file' if path.exists() else 'does not exist'}")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise ValueError(
            f"{path}:{line}: byte 0x{byte:02x} is not UTF-8; convert the file first"
        ) from error
    if not text.strip():
        raise ValueError(f"{path} is empty")
    return text.replace("\r\n", "\n").replace("\r", "\n")


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
        except json.JSONDecodeError as error:
            raise ValueError(f"{error.lineno}: {error.msg} (is the file truncated?)") from error
        yield line, item
        position = _skip_blanks(text, position)
        if text.startswith(",", position):
            position = _skip_blanks(text, position + 1)
        elif not text.startswith("]", position):
            raise ValueError(f"{text.count(chr(10)) + 1}: the list does not end (file truncated?)")


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\n\r":
        position += 1
    return position

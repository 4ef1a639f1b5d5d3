"""Readers of every format of the benchmarks, all into the opinions form."""

from pathlib import Path

from tasks.opinions import Problem, Sentence
from tasks.readers import fsa_json
from tasks.readers.source import read_text

FORMATS = {module.NAME: module for module in (fsa_json,)}


def read_file(path: Path | str, form: str | None = None) -> tuple[list[Sentence], list[Problem]]:
    """Reads a file of any known format.

    Args:
        path: The file.
        form: Name of its format, one of `FORMATS`; `None` tells it by the content.

    Returns:
        The sentences, and what was wrong.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is empty, truncated, or of no known format.
    """
    path = Path(path)
    text = read_text(path)
    module = FORMATS[form or detect(path, text)]
    problems: list[Problem] = []
    try:
        return module.read(text, problems), problems
    except ValueError as error:
        raise ValueError(f"{path}:{error}") from error


def load_file(path: Path | str, form: str | None = None) -> list[Sentence]:
    """Reads a file that has to be right; what the reader can repair is repaired silently.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The first fault, with file and line.
    """
    sentences, problems = read_file(path, form)
    for problem in problems:
        if not problem.repaired:
            raise ValueError(f"{path}:{problem}")
    return sentences


def detect(path: Path | str, text: str) -> str:
    """Tells a file's format by its content.

    Raises:
        ValueError: It looks like none of them.
    """
    for name, module in FORMATS.items():
        if module.looks_like(text[:4096]):
            return name
    raise ValueError(f"{path} is of no known format: {', '.join(FORMATS)}")

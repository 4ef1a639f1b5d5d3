"""Readers of every format of the benchmarks, all into the opinions form."""

from pathlib import Path
from typing import Any

from fsa_jax.opinions.readers import encodings, fsa_json, opinions_jsonl, semeval_xml
from fsa_jax.opinions.readers.columns import InstructAbsa, SetFit
from fsa_jax.opinions.readers.quads import AbsaQuad, Acos
from fsa_jax.opinions.readers.source import read_text
from fsa_jax.opinions.sentences import Labels, Log, Problem, Sentence

FORMATS: dict[str, Any] = {
    "fsa": fsa_json,
    "opinions": opinions_jsonl,
    "semeval": semeval_xml,
    "asqp": AbsaQuad,
    "acos": Acos,
    "setfit": SetFit,
    "instructabsa": InstructAbsa,
}


# Characters that are enough to tell a format.
_HEAD = 1 << 16


def read_file(
    path: Path | str,
    form: str | None = None,
    labels: Labels | None = None,
    encoding: str | None = None,
) -> tuple[list[Sentence], list[Problem]]:
    """Reads a file of any known format.

    Args:
        path: The file.
        form: Name of its format, one of ``FORMATS``; ``None`` tells it by the content.
        labels: What the labels may be.
        encoding: Of its text; ``None`` tells it by a byte-order mark or an XML declaration, and
            without either it is UTF-8.

    Returns:
        The sentences, and what was wrong.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is empty, broken as a whole, or of another format.
    """
    if encoding is not None:
        encodings.check(encoding)
    log = Log(labels)
    text = read_text(Path(path), encoding, lambda words: log.repair(1, "", words))
    if text.strip() == "[]":
        raise ValueError(f"{path} holds no sentences")
    seen = detect(text)
    if form is not None and form not in FORMATS:
        raise ValueError(f"unknown format {form!r}: one of {', '.join(FORMATS)}")
    chosen = form or seen
    if chosen is None:
        raise ValueError(
            f"{path}:1: {text.strip().splitlines()[0][:60]!r} begins none of the known formats: "
            f"{', '.join(FORMATS)}"
        )
    if form is not None and seen is not None and seen != form:
        what = f"{seen} ({FORMATS[seen].DESCRIPTION})"
        raise ValueError(f"{path} does not look like {form}, but like {what}: use --format {seen}")
    try:
        sentences = FORMATS[chosen].read(text, log)
    except ValueError as error:
        raise ValueError(f"{path}:{error}") from error
    if not any(problem.is_fault for problem in log.problems):
        if not sentences:
            raise ValueError(f"{path} holds no sentences")
        if not any(sentence.opinions for sentence in sentences):
            log.guess(1, "", "no sentence has an opinion: is the file annotated?")
    return sentences, log.problems


def load_file(
    path: Path | str,
    form: str | None = None,
    labels: Labels | None = None,
    encoding: str | None = None,
) -> list[Sentence]:
    """Reads a file that has to be right; what the reader can repair is repaired.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The first fault, with file and line.
    """
    sentences, problems = read_file(path, form, labels, encoding)
    for problem in problems:
        if problem.is_fault:
            raise ValueError(f"{path}:{problem}")
    return sentences


def detect(text: str) -> str | None:
    """Tells a file's format by its content; ``None`` where it looks like none."""
    end = text.find("\n", _HEAD)  # of a whole line
    head = text if end < 0 else text[:end]
    for name, module in FORMATS.items():
        if module.looks_like(head):
            return name
    return None

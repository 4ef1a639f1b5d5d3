"""Imports the paper's released corpus: JSON lines of reviews with one model's response each."""

import collections
import dataclasses
import json
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from fsa_jax.opinions import analyses
from fsa_jax.opinions.corpus import DOMAINS
from fsa_jax.runtime import files
from generation import quality
from generation.corpus import build as building
from generation.corpus.examples import Example
from generation.lexicon import knowledge
from generation.records import FILTERED, OK, clean_unicode

RESPONSE_FIELDS = ("mixtral_response", "llama2_response", "chatgpt_response")
_DOMAIN_FOLDERS = {"restaurant": "restaurant", "computer": "laptop", "laptop": "laptop"}
_PROMPT_FOLDERS = {"analysis": "anl", "rewrite": "rw", "anl": "anl", "rw": "rw"}
_TOKEN = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")


@dataclasses.dataclass
class ImportCounts:
    """Lines of the files; ``lines`` = ``told`` + ``untold`` + ``bad``."""

    lines: int = 0
    told: int = 0
    untold: int = 0
    bad: int = 0
    reasons: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    @property
    def bad_fraction(self) -> float:
        """Share of the lines that are no rows of the released format."""
        return self.bad / max(1, self.lines)


class ReleasedCorpus:
    """Reads released files as examples.

    Args:
        paths: The files.
        teacher: The teacher's name in the corpus.
        domain: ``restaurant``, ``laptop``, or ``auto``: by a folder in the file's path, else by
            each row's text.
        prompt: ``anl``, ``rw``, or ``auto``: likewise.
        left_out: Receives one JSON line for each row that is left out, with file, line and reason.
    """

    def __init__(
        self, paths: Iterable[Path], teacher: str, domain: str, prompt: str, left_out: IO[bytes]
    ) -> None:
        if domain not in (*DOMAINS, "auto"):
            raise ValueError(f"--domain is {domain!r}; use {', '.join(DOMAINS)} or auto")
        if prompt not in ("anl", "rw", "auto"):
            raise ValueError(f"--prompt is {prompt!r}; use anl, rw or auto")
        self.paths = [files.require_file(path) for path in paths]
        self.teacher, self.domain, self.prompt, self.left_out = teacher, domain, prompt, left_out
        self.counts = ImportCounts()
        self.first_bad = ""

    def examples(self) -> Iterator[Example]:
        """Yields the examples, counting on the way."""
        for path in self.paths:
            domain, prompt = self._by_folder(path)
            for number, line in files.numbered_lines(path):
                self.counts.lines += 1
                try:
                    row = _parse(line)
                except ValueError as error:
                    self.counts.bad += 1
                    self.first_bad = self.first_bad or f"{path}, line {number}: {error}"
                    self._leave_out(path, number, f"bad line: {error}")
                    continue
                example = self._tell(row, path, number, domain, prompt)
                if example is not None:
                    self.counts.told += 1
                    yield example

    def _by_folder(self, path: Path) -> tuple[str | None, str | None]:
        """Returns domain and prompt as forced by the user or as the path's folders tell.

        None where neither does.
        """
        folders = [part.lower() for part in path.absolute().parent.parts]
        found = []
        for forced, names in ((self.domain, _DOMAIN_FOLDERS), (self.prompt, _PROMPT_FOLDERS)):
            # The innermost folder that tells is meant.
            told = next((names[part] for part in reversed(folders) if part in names), None)
            found.append(told if forced == "auto" else forced)
        return found[0], found[1]

    def _tell(
        self, row: "_Row", path: Path, number: int, domain: str | None, prompt: str | None
    ) -> Example | None:
        domain = domain or tell_domain(row.text, row.response)
        prompt = prompt or tell_prompt(row.response)
        if domain is None or prompt is None:
            what = " and ".join(
                name for name, value in (("domain", domain), ("prompt", prompt)) if value is None
            )
            self.counts.untold += 1
            self.counts.reasons[f"untold {what}"] += 1
            self._leave_out(path, number, f"cannot tell the {what}", row.review_id)
            return None
        reason = quality.rejects(prompt, row.text, row.response, None)
        status = FILTERED if reason else OK
        if reason:
            self.counts.reasons[f"filtered {reason.split(':')[0]}"] += 1
            self._leave_out(path, number, f"filtered: {reason}", row.review_id)
        targets = "" if reason else quality.training_text(prompt, row.response)
        return Example(
            row.review_id,
            domain,
            self.teacher,
            prompt,
            row.text,
            targets,
            row.rating,
            status,
            reason,
        )

    def _leave_out(
        self, path: Path, number: int, reason: str, review_id: str | None = None
    ) -> None:
        if reason.startswith("bad line"):
            self.counts.reasons["bad line"] += 1
        line = {"file": str(path), "line": number, "review_id": review_id, "reason": reason}
        self.left_out.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


def import_released(
    paths: list[Path],
    teacher: str,
    domain: str,
    prompt: str,
    settings: building.Settings,
    max_bad_fraction: float,
) -> tuple[ImportCounts, building.Outcome, Path]:
    """Imports released files into corpora.

    What is left out is listed in ``<root>/import-left-out-<teacher>.jsonl``.

    Args:
        paths: The files.
        teacher: The teacher's name, of lower-case letters, digits and ``_``.
        domain: ``restaurant``, ``laptop`` or ``auto``.
        prompt: ``anl``, ``rw`` or ``auto``.
        settings: Where and how to write.
        max_bad_fraction: Nothing is written where a larger share of the lines is bad.

    Returns:
        Counts of lines, what was written, and the path of the list.

    Raises:
        ValueError: Too many bad lines, or nothing to write.
        FileNotFoundError, FileExistsError: A file is missing, or a corpus is there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", teacher):
        raise ValueError(f"--teacher is {teacher!r}; use lower-case letters, digits and _")
    building.refuse_foreign_folder(settings.root, settings.overwrite)
    for path in paths:
        files.require_file(path)
    listed = settings.root / f"import-left-out-{teacher}.jsonl"
    with files.atomic_file(listed) as left_out:
        reader = ReleasedCorpus(paths, teacher, domain, prompt, left_out)
        facts: dict[str, Any] = {}
        expected = sum(path.stat().st_size for path in paths)
        outcome = building.build(
            _checked(reader, facts, max_bad_fraction),
            expected,
            settings,
            facts,
            lambda outcome: _refuse_clashes(outcome, max_bad_fraction),
        )
    return reader.counts, outcome, listed


def _checked(
    reader: ReleasedCorpus, facts: dict[str, Any], max_bad_fraction: float
) -> Iterator[Example]:
    yield from reader.examples()
    counts = reader.counts
    if counts.bad_fraction > max_bad_fraction:
        raise ValueError(
            f"{counts.bad} of {counts.lines} lines are bad, more than --max-bad-fraction "
            f"{max_bad_fraction:g}; "
            f"the first: {reader.first_bad}"
        )
    facts["imported"] = {
        "files": {path.name: files.sha256(path) for path in reader.paths},
        "lines": counts.lines,
        "told": counts.told,
        "untold": counts.untold,
        "bad": counts.bad,
        "reasons": dict(sorted(counts.reasons.items())),
    }


def _refuse_clashes(outcome: building.Outcome, most: float) -> None:
    if outcome.clashes > most * outcome.added:
        raise ValueError(
            f"{outcome.clashes:,} of {outcome.added:,} rows have the ID of another review of their "
            f"corpus, such as {files.shown(outcome.clash)}, more than --max-bad-fraction {most:g}; "
            "are these files of one corpus?"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    review_id: str
    text: str
    rating: float
    response: str


def _parse(line: bytes) -> _Row:
    row: dict[str, Any] = files.parse_object(line)
    for field in ("ID", "Text", "Overall"):
        if row.get(field) is None:
            raise ValueError(f"field {field!r} is missing")
    responses = [row[field] for field in RESPONSE_FIELDS if isinstance(row.get(field), str)]
    if len(responses) != 1:
        raise ValueError(
            f"needs exactly one of the fields {', '.join(RESPONSE_FIELDS)}, not {len(responses)}"
        )
    for field, kinds in (("ID", str | int), ("Text", str)):
        if isinstance(row[field], bool) or not isinstance(row[field], kinds):
            raise ValueError(f"field {field!r} is a JSON {type(row[field]).__name__}")
    try:
        rating = float(row["Overall"])
    except (TypeError, ValueError, OverflowError):
        rating = math.nan
    if not 1.0 <= rating <= 5.0:
        raise ValueError(
            f"field 'Overall' is {files.shown(row['Overall'])}, not a number from 1 to 5"
        )
    text = clean_unicode(row["Text"])
    if not text.strip():
        raise ValueError("field 'Text' is empty")
    return _Row(str(row["ID"]), text, rating, clean_unicode(responses[0]))


def tell_prompt(response: str) -> str | None:
    """Tells an analysis from a rewriting by its form; None where a text is in between."""
    labels = len(
        re.findall(r"(?i)\b(?:opinion target|aspect|sentiment|reasoning)[ \d]{0,4}:", response)
    )
    if analyses.blocks(response) and labels >= 2:
        return "anl"
    return "rw" if labels == 0 and response.strip() else None


def tell_domain(review: str, response: str) -> str | None:
    """Tells the domain by the words that one domain's reviews use and the other's do not.

    Words come from what the lexicon teacher knows. The review is asked first; where it says too
    little, the response is asked too. None where no side has at least two words, and more than
    twice as many as the other.
    """
    for text in (review, f"{review} {response}"):
        words = [word.lower() for word in _TOKEN.findall(text)]
        votes = {
            domain: sum(word in knowledge.telling_words(domain) for word in words)
            for domain in DOMAINS
        }
        ranked = sorted(votes, key=votes.__getitem__, reverse=True)
        if votes[ranked[0]] >= 2 and votes[ranked[0]] > 2 * votes[ranked[1]]:
            return ranked[0]
    return None

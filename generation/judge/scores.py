"""An LLM judge's scores: a file of their own, which tells whose they are.

JSON lines, one for each analysis, with ``scores`` or the ``reason`` why there are none. Each names
its ``judge``: so they cannot be taken for people's, and ``refuse`` says so where somebody tries.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files
from generation import ledger
from generation.judge import criteria
from generation.judge.asking import Question
from generation.prompting import Prompt
from generation.run_folder import RunFolder
from generation.teachers.base import Spec, identity

NOT_ASKED = "not asked"


@dataclasses.dataclass(frozen=True)
class Scored:
    """What a judge made of one analysis.

    Attributes:
        judge: The name that the judge was given.
        model: What answered.
        task: The review's task.
        analysis: The analysis' letter there.
        domain: The review's domain.
        words: The review's length.
        scores: Points by the names of the criteria; None where there are none.
        reason: Why there are none, else empty.
    """

    judge: str
    model: str
    task: str
    analysis: str
    domain: str
    words: int
    scores: dict[str, int] | None
    reason: str


def write_scores(
    questions: Sequence[Question], prompt: Prompt, spec: Spec, folder: RunFolder
) -> list[Scored]:
    """Writes what the ledgers hold of a judge's answers, and returns it.

    An answer that cannot be read, or holds a score out of range, costs its own analysis alone.
    """
    rows = folder.rows()
    found = []
    for question in questions:
        messages = prompt.messages(question.as_review(), spec.instruction_role)
        row = rows.get(ledger.request_key(question.id, messages, identity(spec, prompt)))
        scores, reason = None, row.reason if row else NOT_ASKED
        if row is not None and row.response is not None and not reason:
            scores = criteria.read_scores(row.response)
            criteria.cap(scores)
        about = (question.task, question.letter, question.domain, question.words)
        found.append(Scored(spec.teacher, spec.model, *about, scores, reason))
    with files.atomic_file(folder.scores) as stream:
        for each in found:
            line = json.dumps(dataclasses.asdict(each), ensure_ascii=False)
            stream.write(line.encode("utf-8", "replace") + b"\n")
    return found


def read_scores(path: Path) -> list[Scored]:
    """Reads a file of ``write_scores``, or the one in a folder of ``fsa judge ask``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is no score of an LLM; the message names file and line.
    """
    path = RunFolder(path).scores if path.is_dir() else path
    found = []
    try:
        for number, row in files.json_lines(path):
            found.append(_scored(row, f"{path}, line {number}"))
    except ValueError as error:
        raise ValueError(f"{error}; name the --output-dir of `fsa judge ask`") from None
    if not found:
        raise ValueError(f"{path} is empty; name the --output-dir of `fsa judge ask`")
    return found


def _scored(row: dict[str, Any], where: str) -> Scored:
    names = [field.name for field in dataclasses.fields(Scored)]
    missing = [name for name in names if name not in row]
    if missing:
        raise ValueError(f"{where}: field {missing[0]!r} is missing; it is no score of an LLM")
    scored = Scored(**{name: row[name] for name in names})
    if scored.scores is not None:
        try:
            checked = criteria.read_scores(json.dumps(scored.scores))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        scored = dataclasses.replace(scored, scores=checked)
    return scored


def refuse(path: Path) -> None:
    """Refuses an LLM's scores where people's are asked for.

    Raises:
        ValueError: The file holds an LLM's scores.
    """
    with path.open("rb") as stream:
        first = stream.readline()
    try:
        row = json.loads(first)
    except (ValueError, RecursionError):
        return
    if isinstance(row, dict) and {"judge", "scores"} <= row.keys():
        raise ValueError(
            f"{path} holds the scores of an LLM ({files.shown(row['judge'])}), which never count "
            "as people's; name Label Studio's export here, and this file to `fsa judge report`"
        )

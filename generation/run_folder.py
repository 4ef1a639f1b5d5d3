"""The folder of a generation run: where its files lie, and how they are read back.

Nobody else spells their names::

    run.json                       who answers what (``RunFolder.facts``)
    ledger-00000-of-00002.jsonl    one shard's ledger (``generation.ledger``)
    shard-00000-of-00002.json      that shard's summary: whether it is complete, and its counts
    stop                           there while a run over many machines should end, with the reason
    batches/00000-of-00002/        its journal of batches (``services.batch_journal``)
    <task>-questions.jsonl         of ``fsa evaluate``: what is asked, in the form of reviews
    <task>-predictions.jsonl       and what ``fsa score`` reads
    llm-scores.jsonl               of ``fsa judge ask``: an LLM judge's scores
    seed_<seed>/                   of ``fsa evaluate``: a folder like this for each draw of
                                   demonstrations
"""

import contextlib
import dataclasses
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files
from generation import ledger
from generation.records import LedgerRow

_LEDGER = re.compile(r"ledger-(\d{5})-of-(\d{5})\.jsonl")


@dataclasses.dataclass(frozen=True)
class Shard:
    """The files of one shard: number ``index`` of ``count``."""

    folder: Path
    index: int
    count: int

    @property
    def name(self) -> str:
        """What its files' names share."""
        return f"{self.index:05d}-of-{self.count:05d}"

    @property
    def ledger(self) -> Path:
        """What became of each request."""
        return self.folder / f"ledger-{self.name}.jsonl"

    @property
    def summary(self) -> Path:
        """Whether the shard is complete, and its counts."""
        return self.folder / f"shard-{self.name}.json"

    @property
    def batches(self) -> Path:
        """Folder of the journal of batches."""
        return self.folder / "batches" / self.name

    def statuses(self) -> dict[bytes, str]:
        """Returns the status of each request that has a row; see ``ledger.statuses``."""
        return ledger.statuses(self.ledger)

    def read_summary(self) -> dict[str, Any] | None:
        """Returns the summary, or None where the shard has none.

        Raises:
            ValueError: The file is no summary.
        """
        advice = f"run the same `fsa generate … --shard {self.index}/{self.count}` again"
        return _read(self.summary, {"shard": int, "requests": int}, advice)

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Replaces the summary."""
        files.write_json(self.summary, summary)


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The folder of one run, by its path."""

    path: Path

    def shard(self, index: int, count: int) -> Shard:
        """Returns the files of one shard, there or not."""
        return Shard(self.path, index, count)

    def shards(self) -> list[Shard]:
        """Returns the shards that have a ledger, in order.

        Raises:
            FileNotFoundError: The folder does not exist or holds no ledger.
            ValueError: It holds ledgers of runs with different numbers of shards.
        """
        advice = "name the --output-dir of `fsa generate`"
        if not self.path.is_dir():
            raise FileNotFoundError(f"{self.path} is not a folder; {advice}")
        found = sorted(self._ledgers(), key=lambda shard: shard.index)
        if not found:
            raise FileNotFoundError(f"{self.path} holds no ledger-*.jsonl; {advice}")
        counts = sorted({shard.count for shard in found})
        if len(counts) > 1:
            raise ValueError(
                f"{self.path} mixes ledgers of runs in {' and '.join(map(str, counts))} shards; "
                "keep one run"
            )
        return found

    def _ledgers(self) -> Iterator[Shard]:
        for path in self.path.iterdir() if self.path.is_dir() else ():
            if match := _LEDGER.fullmatch(path.name):
                yield Shard(self.path, int(match[1]), int(match[2]))

    @property
    def scores(self) -> Path:
        """An LLM judge's scores (``generation.judge.scores``)."""
        return self.path / "llm-scores.jsonl"

    def rows(self) -> dict[str, LedgerRow]:
        """Returns the rows of all ledgers by key; of a key's the last."""
        found = (ledger.rows(shard.ledger) for shard in self.shards())
        return {row.key: row for rows in found for row in rows}

    def of_seed(self, seed: int) -> "RunFolder":
        """The folder of the run whose demonstrations were drawn with a seed."""
        return RunFolder(self.path / f"seed_{seed}")

    def questions(self, task: str) -> Path:
        """What ``fsa evaluate`` asks about a task."""
        return self.path / f"{task}-questions.jsonl"

    def predictions(self, task: str) -> Path:
        """What ``fsa evaluate`` makes of the answers."""
        return self.path / f"{task}-predictions.jsonl"

    def prepare(self, *outputs: Path) -> None:
        """Makes the folder and tries to write in it, before anything is asked and paid.

        Args:
            outputs: Files that will be written at the end.

        Raises:
            OSError: The folder, or one of the outputs, cannot be written; the message says why.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise type(error)(
                f"--output-dir {self.path} cannot be written ({error.strerror or error}); "
                "name another folder"
            ) from None
        for output in outputs:
            if output.is_dir() or (output.exists() and not os.access(output, os.W_OK)):
                raise FileExistsError(f"{output} is in the way; name another --output-dir")

    def ask_to_stop(self, reason: str) -> None:
        """Lets all workers of a run, on whatever machine, finish what is in flight and end."""
        self._stop_path.write_text(reason, encoding="utf-8")

    def forget_stop(self) -> None:
        """Lets workers go on again."""
        self._stop_path.unlink(missing_ok=True)

    def stop_reason(self) -> str:
        """Returns why workers should end, or an empty string."""
        try:
            return self._stop_path.read_text("utf-8") or "by a stop file"
        except OSError:
            return ""

    @property
    def _stop_path(self) -> Path:
        return self.path / "stop"

    def facts(self) -> dict[str, Any] | None:
        """Returns ``run.json``: teacher, prompts and number of shards; None where there is none.

        Raises:
            ValueError: The file is cut off, or another program's.
        """
        advice = (
            "remove it, and run the `fsa generate` that made the folder again: the ledgers are "
            "kept, and it writes a new one"
        )
        kinds = {"spec": dict, "shards": int, "prompts": dict}
        return _read(self._facts_path, kinds, advice)

    @property
    def _facts_path(self) -> Path:
        return self.path / "run.json"

    def refuse_other_run(self, facts: dict[str, Any]) -> None:
        """Refuses to go on where the folder holds answers of another run.

        Teacher, prompt versions and sharding must be the same. A run that failed before its first
        answer, as by a wrong model's name, binds nobody.

        Raises:
            ValueError: Something differs; the message names it.
        """
        if not any(shard.ledger.stat().st_size for shard in self._ledgers()):
            return
        for what, before, now in _differences(self.facts() or facts, facts):
            raise ValueError(
                f"{self.path} holds answers of another run ({what} was {before}, now {now}); "
                "use another --output-dir"
            )

    def claim(self, facts: dict[str, Any]) -> None:
        """Writes ``run.json``; prompts of earlier runs into the folder stay named.

        Raises:
            ValueError: See ``refuse_other_run``: another process may have been faster.
        """
        self.refuse_other_run(facts)
        old: dict[str, Any] | None = None
        with contextlib.suppress(ValueError):  # no run has answered yet, so what it says is void
            old = self.facts()
        if old is not None and not list(_differences(old, facts)):
            facts = facts | {"prompts": old["prompts"] | facts["prompts"]}
        if facts != old:
            files.write_json(self._facts_path, facts)


def _differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    if old["shards"] != new["shards"]:
        yield "the number of shards", old["shards"], new["shards"]
    for field in new["spec"]:
        if old["spec"].get(field) != new["spec"][field]:
            yield field, old["spec"].get(field), new["spec"][field]
    for name, prompt in new["prompts"].items():
        before = old["prompts"].get(name, prompt)
        if before != prompt:
            version = before.get("version") if isinstance(before, dict) else before
            yield (
                f"prompt {name}",
                f"version {version}",
                f"version {prompt['version']}, or other words",
            )


def _read(path: Path, kinds: dict[str, type], advice: str) -> dict[str, Any] | None:
    """Reads a JSON object whose named fields have these types; None where there is no file."""
    if not path.exists():
        return None
    try:
        value = files.parse_object(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {advice}") from None
    for name, kind in kinds.items():
        if not isinstance(value.get(name), kind):
            raise ValueError(f"{path} was not written by `fsa generate` (no {name!r}); {advice}")
    return value

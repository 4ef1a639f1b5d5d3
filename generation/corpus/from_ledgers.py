"""Builds corpora from the ledgers of generation runs, after checking that they are whole."""

import collections
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files
from generation import ledger, quality
from generation.corpus import build as building
from generation.corpus.examples import Example
from generation.records import OK, LedgerRow
from generation.run_folder import RunFolder, Shard


def check_whole(folder: Path) -> tuple[list[Shard], int]:
    """Returns a run's shards and its number of distinct requests, if the run is whole.

    Raises:
        FileNotFoundError: The folder holds no ledger.
        ValueError: A shard is missing, unfinished or of another input, or shards overlap; the
            message names it and the command that mends it.
    """
    run_folder = RunFolder(folder)
    count = run_folder.shards()[0].count
    shards = [run_folder.shard(index, count) for index in range(count)]
    summaries: dict[int, dict[str, Any]] = {}
    for shard in shards:
        summary = shard.read_summary() if shard.ledger.exists() else None
        part = f"{shard.index}/{count}"
        if summary is None:
            raise ValueError(
                f"{folder}: shard {part} is missing; run `fsa generate … --shard {part}`"
            )
        if not summary.get("complete"):
            raise ValueError(
                f"{folder}: shard {part} is not finished; run the same `fsa generate … --shard "
                f"{part}` again, or pass --allow-incomplete"
            )
        summaries[shard.index] = summary
    for field in ("reviews_sha256", "prompts", "reviews"):
        values = {str(summary.get(field)) for summary in summaries.values()}
        if len(values) > 1:
            raise ValueError(
                f"{folder}: the shards differ in {field}; run all shards on the same reviews and "
                "prompts"
            )
    requests = sum(summary["requests"] + summary["duplicates"] for summary in summaries.values())
    expected = summaries[0]["reviews"] * len(summaries[0]["prompts"])
    if requests != expected:
        raise ValueError(
            f"{folder}: the shards cover {requests} of {expected} requests; run the missing shards "
            "again"
        )
    return shards, sum(summary["requests"] for summary in summaries.values())


class LedgerReader:
    """Reads ledgers as examples and counts on the way.

    Args:
        folders: Output folders of ``fsa generate``.
        allow_incomplete: Take what is there from unfinished runs.
    """

    def __init__(self, folders: list[Path], allow_incomplete: bool = False) -> None:
        self.shards: list[Shard] = []
        self.expected: int | None = None if allow_incomplete else 0
        for folder in folders:
            if allow_incomplete:
                self.shards += RunFolder(folder).shards()
                continue
            shards, requests = check_whole(folder)
            self.shards += shards
            self.expected = (self.expected or 0) + requests
        # What each run was: its teacher, and its prompts with their kinds.
        self.runs = {
            folder: RunFolder(folder).facts() or {"prompts": {}}
            for folder in {shard.folder for shard in self.shards}
        }
        self.rows = 0
        self.bad: collections.Counter[str] = collections.Counter()

    @property
    def expected_bytes(self) -> int:
        """Size of the ledgers."""
        return sum(shard.ledger.stat().st_size for shard in self.shards)

    def ledger_rows(self) -> Iterator[tuple[Shard, LedgerRow]]:
        """Yields all rows; checks that no review stands in two shards of a run."""
        for shard in self.shards:
            for row in ledger.rows(shard.ledger):
                if ledger.shard_of(row.review_id, shard.count) != shard.index:
                    raise ValueError(
                        f"{shard.ledger}: review {files.shown(row.review_id)} belongs to another "
                        "shard; the shards overlap"
                    )
                yield shard, row

    def examples(self) -> Iterator[Example]:
        """Yields all rows as examples."""
        for shard, row in self.ledger_rows():
            self.rows += 1
            yield self._example(row, self.runs[shard.folder]["prompts"])

    @staticmethod
    def _example(row: LedgerRow, prompts: dict[str, Any]) -> Example:
        kind = prompts.get(row.prompt, {}).get("kind", "anl" if row.prompt == "anl" else "rw")
        targets = quality.training_text(kind, row.response or "") if row.status == OK else ""
        status, reason = row.status, row.reason
        if status == OK and not targets:
            status, reason = "filtered", "empty"
        return Example(
            row.review_id,
            row.domain,
            row.teacher,
            row.prompt,
            row.review,
            targets,
            row.rating,
            status,
            reason,
        )

    def check_no_gap(self, outcome: building.Outcome) -> None:
        """Raises ValueError where the ledgers hold fewer requests than their summaries tell."""
        found = sum(sum(counts.statuses.values()) for counts in outcome.counts.values())
        if self.expected is not None and found < self.expected:
            if outcome.clashes:
                raise ValueError(
                    f"the ledgers hold {found} of {self.expected} requests, since review ids stand "
                    f"for several reviews each, such as {files.shown(outcome.clash)}; give each "
                    "review its own id and run again, or pass --allow-incomplete to keep the last "
                    "of each"
                )
            raise ValueError(
                f"the ledgers hold {found} of {self.expected} requests; run the same "
                "`fsa generate` again, or pass --allow-incomplete"
            )

    def facts(self) -> dict[str, Any]:
        """Returns the manifest's entries about where the corpus came from."""
        return {
            "ledgers": {
                f"{shard.folder.name}/{shard.ledger.name}": files.sha256(shard.ledger)
                for shard in self.shards
            },
            "runs": {folder.name: self.runs[folder] for folder in sorted(self.runs)},
        }


def build_from_ledgers(reader: LedgerReader, settings: building.Settings) -> building.Outcome:
    """Builds corpora from ledgers; see ``build.build`` for what is promised and raised."""
    building.refuse_foreign_folder(settings.root, settings.overwrite)
    return building.build(
        reader.examples(), reader.expected_bytes, settings, reader.facts(), reader.check_no_gap
    )

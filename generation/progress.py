"""The counts of a run, and what they say about how it ended."""

import collections
import dataclasses
import time

from fsa_jax.runtime import exits
from generation.records import FAILED, FILTERED, OK, LedgerRow


@dataclasses.dataclass
class Progress:
    """Counts of a run; ``total`` = ``kept`` + ``written`` + ``left``, at every moment.

    Attributes:
        reviews: Reviews in the whole input.
        total: Distinct requests of this shard.
        duplicates: Requests that the input holds again.
        kept: Requests that earlier runs ended.
        statuses: Requests by status, over all runs.
        by_prompt: The same by (prompt, status).
        reasons: Failed and filtered rows of this run by rule or fault.
        written: Rows of this run.
        cost: US dollars of this run, as far as known.
        guessed: US dollars of answers whose tokens the service did not count, by their lengths.
        tokens: Completion tokens of this run.
        stopped: Why the run ended early, or empty.
        broken: Whether it ended early since it made nothing of use.
    """

    reviews: int = 0
    total: int = 0
    duplicates: int = 0
    kept: int = 0
    written: int = 0
    cost: float = 0.0
    guessed: float = 0.0
    tokens: int = 0
    prompt_tokens: int = 0
    stopped: str = ""
    broken: bool = False
    started: float = dataclasses.field(default_factory=time.monotonic)
    statuses: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    by_prompt: collections.Counter[tuple[str, str]] = dataclasses.field(
        default_factory=collections.Counter
    )
    reasons: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    @property
    def left(self) -> int:
        """Requests without a row yet."""
        return self.total - self.kept - self.written

    @property
    def spent(self) -> float:
        """US dollars of this run, known and guessed."""
        return self.cost + self.guessed

    @property
    def failure_rate(self) -> float:
        """Share of the ended requests that failed."""
        return self.statuses[FAILED] / max(1, sum(self.statuses.values()))

    def filter_rate(self, prompt: str) -> float:
        """Share of a prompt's answers that a rule of ``quality`` rejected."""
        filtered = self.by_prompt[prompt, FILTERED]
        return filtered / max(1, filtered + self.by_prompt[prompt, OK])

    def keep(self, prompt: str, status: str) -> None:
        """Counts a request that an earlier run ended."""
        self.kept += 1
        self._end(prompt, status)

    def write(self, row: LedgerRow) -> None:
        """Counts a row of this run."""
        self.written += 1
        self._end(row.prompt, row.status)
        if row.reason:
            self.reasons[row.reason.split(":")[0]] += 1
        self.cost += row.usage.get("cost") or 0.0
        self.tokens += row.usage.get("completion_tokens") or 0
        self.prompt_tokens += row.usage.get("prompt_tokens") or 0

    def _end(self, prompt: str, status: str) -> None:
        self.statuses[status] += 1
        self.by_prompt[prompt, status] += 1

    def stop(self, reason: str, broken: bool = False) -> None:
        """Notes why the run should end; the first reason stands."""
        if not self.stopped:
            self.stopped, self.broken = reason, broken

    def add(self, other: "Progress") -> None:
        """Adds the counts of another shard of the same input."""
        self.reviews = other.reviews
        for field in dataclasses.fields(self):
            mine, others = getattr(self, field.name), getattr(other, field.name)
            if isinstance(mine, collections.Counter):
                mine.update(others)
            elif field.name not in ("reviews", "started", "stopped", "broken"):
                setattr(self, field.name, mine + others)
        if other.stopped:
            self.stop(other.stopped, other.broken)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How a command ended: its exit code, and the line that says why and what to do."""

    code: int
    words: str


def judge(progress: Progress, max_failure_rate: float, max_filter_rate: float) -> Verdict | None:
    """Returns how a run ended, or None where all went well.

    Args:
        progress: Its counts.
        max_failure_rate: The largest share of requests that may fail.
        max_filter_rate: The largest share of a prompt's answers that may be rejected.
    """
    if progress.broken:
        return Verdict(exits.FAILED, f"stopped: {progress.stopped}")
    if progress.stopped:
        words = f"stopped: {progress.stopped}; run the same command again to go on"
        return Verdict(exits.STOPPED, words)
    if progress.failure_rate > max_failure_rate:
        return Verdict(
            exits.FAILED,
            f"{progress.failure_rate:.1%} of the requests failed, more than --max-failure-rate "
            f"{max_failure_rate:g}; see the reasons, then pass --retry-failed",
        )
    for prompt in sorted({prompt for prompt, _ in progress.by_prompt}):
        rate = progress.filter_rate(prompt)
        if rate > max_filter_rate:
            rules = ", ".join(f"{name} {n:,}" for name, n in progress.reasons.most_common(3))
            return Verdict(
                exits.FAILED,
                f"{rate:.1%} of the answers to prompt {prompt} were filtered"
                f"{f' ({rules})' if rules else ''}, more than --max-filter-rate "
                f"{max_filter_rate:g}; read some in the ledger before you ask for more",
            )
    return None

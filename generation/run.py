"""Runs a teacher over reviews into one shard's ledger.

It plans what is missing, asks, checks and records.
"""

import collections
import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from generation import files, ledger, quality
from generation.prompting import Prompt
from generation.records import FAILED, FILTERED, OK, LedgerRow, Review, read_reviews
from generation.teachers import base


@dataclasses.dataclass(frozen=True)
class Options:
    """What a run is asked to do.

    Attributes:
        reviews: JSON-lines file of reviews.
        folder: where ledgers go.
        prompts: what to ask about each review.
        shard, shards: this process answers the reviews of one shard.
        retry_failed: ask again what failed in an earlier run.
        max_cost: US dollars, in this run; once the known cost has reached it, no further request is
            sent.
        max_failure_rate: the run counts as failed when a larger share of its requests failed.
    """

    reviews: Path
    folder: Path
    prompts: tuple[Prompt, ...]
    shard: int = 0
    shards: int = 1
    retry_failed: bool = False
    max_cost: float | None = None
    max_failure_rate: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.shard < self.shards:
            raise ValueError(
                f"--shard {self.shard}/{self.shards} does not exist; use 0/{self.shards} to "
                f"{self.shards - 1}/{self.shards}"
            )


@dataclasses.dataclass
class Progress:
    """Counts of a run; ``total`` = ``kept`` + ``written`` + ``left``, at every moment.

    Attributes:
        reviews: reviews in the whole input.
        total: distinct requests of this shard.
        duplicates: requests that the input holds again.
        kept: requests that earlier runs ended.
        statuses: requests by status, over all runs.
        reasons: failed and filtered rows of this run by rule or fault.
        written: rows of this run.
        cost: US dollars of this run, as far as known.
        tokens: completion tokens of this run.
        stopped: why the run ended early, or empty.
    """

    reviews: int = 0
    total: int = 0
    duplicates: int = 0
    kept: int = 0
    written: int = 0
    cost: float = 0.0
    tokens: int = 0
    prompt_tokens: int = 0
    stopped: str = ""
    started: float = dataclasses.field(default_factory=time.monotonic)
    statuses: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    reasons: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    @property
    def left(self) -> int:
        """Requests without a row yet."""
        return self.total - self.kept - self.written

    @property
    def failure_rate(self) -> float:
        """Share of the ended requests that failed."""
        return self.statuses[FAILED] / max(1, sum(self.statuses.values()))


Watcher = Callable[[Progress], None]


def generate(
    options: Options,
    teacher: base.Teacher,
    stop: Callable[[], str] = lambda: "",
    watch: Watcher | None = None,
) -> Progress:
    """Answers what a shard still lacks.

    Args:
        options: what to do.
        teacher: who answers; it is checked before anything is written.
        stop: asked before each request is handed out; a reason ends the run once what is in flight
            has come back.
        watch: called after each row.

    Returns:
        The counts.

    Raises:
        ValueError: bad input, another process on the shard, a folder of another run, or a teacher
            that cannot work.
        OSError: a ledger cannot be written. All rows so far are kept, in this case as in every
            other.
    """
    progress = Progress()
    fingerprint = survey(options, progress)
    teacher.check()
    with ledger.Ledger(ledger.shard_path(options.folder, options.shard, options.shards)) as book:
        claim_folder(options, teacher.spec)
        summary = _Summary(options, teacher.spec, fingerprint)
        done = ledger.statuses(book.path)
        planner = _Planner(options, teacher.spec, done, progress, stop)
        try:
            for answer in teacher.answers(planner.requests()):
                row = to_row(answer, teacher.spec)
                book.append(row)
                _count(progress, row, options)
                if watch:
                    watch(progress)
        finally:
            teacher.close()
            summary.write(progress, planner)
    return progress


def survey(options: Options, progress: Progress) -> str:
    """Reads all reviews once, so that bad input fails before the first request.

    It also counts the requests of this shard.

    Returns:
        The sha256 of the reviews file.
    """
    mine = 0
    for review in read_reviews(options.reviews):
        progress.reviews += 1
        mine += ledger.shard_of(review.review_id, options.shards) == options.shard
    if not progress.reviews:
        raise ValueError(
            f"{options.reviews} holds no reviews; make some with `fsa reviews collect` or `fsa "
            "sample`"
        )
    progress.total = mine * len(options.prompts)
    return files.sha256(options.reviews)


def claim_folder(options: Options, spec: base.Spec) -> None:
    """Writes ``run.json``, or refuses a folder that holds answers of another run.

    Teacher, prompt versions and sharding must be the same.
    """
    path = options.folder / "run.json"
    mine: dict[str, Any] = {
        "spec": dataclasses.asdict(spec),
        "shards": options.shards,
        "prompts": {
            prompt.name: {"version": prompt.version, "sha256": prompt.sha256}
            for prompt in options.prompts
        },
    }
    if path.exists():
        old = files.parse_object(path.read_bytes())
        for what, before, now in _differences(old, mine):
            raise ValueError(
                f"{options.folder} holds answers of another run ({what} was {before}, now {now}); "
                "use another --output-dir"
            )
        mine["prompts"] = old["prompts"] | mine["prompts"]
        if mine == old:
            return
    files.write_json(path, mine)


def _differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    if old.get("shards") != new["shards"]:
        yield "the number of shards", old.get("shards"), new["shards"]
    for field in new["spec"]:
        if old["spec"].get(field) != new["spec"][field]:
            yield field, old["spec"].get(field), new["spec"][field]
    for name, prompt in new["prompts"].items():
        before = old["prompts"].get(name, prompt)
        if before != prompt:
            yield (
                f"prompt {name}",
                f"version {before['version']}",
                f"version {prompt['version']}, or other words",
            )


def to_row(answer: base.Answer, spec: base.Spec) -> LedgerRow:
    """Turns an answer into its ledger row, judging it by the rules of ``quality``."""
    request = answer.request
    response = (
        None if answer.response is None else answer.response.encode("utf-8", "replace").decode()
    )
    status, reason = FAILED, answer.error or "no answer"
    if response is not None and not answer.error:
        reason = quality.rejects(
            request.prompt.kind, request.review.text, response, answer.finish_reason
        )
        status = FILTERED if reason else OK
    return ledger.new_row(
        request.key,
        request.review,
        request.prompt.name,
        spec.teacher,
        spec.model,
        spec.revision,
        status=status,
        reason=reason,
        attempts=answer.attempts,
        response=response,
        finish_reason=answer.finish_reason,
        usage=answer.usage,
    )


def _count(progress: Progress, row: LedgerRow, options: Options) -> None:
    progress.written += 1
    progress.statuses[row.status] += 1
    if row.reason:
        progress.reasons[row.reason.split(":")[0]] += 1
    progress.cost += row.usage.get("cost") or 0.0
    progress.tokens += row.usage.get("completion_tokens") or 0
    progress.prompt_tokens += row.usage.get("prompt_tokens") or 0
    if options.max_cost is not None and progress.cost >= options.max_cost:
        progress.stopped = f"the cost has reached --max-cost {options.max_cost:g}"


class _Planner:
    """Hands out the requests that have no final row yet, once each."""

    def __init__(
        self,
        options: Options,
        spec: base.Spec,
        done: dict[bytes, str],
        progress: Progress,
        stop: Callable[[], str],
    ) -> None:
        self.options, self.spec, self.done, self.progress, self.stop = (
            options,
            spec,
            done,
            progress,
            stop,
        )
        self.complete = False
        self.digest = 0

    def requests(self) -> Iterator[base.Request]:
        seen: set[bytes] = set()
        identities = [(prompt, base.identity(self.spec, prompt)) for prompt in self.options.prompts]
        for review in read_reviews(self.options.reviews):
            if ledger.shard_of(review.review_id, self.options.shards) != self.options.shard:
                continue
            for prompt, identity in identities:
                request = self._plan(review, prompt, identity, seen)
                if request is None:
                    continue
                self.progress.stopped = self.progress.stopped or self.stop()
                if self.progress.stopped:
                    return
                yield request
        self.complete = True

    def _plan(
        self, review: Review, prompt: Prompt, identity: str, seen: set[bytes]
    ) -> base.Request | None:
        messages = prompt.messages(review, self.spec.instruction_role)
        key = ledger.request_key(review.review_id, messages, identity)
        short = bytes.fromhex(key)
        if short in seen:
            self.progress.duplicates += 1
            self.progress.total -= 1
            return None
        seen.add(short)
        # The sum of all keys tells later, whatever the order, whether a ledger holds just these.
        self.digest = (self.digest + int.from_bytes(short, "big")) % (1 << 256)
        status = self.done.get(short)
        if status is None or (status == FAILED and self.options.retry_failed):
            return base.Request(key, review, prompt, messages)
        self.progress.kept += 1
        self.progress.statuses[status] += 1
        return None


class _Summary:
    """Writes ``shard-*.json`` beside the ledger.

    It is what `fsa corpus build` checks completeness against.
    """

    def __init__(self, options: Options, spec: base.Spec, reviews_sha256: str) -> None:
        self.options, self.spec, self.reviews_sha256 = options, spec, reviews_sha256
        name = ledger.shard_path(options.folder, options.shard, options.shards).name
        self.path = options.folder / name.replace("ledger-", "shard-").replace(".jsonl", ".json")

    def write(self, progress: Progress, planner: _Planner) -> None:
        complete = planner.complete and progress.left == 0
        files.write_json(
            self.path,
            {
                "shard": self.options.shard,
                "shards": self.options.shards,
                "complete": complete,
                "reviews_sha256": self.reviews_sha256,
                "reviews": progress.reviews,
                "prompts": [prompt.name for prompt in self.options.prompts],
                "requests": progress.total,
                "duplicates": progress.duplicates,
                "keys_sum": hashlib.sha256(str(planner.digest).encode()).hexdigest()
                if complete
                else None,
                "statuses": dict(sorted(progress.statuses.items())),
                "cost": round(progress.cost, 6),
            },
        )

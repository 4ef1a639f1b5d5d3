"""Runs a teacher over reviews into one shard's ledger.

Reviews × prompts are the requests; it plans those that the ledger lacks, hands them to a teacher,
lets the rules judge each answer (``quality``), and records what became of it (``ledger``).

Knows teachers by their interface alone (``teachers.base``), and neither corpora nor students.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files
from generation import ledger, quality, review_ids
from generation.progress import Progress, Verdict, judge
from generation.prompting import Prompt
from generation.records import FAILED, FILTERED, OK, LedgerRow, Review, clean_unicode, read_reviews
from generation.run_folder import RunFolder, Shard
from generation.teachers import base, presets

# A service that refuses this many requests running is taken to be down or misused.
FAILURES_IN_A_ROW = 50
# So many answers running that no rule lets pass cost money and teach nothing.
FILTERED_IN_A_ROW = 200
_IN_A_ROW = {
    FAILED: (FAILURES_IN_A_ROW, "requests all failed"),
    FILTERED: (FILTERED_IN_A_ROW, "answers were all filtered"),
}
_WRITTEN = "written by this run"
# English prose in the tokens of current models.
CHARACTERS_PER_TOKEN = 4.0


@dataclasses.dataclass(frozen=True)
class Options:
    """What a run is asked to do.

    Attributes:
        reviews: JSON-lines file of reviews.
        folder: Where ledgers go.
        prompts: What to ask about each review.
        shard, shards: This process answers the reviews of one shard.
        retry_failed: Ask again what failed in an earlier run.
        max_cost: US dollars, in this run; once the cost has reached it, no further request is sent.
        spent: US dollars that runs before it have cost, and that count towards ``max_cost``.
        max_failure_rate: The run counts as failed when a larger share of its requests failed.
        max_filter_rate: And when a larger share of a prompt's answers was filtered.
    """

    reviews: Path
    folder: Path
    prompts: tuple[Prompt, ...]
    shard: int = 0
    shards: int = 1
    retry_failed: bool = False
    max_cost: float | None = None
    spent: float = 0.0
    max_failure_rate: float = 0.05
    max_filter_rate: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.shard < self.shards:
            raise ValueError(
                f"--shard {self.shard}/{self.shards} does not exist; use 0/{self.shards} to "
                f"{self.shards - 1}/{self.shards}"
            )

    @property
    def files(self) -> Shard:
        """The files of this shard."""
        return RunFolder(self.folder).shard(self.shard, self.shards)

    def verdict(self, progress: Progress) -> Verdict | None:
        """Returns how a run with these options ended, or None where all went well."""
        return judge(progress, self.max_failure_rate, self.max_filter_rate)


Watcher = Callable[[Progress], None]


def generate(
    options: Options,
    teacher: base.Teacher,
    stop: Callable[[], str] = lambda: "",
    watch: Watcher | None = None,
) -> Progress:
    """Answers what a shard still lacks.

    Args:
        options: What to do.
        teacher: Who answers; it is checked before anything is written.
        stop: Asked before each request is handed out; a reason ends the run once what is in flight
            has come back.
        watch: Called after each row.

    Returns:
        The counts.

    Raises:
        ValueError: Bad input, another process on the shard, a folder of another run, or a teacher
            that cannot work (any more).
        OSError: A ledger cannot be written. All rows so far are kept, here as in every case.
    """
    progress = Progress()
    fingerprint = survey(options, progress)
    quality.prepare()
    _check_price(options, teacher)
    run_folder, facts = RunFolder(options.folder), _facts(options, teacher.spec)
    run_folder.prepare()
    if bind := getattr(teacher, "bind", None):
        bind(options.files, stop)
    with ledger.Ledger(options.files.ledger) as book:
        run_folder.refuse_other_run(facts)
        teacher.check()
        run_folder.claim(facts)
        done = options.files.statuses()
        _judge_again(options, book, done)
        planner = Planner(options, teacher, done, progress, stop)
        write_summary(options, fingerprint, progress, planner)
        try:
            _record(options, teacher, planner, progress, book, watch)
            if progress.left:
                progress.stop(stop() or "the teacher has left requests open")
            elif planner.complete and not progress.broken:
                progress.stopped = ""  # what was to stop it came with the last answers
        except base.ServiceError:
            write_summary(options, fingerprint, progress, planner)
            raise
        except OSError:
            # The disk may be full; the summary on it says "not complete", which is true.
            raise
        except BaseException:
            write_summary(options, fingerprint, progress, planner)
            raise
        write_summary(options, fingerprint, progress, planner)
    return progress


def _record(
    options: Options,
    teacher: base.Teacher,
    planner: "Planner",
    progress: Progress,
    book: ledger.Ledger,
    watch: Watcher | None,
) -> None:
    last, in_a_row = "", 0
    with contextlib.closing(teacher.answers(planner.requests())) as answers:
        for answer in answers:
            if not planner.ends(answer):
                continue
            row = to_row(answer, teacher.spec)
            book.append(row)
            progress.write(row)
            last, in_a_row = row.status, in_a_row + 1 if row.status == last else 1
            if last in _IN_A_ROW and in_a_row >= _IN_A_ROW[last][0]:
                words = f"the last {in_a_row} {_IN_A_ROW[last][1]} ({row.reason})"
                progress.stop(f"{words}; mend that, then run the same command again", broken=True)
            spent = options.spent + progress.spent
            if options.max_cost is not None and spent >= options.max_cost:
                progress.stop(f"the cost has reached --max-cost {options.max_cost:g}")
            if watch:
                watch(progress)


def _check_price(options: Options, teacher: base.Teacher) -> None:
    """Raises ValueError for a limit of costs where the costs of a service cannot be known."""
    served = teacher.spec.backend.startswith("openai")
    if options.max_cost is not None and served and getattr(teacher, "price", None) is None:
        raise ValueError(
            "--max-cost needs a price, and none is known; set --price-prompt and "
            "--price-completion, in US dollars per million tokens"
        )


def survey(options: Options, progress: Progress) -> str:
    """Reads all reviews once, so that bad input fails before the first request.

    It also counts the requests of this shard.

    Returns:
        The sha256 of the reviews file.
    """
    mine = 0
    register = review_ids.Register()
    for review in read_reviews(options.reviews):
        register.add(review)
        progress.reviews += 1
        mine += ledger.shard_of(review.review_id, options.shards) == options.shard
    if not progress.reviews:
        raise ValueError(
            f"{options.reviews} holds no reviews; make some with `fsa reviews collect` or `fsa "
            "sample`"
        )
    register.check(options.reviews)
    progress.total = mine * len(options.prompts)
    return files.sha256(options.reviews)


def _judge_again(options: Options, book: ledger.Ledger, done: dict[bytes, str]) -> None:
    """Lets answers pass that the rules of an earlier version rejected: they are paid already."""
    prompts = {prompt.name: prompt for prompt in options.prompts}
    for row in ledger.filtered_rows(options.files.ledger, done):
        if row.response is None or row.prompt not in prompts:
            continue
        prompt, response = prompts[row.prompt], quality.without_thinking(row.response)
        telltales = prompt.betraying(row.domain)
        if not quality.rejects(prompt.kind, row.review, response, row.finish_reason, telltales):
            book.append(dataclasses.replace(row, status=OK, reason="", response=response))
            done[bytes.fromhex(row.key)] = OK


def _facts(options: Options, spec: base.Spec) -> dict[str, Any]:
    return {
        "spec": dataclasses.asdict(spec),
        "shards": options.shards,
        "prompts": {
            prompt.name: {"version": prompt.version, "kind": prompt.kind, "sha256": prompt.sha256}
            for prompt in options.prompts
        },
    }


def to_row(answer: base.Answer, spec: base.Spec) -> LedgerRow:
    """Turns an answer into its ledger row, judging it by the rules of ``quality``."""
    request = answer.request
    response = answer.response
    if response is not None:
        response = quality.without_thinking(clean_unicode(response))
    status, reason = FAILED, answer.error or "no answer"
    if response is not None and not answer.error:
        reason = quality.rejects(
            request.prompt.kind,
            request.review.text,
            response,
            answer.finish_reason,
            request.prompt.betraying(request.review.domain),
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


class Planner:
    """Hands out the requests that have no final row yet, once each.

    Args:
        options: What to do.
        teacher: Who will answer; its price, if it has one, is for ``max_cost``.
        done: Status by key, from the shard's ledger.
        progress: Counts, kept up to date.
        stop: See ``generate``.
    """

    def __init__(
        self,
        options: Options,
        teacher: base.Teacher,
        done: dict[bytes, str],
        progress: Progress,
        stop: Callable[[], str],
    ) -> None:
        self.options, self.spec, self.done = options, teacher.spec, done
        self.price: presets.Price | None = getattr(teacher, "price", None)
        self.progress, self.stop = progress, stop
        self.complete = False
        self._promised: dict[str, float] = {}
        self._promised_sum = 0.0
        self._longest = 0

    def requests(self) -> Iterator[base.Request]:
        """Yields the requests; ends early when the run should stop."""
        seen: set[bytes] = set()
        prompts = [(prompt, base.identity(self.spec, prompt)) for prompt in self.options.prompts]
        for review in read_reviews(self.options.reviews):
            if ledger.shard_of(review.review_id, self.options.shards) != self.options.shard:
                continue
            for prompt, identity in prompts:
                request = self._plan(review, prompt, identity, seen)
                if request is None:
                    continue
                if reason := self._why_stop(request):
                    self.progress.stop(reason)
                if self.progress.stopped:
                    return
                if self.price is not None:
                    self._promised[request.key] = self._expected_cost(request)
                    self._promised_sum += self._promised[request.key]
                yield request
        self.complete = True

    def ends(self, answer: base.Answer) -> bool:
        """Notes that a request is answered; False where it had been, so that no row comes twice."""
        self._promised_sum -= self._promised.pop(answer.request.key, 0.0)
        if self.price and answer.response and "cost" not in answer.usage:
            self.progress.guessed += self._cost_by_length(answer.request, len(answer.response))
        self._longest = max(self._longest, answer.usage.get("completion_tokens") or 0)
        key = bytes.fromhex(answer.request.key)
        if self._is_done(key):
            return False
        # Whatever its status, it is final for this run: a failure is asked again by a later one.
        self.done[key] = _WRITTEN
        return True

    def _is_done(self, key: bytes) -> bool:
        status = self.done.get(key)
        return status is not None and not (status == FAILED and self.options.retry_failed)

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
        if not self._is_done(short):
            return base.Request(key, review, prompt, messages)
        if self.done[short] == _WRITTEN:
            return None  # answered by a batch of an earlier run, before its turn came here
        self.progress.keep(prompt.name, self.done[short])
        return None

    def _why_stop(self, request: base.Request) -> str:
        most = self.options.max_cost
        if most is not None and self.price is not None:
            # What is in flight is not paid yet, but will be.
            expected = self._promised_sum + self._expected_cost(request)
            if self.options.spent + self.progress.spent + expected > most:
                return f"another request could pass --max-cost {most:g}"
        return self.stop()

    def _expected_cost(self, request: base.Request) -> float:
        """Returns what a request may cost: by its length, and the longest answer so far."""
        answer = self._longest or self.spec.sampling.get("max_tokens", 512)
        return self._cost_by_length(request, answer * CHARACTERS_PER_TOKEN)

    def _cost_by_length(self, request: base.Request, answer: float) -> float:
        """Returns the cost of a request whose answer has so many characters."""
        assert self.price is not None
        asked = sum(len(message["content"]) for message in request.messages)
        return self.price.cost(asked / CHARACTERS_PER_TOKEN + 8, answer / CHARACTERS_PER_TOKEN)


def write_summary(
    options: Options, reviews_sha256: str, progress: Progress, planner: Planner
) -> None:
    """Writes the shard's summary: ``fsa corpus build`` checks it."""
    options.files.write_summary(
        {
            "shard": options.shard,
            "shards": options.shards,
            "complete": planner.complete and progress.left == 0,
            "reviews_sha256": reviews_sha256,
            "reviews": progress.reviews,
            "prompts": [prompt.name for prompt in options.prompts],
            "requests": progress.total,
            "duplicates": progress.duplicates,
            "statuses": dict(sorted(progress.statuses.items())),
            "cost": round(progress.cost, 6),
        }
    )

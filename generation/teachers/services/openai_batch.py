"""The ``openai_batch`` teacher: OpenAI's Batch API, at half the price and within a day.

What is sent is in a journal beside the ledger (``batch_journal``) before anything is waited for, so
a run that is killed, or stopped while batches are open, takes them up again and sends nothing twice
that is still being worked on.
"""

import collections
import dataclasses
import io
import itertools
import json
import random
import time
import urllib.parse
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files
from generation.run_folder import RunFolder, Shard
from generation.teachers.base import Answer, Request, ServiceError, Spec
from generation.teachers.services import batch_faults, faults, pacing
from generation.teachers.services.batch_faults import State
from generation.teachers.services.batch_journal import Batch, BatchJournal
from generation.teachers.services.completions import read_completion
from generation.teachers.services.dialect import Dialect
from generation.teachers.services.openai_chat import Service, refusal

# Requests whose answers were made, and so paid, and could not be had are sent so often.
_PAID_ROUNDS = 2
# A file may be told of before it can be read, and a download may be cut off.
_FILE_TRIES = 3
# Batches in a row that fail as a whole, without a reason that we know.
_FAILED_IN_A_ROW = 3
_GONE = {"not_found", "no_such_model"}


@dataclasses.dataclass(frozen=True)
class Limits:
    """How batches are cut.

    Attributes:
        requests: Most requests in a batch (the service takes 50,000).
        bytes: Most bytes in a batch's file (the service takes 200 MB).
        open_batches: Most batches at the service at a time.
        poll: Seconds between looks at a batch.
        rounds: How often a request is sent again after its batch expired.
    """

    requests: int = 50_000
    bytes: int = 190_000_000
    open_batches: int = 4
    poll: float = 30.0
    rounds: int = 5


class RefusedError(Exception):
    """The service refuses to go on."""

    def __init__(self, fault: faults.Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


class BatchTeacher:
    """Sends requests in batches, and takes up those of earlier runs.

    Args:
        spec: Who answers.
        service: Where; its price should be the batch price.
        limits: How batches are cut.
        folder: The run's.
    """

    def __init__(self, spec: Spec, service: Service, limits: Limits, folder: Path) -> None:
        import openai

        self.spec, self.service, self.limits = spec, service, limits
        self.price = service.price
        self.journal = BatchJournal(RunFolder(folder).shard(0, 1).batches)
        self.dialect = Dialect(service.max_tokens)
        self.queue = batch_faults.Queue(limits.requests, limits.poll)
        self._stopping: Callable[[], str] = lambda: ""
        self._random = random.Random()
        self._rounds: collections.Counter[str] = collections.Counter()
        self._again: list[Request] = []
        self._tried: set[str] = set()
        self._failed_in_a_row = 0
        self._client = openai.OpenAI(
            base_url=service.url,  # else the environment's, which the ledger does not know
            api_key=service.key or "none",
            max_retries=0,
            timeout=service.timeout,
        )

    def bind(self, shard: Shard, stopping: Callable[[], str]) -> None:
        """Tells which shard this works for, and whom to ask whether to leave.

        Each shard has its own journal. Batches take hours, so a run that should stop leaves them to
        the next one.
        """
        self.journal = BatchJournal(shard.batches)
        self._stopping = stopping

    def check(self) -> None:
        """Asks for the list of batches: the key must be good, and the service must know batches.

        Raises:
            ValueError: It does not, or the key is wrong.
            ServiceError: It cannot be reached, or refuses otherwise.
            OSError: The journal cannot be written.
        """
        self.journal.prepare_folder()
        try:
            self._call(lambda: self._list(limit=1))
        except RefusedError as refused:
            if refused.fault.name in _GONE:
                raise ValueError(
                    f"{self.service.url} knows no batches ({refused.fault.detail}); check "
                    "--base-url, or use --backend openai"
                ) from None
            raise refusal(refused.fault, self.service) from None

    def answers(self, requests: Iterable[Request]) -> Generator[Answer, None, None]:
        """Yields answers as batches end.

        Raises:
            ValueError: The service refuses the command.
            ServiceError: It will answer nothing more. What is open stays in the journal.
        """
        try:
            yield from self._answers(iter(requests))
        except RefusedError as refused:
            raise refusal(refused.fault, self.service) from None

    def _answers(self, source: Iterator[Request]) -> Generator[Answer, None, None]:
        waiting = self._take_up()
        # What an earlier run has sent must not be sent again when the planner comes to it.
        sent = {key for batch in waiting for key in batch.requests}
        fresh = (request for request in source if request.key not in sent)
        more = True
        while more or self._again or waiting:
            while (more or self._again) and (size := self._room(waiting)):
                more = self._send(itertools.chain(_pop_all(self._again), fresh), size, waiting)
            ended = [(batch, state) for batch in waiting if (state := self._look(batch))]
            for batch, state in ended:
                waiting.remove(batch)
                yield from self._harvest(batch, state, _held(waiting))
            if not ended and (waiting or self._again):
                self._sleep(self.limits.poll)
                if self._stopping():
                    return

    def _room(self, waiting: list[Batch]) -> int:
        """Returns how many requests may be sent now in one batch."""
        return self.queue.size(_held(waiting)) if len(waiting) < self.limits.open_batches else 0

    def _take_up(self) -> list[Batch]:
        """Returns the batches that earlier runs have sent and not harvested."""
        batches = self.journal.open_batches()
        if any(batch.id is None for batch in batches):
            # Killed before the id was written down: the service knows the batch by our name, or by
            # its file.
            states = self._call(self._states)
            for batch in batches:
                if batch.id is None and (found := _find(batch, states)):
                    self.journal.created(batch, found)
                elif batch.id is None:
                    self.journal.ended(batch)  # it was never made; its requests will come again
        return [batch for batch in batches if batch.id is not None]

    def _send(self, requests: Iterator[Request], most: int, waiting: list[Batch]) -> bool:
        """Makes one batch of what fits and adds it to ``waiting``; False where nothing is left."""
        lines: list[bytes] = []
        members: dict[str, Request] = {}
        size = 0
        for request in requests:
            line = self._line(request)
            lines.append(line)
            members[request.key] = request
            size += len(line)
            # The next line is about as long as this one.
            if len(lines) >= most or size + 2 * len(line) > self.limits.bytes:
                break
        if not members:
            return False
        batch = self.journal.prepare(members)
        content = b"".join(lines)
        try:
            self.journal.uploaded(batch, self._call(lambda: self._upload(batch.name, content)))
            self.journal.created(batch, self._call(lambda: self._create(batch)))
        except RefusedError as refused:
            if refused.fault.action in (faults.RETRY, faults.STOP, faults.GIVE_UP):
                raise
            self._refused(batch, refused.fault, _held(waiting))
            return True
        waiting.append(batch)
        return True

    def _upload(self, name: str, content: bytes) -> str:
        file = (f"{name}.jsonl", io.BytesIO(content))
        made = self._client.files.with_raw_response.create(file=file, purpose="batch")
        return _id(made.http_response.json())

    def _create(self, batch: Batch) -> str:
        """Makes a batch and returns its id; one whose answer got lost is found by its name."""
        made = _find(batch, self._states()) if batch.name in self._tried else None
        self._tried.add(batch.name)
        if made:
            return made
        body = {
            "input_file_id": str(batch.file),
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"name": batch.name},
        }
        return _id(self._client.post("/batches", cast_to=object, body=body))

    # The client's typed methods trust what a service answers; these do not.

    def _list(self, **query: Any) -> Any:
        return self._client.get("/batches", cast_to=object, options={"params": query})

    def _retrieve(self, name: str) -> State:
        path = f"/batches/{urllib.parse.quote(name, safe='')}"
        return batch_faults.read_state(self._client.get(path, cast_to=object))

    def _states(self) -> list[State]:
        """Returns all batches that the service lists."""
        states: list[State] = []
        last: dict[str, str] = {}
        while True:
            page = self._list(limit=100, **last)
            rows = page.get("data") if isinstance(page, dict) else None
            if not isinstance(rows, list):
                raise faults.BrokenAnswerError("the body is no list of batches")
            new = [batch_faults.read_state(row) for row in rows]
            states += new
            # A service that tells of more for ever is not believed.
            if not new or page.get("has_more") is not True or last.get("after") == new[-1].id:
                return states
            last = {"after": new[-1].id}

    def _line(self, request: Request) -> bytes:
        row = {
            "custom_id": request.key,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": self.dialect.body(self.spec, request),
        }
        return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"

    def _look(self, batch: Batch) -> State | None:
        """Returns the batch's state if it has ended, or is known no more, else None."""
        try:
            state = self._call(
                lambda: self._retrieve(str(batch.id)),
                patient=True,
            )
        except RefusedError as refused:
            if refused.fault.name not in _GONE:
                raise
            return State(str(batch.id), status="gone")
        return state if state.status else None

    def _harvest(self, batch: Batch, state: State, held: int) -> Generator[Answer, None, None]:
        """Yields what a batch has answered, and closes it in the journal.

        What it has not is sent again, or fails in the end.
        """
        if state.status == batch_faults.FAILED and not state.files:
            self._refused(batch, batch_faults.of_failed(state, self.service.key), held)
            return
        self._failed_in_a_row = 0
        left = dict(batch.requests)
        why, most = f"batch_{state.status}", self.limits.rounds + 1
        stop: faults.Fault | None = None
        try:
            for row in self._rows(batch, state):
                request = left.get(str(row.get("custom_id")))
                if request is None:
                    continue
                answer, fault = self._read(request, row)
                if answer is not None:
                    left.pop(request.key)
                    yield answer
                elif fault is not None and fault.action == faults.STOP:
                    stop = stop or fault
        except RefusedError as refused:
            if refused.fault.name not in _GONE:
                raise
            # Its requests were worked on, and paid: not for ever.
            why, most = f"file_gone: {refused.fault.detail}", _PAID_ROUNDS
        if state.status == "gone":
            most = _PAID_ROUNDS
        if not stop and state.status != batch_faults.CANCELLED:
            for request in left.values():
                yield from self._once_more(request, why, most)
        self.queue.done()
        self.journal.ended(batch)
        if stop:
            raise RefusedError(stop)
        if state.status == batch_faults.CANCELLED:
            raise ServiceError(
                f"batch {state.id} was cancelled at the service; the same command sends its "
                f"{len(left):,} unanswered requests again"
            )

    def _once_more(self, request: Request, why: str, most: int) -> Iterator[Answer]:
        """Sends a request again, or yields its failure when it has been sent ``most`` times."""
        self._rounds[request.key] += 1
        if self._rounds[request.key] >= most:
            yield Answer(request, None, why, attempts=self._rounds[request.key])
        else:
            self._again.append(request)

    def _refused(self, batch: Batch, fault: faults.Fault, held: int) -> None:
        """Keeps the requests of a batch that was refused as a whole: nothing was asked or paid.

        Raises:
            RefusedError: There is no sense in sending them again.
        """
        self.journal.ended(batch)
        size = len(batch.requests)
        if fault.action == batch_faults.WAIT:
            sense = self.queue.full(size, held)
        elif fault.action == batch_faults.SMALLER:
            sense = self.queue.too_large(size)
        elif self.dialect.learns(fault):
            sense = True
        else:
            self._failed_in_a_row += 1
            sense = fault.action == faults.RETRY and self._failed_in_a_row < _FAILED_IN_A_ROW
        if not sense:
            raise RefusedError(fault)
        self._again.extend(batch.requests.values())

    def _rows(self, batch: Batch, state: State) -> Iterator[dict[str, Any]]:
        """Yields the rows of a batch's files.

        Files that are cut off, or lack rows of a batch that is complete, are read once more.
        """
        lines: list[bytes] = []
        for attempt in range(1, _FILE_TRIES + 1):
            contents = [self._download(name) for name in state.files]
            lines = [line for text in contents for line in text.split(b"\n") if line.strip()]
            lacking = state.status == batch_faults.COMPLETED and len(lines) < len(batch.requests)
            if not lacking and all(_parsed(line) for line in lines):
                break
            if attempt < _FILE_TRIES:
                self._sleep(pacing.backoff(attempt, self._random, self.service.first_wait))
        yield from map(_parsed, lines)

    def _download(self, name: str) -> bytes:
        return bytes(self._call(lambda: self._client.files.content(name).content, patient=True))

    def _read(
        self, request: Request, row: dict[str, Any]
    ) -> tuple[Answer | None, faults.Fault | None]:
        """Reads one line of a result file; no answer where the request should be sent again."""
        attempts = self._rounds[request.key] + 1
        response = row.get("response")
        response = response if isinstance(response, dict) else {}
        status, body = str(response.get("status_code") or ""), response.get("body")
        try:
            if status == "200" or (body and not status):
                return read_completion(request, body, attempts, self.price), None
            if not status.isdecimal():
                error = row.get("error")
                raise faults.ErrorInAnswerError({"error": error or "no answer"})
            fault = faults.from_status(int(status), body, {}, self.service.key)
        except (faults.BrokenAnswerError, faults.ErrorInAnswerError) as error:
            fault = faults.from_error(error, self.service.key)
        if fault.action == faults.RETRY or self.dialect.learns(fault):
            return None, None
        if fault.action == faults.STOP:
            return None, fault
        return Answer(request, None, fault.reason, attempts=attempts), None

    def _call(self, ask: Callable[[], Any], patient: bool = False) -> Any:
        """Calls the service, again after faults that pass.

        Args:
            ask: The call.
            patient: What is not found is looked for again: it may be on its way.

        Raises:
            RefusedError: It refuses, or the fault does not pass.
        """
        for attempt in range(1, self.service.attempts + 1):
            try:
                return ask()
            except Exception as error:  # noqa: BLE001  (from_error raises bugs again)
                fault = batch_faults.refined(faults.from_error(error, self.service.key))
            coming = patient and fault.name in _GONE and attempt < _FILE_TRIES
            if attempt == self.service.attempts or not (coming or fault.action == faults.RETRY):
                break
            wait = pacing.backoff(attempt, self._random, self.service.first_wait)
            self._sleep(wait if fault.retry_after is None else fault.retry_after)
        raise RefusedError(fault)

    def _sleep(self, seconds: float) -> None:
        """Sleeps, but not on when the run should stop."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._stopping():
            time.sleep(min(left, 0.2))

    def close(self) -> None:
        """Closes connections; batches at the service go on, and a later run takes them up."""
        self._client.close()


def _held(batches: list[Batch]) -> int:
    return sum(len(batch.requests) for batch in batches)


def _id(made: Any) -> str:
    """Returns the id that the service gave to what it made."""
    name = made.get("id") if isinstance(made, dict) else None
    if not isinstance(name, str) or not name:
        raise faults.BrokenAnswerError("what was made has no id")
    return name


def _find(batch: Batch, states: list[State]) -> str | None:
    """Returns the service's id of a batch of ours, by its name or its file."""
    for state in states:
        if state.name == batch.name or (batch.file and state.input == batch.file):
            return state.id
    return None


def _pop_all(requests: list[Request]) -> Iterator[Request]:
    while requests:
        yield requests.pop(0)


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        return files.parse_object(line)
    except ValueError:
        return {}  # its request is then among those without an answer, and is sent again

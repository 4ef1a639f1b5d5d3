"""The ``openai_batch`` teacher: OpenAI's Batch API, at half the price and within a day.

What is sent is in a journal beside the ledger (``batch_journal``) before anything is waited for, so
a run that is killed takes its batches up again and sends nothing twice that is still being worked
on.
"""

import collections
import dataclasses
import io
import itertools
import json
import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from generation import files
from generation.run_folder import RunFolder, Shard
from generation.teachers import faults, pacing
from generation.teachers.base import Answer, Request, Spec
from generation.teachers.batch_journal import Batch, BatchJournal
from generation.teachers.completions import read_completion
from generation.teachers.openai_chat import Service, refusal
from generation.teachers.presets import wire_sampling

_ENDED = ("completed", "failed", "expired", "cancelled")


@dataclasses.dataclass(frozen=True)
class Limits:
    """How batches are cut.

    Attributes:
        requests: most requests in a batch (the service takes 50,000).
        bytes: most bytes in a batch's file (the service takes 200 MB).
        open_batches: most batches at the service at a time.
        poll: seconds between looks at a batch.
        rounds: how often a request is sent again after its batch expired.
    """

    requests: int = 50_000
    bytes: int = 190_000_000
    open_batches: int = 4
    poll: float = 30.0
    rounds: int = 5


class BatchTeacher:
    """Sends requests in batches, and takes up those of earlier runs.

    Args:
        spec: who answers.
        service: where; its price should be the batch price.
        limits: how batches are cut.
        folder: the run's.
    """

    def __init__(self, spec: Spec, service: Service, limits: Limits, folder: Path) -> None:
        import openai

        self.spec, self.service, self.limits = spec, service, limits
        self.price = service.price
        self.journal = BatchJournal(RunFolder(folder).shard(0, 1).batches)
        self._random = random.Random()
        self._rounds: collections.Counter[str] = collections.Counter()
        self._tried: set[str] = set()
        self._client = openai.OpenAI(
            base_url=service.base_url,
            api_key=service.key or "none",
            max_retries=0,
            timeout=service.timeout,
        )

    def bind(self, shard: Shard) -> None:
        """Tells which shard this works for; each has its own journal."""
        self.journal = BatchJournal(shard.batches)

    def check(self) -> None:
        """Asks for the list of batches: the key must be good, and the service must know batches."""
        try:
            self._call(lambda: self._client.batches.list(limit=1))
        except RefusedError as refused:
            raise refusal(refused.fault, self.service) from None

    def answers(self, requests: Iterable[Request]) -> Generator[Answer, None, None]:
        """Yields answers as batches end.

        Raises:
            ValueError: the service will answer nothing more.
        """
        try:
            yield from self._answers(iter(requests))
        except RefusedError as refused:
            raise refusal(refused.fault, self.service) from None

    def _answers(self, source: Iterator[Request]) -> Generator[Answer, None, None]:
        waiting = self._take_up()
        # What an earlier run has sent must not be sent again when the planner comes to it.
        sent = {key for batch in waiting for key in batch.requests}
        again: list[Request] = []
        fresh = (request for request in source if request.key not in sent)
        while True:
            while len(waiting) < self.limits.open_batches:
                batch = self._send(itertools.chain(_pop_all(again), fresh))
                if batch is None:
                    break
                waiting.append(batch)
            if not waiting:
                return
            ended = [(batch, state) for batch in waiting if (state := self._look(batch))]
            for batch, state in ended:
                yield from self._harvest(batch, state, again)
                self.journal.ended(batch)
                waiting.remove(batch)
            if not ended:
                time.sleep(self.limits.poll)

    def _take_up(self) -> list[Batch]:
        """Returns the batches that earlier runs have sent and not harvested."""
        batches = self.journal.open_batches()
        if any(batch.id is None for batch in batches):
            # Killed before the id was written down: the service knows the batch by our name.
            ids = self._call(self._ids_by_name)
            for batch in batches:
                if batch.id is None and batch.name in ids:
                    self.journal.created(batch, ids[batch.name])
                elif batch.id is None:
                    self.journal.ended(batch)  # it was never made; its requests will come again
        return [batch for batch in batches if batch.id is not None]

    def _send(self, requests: Iterator[Request]) -> Batch | None:
        """Makes one batch of what fits, or returns None where nothing is left."""
        lines: list[bytes] = []
        members: dict[str, Request] = {}
        size = 0
        for request in requests:
            line = self._line(request)
            lines.append(line)
            members[request.key] = request
            size += len(line)
            # The next line is about as long as this one.
            if len(lines) >= self.limits.requests or size + 2 * len(line) > self.limits.bytes:
                break
        if not members:
            return None
        batch = self.journal.prepare(members)
        content = b"".join(lines)
        upload = self._call(
            lambda: self._client.files.create(
                file=(f"{batch.name}.jsonl", io.BytesIO(content)), purpose="batch"
            )
        )
        self.journal.created(batch, self._call(lambda: self._create(batch.name, upload.id)))
        return batch

    def _create(self, name: str, file_id: str) -> str:
        """Makes a batch and returns its id; one whose answer got lost is found by its name."""
        made = self._ids_by_name().get(name) if name in self._tried else None
        self._tried.add(name)
        return (
            made
            or self._client.batches.create(
                input_file_id=file_id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={"name": name},
            ).id
        )

    def _ids_by_name(self) -> dict[str, str]:
        found = self._client.batches.list(limit=100)
        return {(batch.metadata or {}).get("name", ""): batch.id for batch in found}

    def _line(self, request: Request) -> bytes:
        body = {"model": self.spec.model, "messages": request.messages}
        body |= wire_sampling(self.spec.sampling, request.key)
        row = {
            "custom_id": request.key,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": body,
        }
        return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"

    def _look(self, batch: Batch) -> Any:
        """Returns the batch's state if it has ended, else None."""
        state = self._call(lambda: self._client.batches.retrieve(str(batch.id)))
        return state if state.status in _ENDED else None

    def _harvest(
        self, batch: Batch, state: Any, again: list[Request]
    ) -> Generator[Answer, None, None]:
        """Yields what a batch has answered.

        What it has not goes to ``again``, or fails in the end.
        """
        left = dict(batch.requests)
        for name in (state.output_file_id, state.error_file_id):
            if not name:
                continue
            content = self._call(lambda: self._client.files.content(name).content)  # noqa: B023
            for line in content.split(b"\n"):
                row = _parsed(line)
                request = left.get(row.get("custom_id", ""))
                answer = self._read(request, row) if request else None
                if answer is not None:
                    left.pop(answer.request.key)
                    yield answer
        why = _why(state)
        for request in left.values():
            self._rounds[request.key] += 1
            rounds = self._rounds[request.key]
            if rounds > self.limits.rounds:
                yield Answer(request, None, why, attempts=rounds)
            else:
                again.append(request)

    def _read(self, request: Request, row: dict[str, Any]) -> Answer | None:
        """Reads one line of a result file; None where the request should be sent again."""
        attempts = self._rounds[request.key] + 1
        response = row.get("response") or {}
        status = response.get("status_code", 0)
        if status == 200:
            try:
                return read_completion(request, response.get("body"), attempts, self.price)
            except faults.BrokenAnswerError:
                return None
        if not status:
            return None
        fault = faults.from_status(status, response.get("body"), {}, self.service.key)
        if fault.action == faults.RETRY:
            return None
        return Answer(request, None, fault.reason, attempts=attempts)

    def _call(self, ask: Callable[[], Any]) -> Any:
        """Calls the service, again after faults that pass.

        Raises:
            RefusedError: it refuses, or the fault does not pass.
        """
        for attempt in range(1, self.service.attempts + 1):
            try:
                return ask()
            except Exception as error:  # noqa: BLE001  (from_error raises bugs again)
                fault = faults.from_error(error, self.service.key)
            if fault.action != faults.RETRY or attempt == self.service.attempts:
                break
            wait = pacing.backoff(attempt, self._random, self.service.first_wait)
            time.sleep(wait if fault.retry_after is None else fault.retry_after)
        raise RefusedError(fault)

    def close(self) -> None:
        """Closes connections; batches at the service go on, and a later run takes them up."""
        self._client.close()


class RefusedError(Exception):
    """The service refuses to go on."""

    def __init__(self, fault: faults.Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


def _pop_all(requests: list[Request]) -> Iterator[Request]:
    while requests:
        yield requests.pop()


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        return files.parse_object(line) if line.strip() else {}
    except ValueError:
        return {}  # its request is then among those without an answer, and is sent again


def _why(state: Any) -> str:
    errors = getattr(getattr(state, "errors", None), "data", None) or []
    words = "; ".join(str(error.message) for error in errors[:3])
    return f"batch_{state.status}: {words}" if words else f"batch_{state.status}"

"""The ``openai`` teacher: any service that speaks the OpenAI protocol.

Asked many requests at a time.
"""

import asyncio
import collections
import dataclasses
import difflib
import random
from collections.abc import Generator, Iterable
from typing import Any

from generation.teachers.base import Answer, Request, ServiceError, Spec
from generation.teachers.presets import Price
from generation.teachers.services import faults, pacing
from generation.teachers.services.completions import read_completion
from generation.teachers.services.dialect import MAX_TOKENS, Dialect

OPENAI = "https://api.openai.com/v1"
# A service may refuse so many things in turn that are not needed or have another name.
_LESSONS = 4
_NO_LIST = {"not_found", "no_such_model", "bad_request"}


@dataclasses.dataclass(frozen=True)
class Service:
    """Where and how to ask.

    Attributes:
        base_url: Such as ``http://localhost:8000/v1``; None for OpenAI's own.
        key: The API key. It goes to the service and nowhere else.
        concurrency: Most requests in flight.
        timeout: Seconds that one attempt may take.
        attempts: Most attempts per request.
        price: For counting costs, or None.
        first_wait: Seconds of the first wait after a fault.
        max_tokens: What the service calls the limit of an answer's tokens, as far as is known.
    """

    base_url: str | None
    key: str = dataclasses.field(repr=False)
    concurrency: int = 64
    timeout: float = 120.0
    attempts: int = 8
    price: Price | None = None
    first_wait: float = pacing.FIRST_WAIT
    max_tokens: str = MAX_TOKENS[0]

    @property
    def url(self) -> str:
        """Where paths such as ``/models`` are found."""
        return (self.base_url or OPENAI).rstrip("/")


class OpenAITeacher:
    """Asks an OpenAI-compatible service.

    The client's own retries are off: this class waits as ``Retry-After`` says or with jittered
    exponential backoff, tells faults of a request from faults of the service, and lowers the number
    of requests in flight under overload.
    """

    def __init__(self, spec: Spec, service: Service) -> None:
        self.spec, self.service = spec, service
        self.price = service.price
        self.gate = pacing.Gate(service.concurrency)
        self.retries: collections.Counter[str] = collections.Counter()
        self.dialect = Dialect(service.max_tokens)
        self._random = random.Random()
        self._stop: faults.Fault | None = None
        self._loop = asyncio.new_event_loop()
        self._client = make_client(service)

    def check(self) -> None:
        """Asks the service for its models.

        Raises:
            ValueError: The service refuses the key, or does not have the model.
            ServiceError: It cannot be reached, or refuses otherwise.
        """
        self._loop.run_until_complete(self._check())

    async def _check(self) -> None:
        for attempt in range(1, 4):
            try:
                page = await self._client.get("/models", cast_to=object)
                break
            except Exception as error:  # noqa: BLE001  (from_error raises bugs again)
                fault = faults.from_error(error, self.service.key)
                if fault.name in _NO_LIST or "scope" in fault.detail:
                    return  # no list of models, or a key without sight of it: a request will tell
                if fault.action != faults.RETRY or attempt == 3:
                    raise refusal(fault, self.service) from None
                await asyncio.sleep(pacing.backoff(attempt, self._random, self.service.first_wait))
        if isinstance(page, str) and page.lstrip().startswith("<"):
            raise ValueError(
                f"{self.service.url}/models is a web page; check --base-url (most end in /v1)"
            )
        names = _model_names(page)
        if names and not any(_same_model(self.spec.model, name) for name in names):
            near = difflib.get_close_matches(self.spec.model, names, 3, 0.3) or names[:3]
            raise ValueError(
                f"the service has no model {self.spec.model!r}; it has {', '.join(near)}; "
                "set --model"
            )

    def answers(self, requests: Iterable[Request]) -> Generator[Answer, None, None]:
        """Yields answers as they come.

        Raises:
            ValueError: The service refuses the command (key, model, a sampling parameter).
            ServiceError: It will answer nothing more (quota). What was in flight has been yielded,
                here as in every case.
        """
        source = iter(requests)
        done: asyncio.Queue[Answer | Exception | None] = asyncio.Queue()
        tasks: set[asyncio.Task[None]] = set()
        bug: Exception | None = None
        try:
            while True:
                while len(tasks) < self.gate.limit and not (self._stop or bug):
                    if (request := next(source, None)) is None:
                        break
                    tasks.add(task := self._loop.create_task(self._put_answer(request, done)))
                    task.add_done_callback(tasks.discard)
                if not tasks and done.empty():
                    break
                for result in self._loop.run_until_complete(_drain(done)):
                    if isinstance(result, Exception):
                        bug = bug or result  # the others are paid: let them come in first
                    elif result is not None:
                        yield result
        finally:
            self._cancel()
        if bug:
            raise bug
        if self._stop:
            raise refusal(self._stop, self.service)

    async def _put_answer(
        self, request: Request, done: "asyncio.Queue[Answer | Exception | None]"
    ) -> None:
        """Puts one thing into ``done``: the answer, None after a stop.

        Or an error that is a bug.
        """
        try:
            result: Answer | Exception | None = await self._answer(request)
        except Exception as error:  # noqa: BLE001  (raised again where the answers are drawn)
            result = error
        done.put_nowait(result)

    async def _answer(self, request: Request) -> Answer | None:
        """Asks until there is an answer or no more sense in asking.

        None leaves it to a later run.
        """
        attempt, limit = 0, self.service.attempts
        while True:
            attempt += 1
            await self.gate.wait()
            if self._stop:
                return None
            answer, fault = await self._attempt(request, attempt)
            if fault is None:
                return answer
            if attempt < limit + _LESSONS and self.dialect.learns(fault):
                limit += 1
                continue
            if fault.action == faults.STOP:
                self._stop = self._stop or fault
                return None
            if fault.action == faults.GIVE_UP or attempt >= limit:
                return Answer(request, None, fault.reason, attempts=attempt)
            self.retries[fault.name] += 1
            await self._pause(fault, attempt)

    async def _pause(self, fault: faults.Fault, attempt: int) -> None:
        if fault.overload:
            self.gate.overload()
        if fault.retry_after is None:
            wait = pacing.backoff(attempt, self._random, self.service.first_wait)
        else:
            self.gate.hold(fault.retry_after)
            # A little more for each, so that they do not all come back at the very second.
            wait = fault.retry_after + self._random.random() * self.service.first_wait
        await asyncio.sleep(wait)

    async def _attempt(
        self, request: Request, attempt: int
    ) -> tuple[Answer | None, faults.Fault | None]:
        try:
            # The client's typed methods take several times longer than this to check what we wrote.
            body = await self._client.post(
                "/chat/completions",
                cast_to=object,
                body=self.dialect.body(self.spec, request),
            )
            answer = read_completion(request, body, attempt, self.price)
        except Exception as error:  # noqa: BLE001  (from_error raises bugs again)
            return None, faults.from_error(error, self.service.key)
        self.gate.success()
        return answer, None

    def _cancel(self) -> None:
        """Ends what still runs, as after an interruption."""
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    def close(self) -> None:
        """Closes connections and the event loop."""
        if not self._loop.is_closed():
            self._loop.run_until_complete(self._client.close())
            self._loop.close()


async def _drain(
    done: "asyncio.Queue[Answer | Exception | None]",
) -> list[Answer | Exception | None]:
    """Waits for one result and returns all there are."""
    found = [await done.get()]
    while not done.empty():
        found.append(done.get_nowait())
    return found


def _model_names(page: Any) -> list[str]:
    """Returns the models that a list names; services have several forms of it."""
    rows = page.get("data") or page.get("models") if isinstance(page, dict) else page
    if not isinstance(rows, list):
        return []
    found = [row.get("id") or row.get("name") if isinstance(row, dict) else row for row in rows]
    return [name for name in found if isinstance(name, str)]


def _same_model(asked: str, listed: str) -> bool:
    """Tells whether a listed name is the asked one.

    It may carry a folder in front ("models/"), or a tag behind (":latest").
    """
    forms = {listed, listed.rpartition("/")[2], listed.rpartition(":")[0]}
    return asked in forms or asked.rpartition(":")[0] == listed


def make_client(service: Service) -> Any:
    """Returns an ``openai.AsyncOpenAI`` with its own retries off."""
    import openai

    # Half the CPU of the default transport. A redirected POST would arrive as a GET: the user
    # should name the new address.
    http = openai.DefaultAioHttpClient(timeout=service.timeout, follow_redirects=False)
    return openai.AsyncOpenAI(
        base_url=service.url,  # else the environment's, which the ledger does not know
        api_key=service.key or "none",
        max_retries=0,
        timeout=service.timeout,
        http_client=http,
    )


_ADVICE = {
    "wrong_key": "check the key in the environment variable named by --api-key-env",
    "no_such_model": "check --model",
    "not_found": "check --base-url (most end in /v1) and --model",
    "redirected": "set --base-url to the new address",
    "quota": "the quota is used up; add credit, then run the same command again",
    "day_limit": "run the same command again when the limit is over",
    "connection": "is {url} running? check --base-url",
    "unsupported": "set it by its flag to what the service takes, or pass --omit {parameter}",
}
# Faults that the user's command is to blame for.
_USAGE = {"wrong_key", "no_such_model", "not_found", "redirected", "unsupported"}


def refusal(fault: faults.Fault, service: Service) -> Exception:
    """Returns the error that says in one line what is wrong with the service and what to do."""
    step = _ADVICE.get(fault.name, "try again later")
    step = step.format(url=service.base_url or "the service", parameter=fault.parameter)
    kind = ValueError if fault.name in _USAGE else ServiceError
    return kind(f"the service cannot be used: {fault.reason}; {step}")

"""The ``openai`` teacher: any service that speaks the OpenAI protocol.

Asked many requests at a time.
"""

import asyncio
import collections
import dataclasses
import difflib
import json
import os
import random
import urllib.parse
import urllib.request
from collections.abc import Generator, Iterable
from typing import Any

from generation.teachers import faults, pacing
from generation.teachers.base import Answer, Request, Spec
from generation.teachers.presets import Price, wire_sampling

OPENAI = "https://api.openai.com/v1"


@dataclasses.dataclass(frozen=True)
class Service:
    """Where and how to ask.

    Attributes:
        base_url: such as ``http://localhost:8000/v1``; None for OpenAI's own.
        key: the API key. It goes to the service and nowhere else.
        concurrency: most requests in flight.
        timeout: seconds that one attempt may take.
        attempts: most attempts per request.
        price: for counting costs, or None.
        first_wait: seconds of the first wait after a fault.
    """

    base_url: str | None
    key: str = dataclasses.field(repr=False)
    concurrency: int = 64
    timeout: float = 120.0
    attempts: int = 8
    price: Price | None = None
    first_wait: float = pacing.FIRST_WAIT

    @property
    def url(self) -> str:
        """Where paths such as ``/models`` are found."""
        return (self.base_url or OPENAI).rstrip("/")


class OpenAITeacher:
    """Asks an OpenAI-compatible service.

    It waits as ``Retry-After`` says or with jittered exponential backoff, tells faults of a request
    from faults of the service, and lowers the number of requests in flight under overload.

    It speaks HTTP itself: the ``openai`` package's client takes three times the processor time of a
    request, which at some hundred requests a second fills a core.
    """

    def __init__(self, spec: Spec, service: Service) -> None:
        self.spec, self.service = spec, service
        self.price = service.price
        self.gate = pacing.Gate(service.concurrency)
        self.retries: collections.Counter[str] = collections.Counter()
        self._random = random.Random()
        self._stop: faults.Fault | None = None
        self._loop = asyncio.new_event_loop()
        self._session: Any = None  # an aiohttp.ClientSession, which is made inside the loop
        self._proxy = _proxy_for(service.url)

    def check(self) -> None:
        """Asks the service for its models.

        Raises:
            ValueError: the service cannot be reached, refuses the key, or does not have the model.
        """
        self._loop.run_until_complete(self._check())

    async def _check(self) -> None:
        for attempt in range(1, 4):
            body, fault = await self._ask("GET", "/models")
            if fault is None:
                break
            if fault.name == "no_such_model":
                return  # a service without a list of models; the first request will tell
            if fault.action != faults.RETRY or attempt == 3:
                raise ValueError(advice(fault, self.service))
            await asyncio.sleep(pacing.backoff(attempt, self._random, self.service.first_wait))
        names = _model_names(body)
        if names and self.spec.model not in names:
            near = difflib.get_close_matches(self.spec.model, names, 3, 0.3) or names[:3]
            raise ValueError(
                f"the service has no model {self.spec.model!r}; it has {', '.join(near)}; "
                "set --model"
            )

    def answers(self, requests: Iterable[Request]) -> Generator[Answer, None, None]:
        """Yields answers as they come.

        Raises:
            ValueError: the service will answer nothing more (key, model, quota); what was in flight
                has been yielded.
        """
        source = iter(requests)
        done: asyncio.Queue[Answer | Exception | None] = asyncio.Queue()
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                while len(tasks) < self.gate.limit and not self._stop:
                    if (request := next(source, None)) is None:
                        break
                    tasks.add(task := self._loop.create_task(self._put_answer(request, done)))
                    task.add_done_callback(tasks.discard)
                if not tasks and done.empty():
                    break
                for result in self._loop.run_until_complete(_drain(done)):
                    if isinstance(result, Exception):
                        raise result
                    if result is not None:
                        yield result
        finally:
            self._cancel(tasks)
        if self._stop:
            raise ValueError(advice(self._stop, self.service))

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
        for attempt in range(1, self.service.attempts + 1):
            await self.gate.wait()
            if self._stop:
                return None
            answer, fault = await self._attempt(request, attempt)
            if fault is None:
                return answer
            if fault.action == faults.STOP:
                self._stop = self._stop or fault
                return None
            if fault.action == faults.GIVE_UP or attempt == self.service.attempts:
                return Answer(request, None, fault.reason, attempts=attempt)
            self.retries[fault.name] += 1
            await self._pause(fault, attempt)
        return None

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
        body, fault = await self._ask(
            "POST",
            "/chat/completions",
            {
                "model": self.spec.model,
                "messages": request.messages,
                **wire_sampling(self.spec.sampling, request.key),
            },
        )
        if fault is not None:
            return None, fault
        try:
            answer = read_completion(request, body, attempt, self.price)
        except faults.BrokenAnswerError as error:
            return None, faults.broken_answer(error, self.service.key)
        self.gate.success()
        return answer, None

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[Any, faults.Fault | None]:
        """Returns what the service sent, parsed, or the fault that came instead."""
        import aiohttp

        data = None if body is None else json.dumps(body).encode()
        try:
            session = self._open_session()
            # A redirected POST would arrive as a GET; the user should name the new address.
            async with session.request(
                method,
                self.service.url + path,
                data=data,
                proxy=self._proxy,
                allow_redirects=False,
            ) as reply:
                content = await reply.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return None, faults.from_transport(error, self.service.key)
        try:
            parsed = json.loads(content)
        except ValueError as error:
            if reply.status == 200:
                return None, faults.broken_answer(error, self.service.key)
            parsed = content.decode("utf-8", "replace")
        if reply.status == 200:
            return parsed, None
        return None, faults.from_status(reply.status, parsed, dict(reply.headers), self.service.key)

    def _open_session(self) -> Any:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # the gate limits
                timeout=aiohttp.ClientTimeout(total=self.service.timeout),
                headers=_headers(self.service.key),
            )
        return self._session

    def _cancel(self, tasks: "set[asyncio.Task[None]]") -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    def close(self) -> None:
        """Closes connections and the event loop."""
        if not self._loop.is_closed():
            if self._session is not None:
                self._loop.run_until_complete(self._session.close())
            self._loop.close()


async def _drain(
    done: "asyncio.Queue[Answer | Exception | None]",
) -> list[Answer | Exception | None]:
    """Waits for one result and returns all there are."""
    found = [await done.get()]
    while not done.empty():
        found.append(done.get_nowait())
    return found


def _proxy_for(url: str) -> str | None:
    """Returns the proxy that the environment names for an address.

    ``aiohttp`` would look it up for each request, and read ``~/.netrc`` too.
    """
    parts = urllib.parse.urlsplit(url)
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _headers(key: str) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    # Accounts with several organizations name the one that pays.
    for header, variable in (
        ("OpenAI-Organization", "OPENAI_ORG_ID"),
        ("OpenAI-Project", "OPENAI_PROJECT_ID"),
    ):
        if os.environ.get(variable):
            headers[header] = os.environ[variable]
    return headers


def _model_names(page: Any) -> list[str]:
    """Returns the names of a list of models, or none where it is something else."""
    rows = page.get("data") if isinstance(page, dict) else None
    return [str(row["id"]) for row in rows or () if isinstance(row, dict) and row.get("id")]


def read_completion(request: Request, body: Any, attempts: int, price: Price | None) -> Answer:
    """Reads a chat completion.

    Raises:
        BrokenAnswerError: ``body`` is none.
    """
    try:
        choice = body["choices"][0]
        message = choice["message"]
        text = message.get("content")
        usage = body.get("usage") or {}
        refusal = message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise faults.BrokenAnswerError("the body is no chat completion") from None
    counted = {
        name: usage[name] for name in ("prompt_tokens", "completion_tokens") if name in usage
    }
    if price and len(counted) == 2:
        counted["cost"] = price.cost(**counted)
    text = refusal if text is None and refusal else text or ""
    return Answer(request, text, "", choice.get("finish_reason"), attempts, counted)


def advice(fault: faults.Fault, service: Service) -> str:
    """Says in one line what is wrong with the service and what to do."""
    steps = {
        "wrong_key": "check the key in the environment variable named by --api-key-env",
        "no_such_model": "check --model",
        "redirected": "set --base-url to the new address",
        "quota": "the quota is used up; add credit, then run the same command again",
        "connection": f"is {service.base_url or 'the service'} running? check --base-url",
    }
    return f"the service cannot be used: {fault.reason}; {steps.get(fault.name, 'try again later')}"

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

    The client's own retries are off: this class waits as ``Retry-After`` says or with jittered
    exponential backoff, tells faults of a request from faults of the service, and lowers the number
    of requests in flight under overload.
    """

    def __init__(self, spec: Spec, service: Service) -> None:
        self.spec, self.service = spec, service
        self.price = service.price
        self.gate = pacing.Gate(service.concurrency)
        self.retries: collections.Counter[str] = collections.Counter()
        self._random = random.Random()
        self._stop: faults.Fault | None = None
        self._loop = asyncio.new_event_loop()
        self._client = make_client(service)

    def check(self) -> None:
        """Asks the service for its models.

        Raises:
            ValueError: the service cannot be reached, refuses the key, or does not have the model.
        """
        self._loop.run_until_complete(self._check())

    async def _check(self) -> None:
        for attempt in range(1, 4):
            try:
                page = await self._client.models.list()
                names = [model.id for model in page.data]
                break
            except Exception as error:  # noqa: BLE001  (from_error raises bugs again)
                fault = faults.from_error(error, self.service.key)
                if fault.name == "no_such_model":
                    return  # a service without a list of models; the first request will tell
                if fault.action != faults.RETRY or attempt == 3:
                    raise ValueError(advice(fault, self.service)) from None
                await asyncio.sleep(pacing.backoff(attempt, self._random, self.service.first_wait))
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
        try:
            # The client's typed methods take several times longer than this to check what we wrote.
            body = await self._client.post(
                "/chat/completions",
                cast_to=object,
                body={
                    "model": self.spec.model,
                    "messages": request.messages,
                    **wire_sampling(self.spec.sampling, request.key),
                },
            )
            answer = read_completion(request, body, attempt, self.price)
        except Exception as error:  # noqa: BLE001  (from_error raises bugs again)
            return None, faults.from_error(error, self.service.key)
        self.gate.success()
        return answer, None

    def _cancel(self, tasks: "set[asyncio.Task[None]]") -> None:
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
        "quota": "the quota is used up; add credit, then run the same command again",
        "redirected": "set --base-url to the new address",
        "connection": f"is {service.base_url or 'the service'} running? check --base-url",
    }
    return f"the service cannot be used: {fault.reason}; {steps.get(fault.name, 'try again later')}"

"""The HTTP interface of students: answers, health, metrics, and the page at ``/``.

What a request may be is said by the models below; FastAPI checks it and describes it at
``/openapi.json``. The page loads nothing from elsewhere, and a content security policy keeps it so:
a review that holds HTML is shown as text.
"""

import concurrent.futures
import dataclasses
import hmac
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fastapi
import prometheus_client
import pydantic
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import fsa_jax
from fsa_jax.serving.batcher import Batcher, Question, QueueFullError
from fsa_jax.student.predict import Predictor

_FOLDER = Path(__file__).parent
_PAGE = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "page.html": "text/html",
    "icon.svg": "image/svg+xml",
}
_OWN = " ".join(f"{kind}-src 'self';" for kind in ("script", "style", "connect", "img"))
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; {_OWN} base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a request may be.

    Attributes:
        body: Bytes of a request.
        texts: Texts of a request.
        characters: Of a text.
        waiting: Texts that may wait for one model.
        batch: Texts that are answered together, a power of two.
    """

    body: int = 1 << 20
    texts: int = 256
    characters: int = 10_000
    waiting: int = 1024
    batch: int = 64


class Asked(pydantic.BaseModel):
    """Texts to answer."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    texts: list[str] = pydantic.Field(min_length=1, description="Reviews or sentences.")
    model: str | None = pydantic.Field(None, description="Which model; the first one by default.")
    given: list[str] | None = pydantic.Field(
        None, description="For each text the target or category whose polarity is asked for."
    )
    sentences: bool = pydantic.Field(False, description="Take texts apart into sentences first.")


class Answered(pydantic.BaseModel):
    """The answers, in the order of the texts."""

    model: str
    answers: list[dict[str, Any]]
    seconds: float


class Served(pydantic.BaseModel):
    """A model."""

    name: str
    answers: str = pydantic.Field(
        description="tsa, asa, quad, tsc, asc, anl, rw, text, or a task's name."
    )
    task: str
    parameters: int


class Refusal(pydantic.BaseModel):
    """Why a request was not answered."""

    detail: str


_REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": Refusal} for code in (400, 401, 404, 413, 422, 503)
}


class _Metrics:
    """What is counted, for Prometheus."""

    def __init__(self) -> None:
        self.registry = registry = prometheus_client.CollectorRegistry()
        counter, histogram = prometheus_client.Counter, prometheus_client.Histogram
        by_model, sizes = ["model"], (1, 2, 4, 8, 16, 32, 64)
        self.requests = counter(
            "fsa_requests", "Requests to /predict", ["model", "status"], registry=registry
        )
        self.seconds = histogram(
            "fsa_request_seconds", "Time of an answered request", by_model, registry=registry
        )
        self.texts = counter("fsa_texts", "Answered texts", by_model, registry=registry)
        self.batch = histogram(
            "fsa_batch_texts", "Texts of a batch", by_model, registry=registry, buckets=sizes
        )
        self.waiting = prometheus_client.Gauge(
            "fsa_waiting_texts", "Texts that wait", by_model, registry=registry
        )


class _Model:
    """A student and what waits for it."""

    def __init__(
        self,
        name: str,
        predictor: Predictor,
        worker: concurrent.futures.Executor,
        limits: Limits,
        metrics: _Metrics,
    ):
        def observe(count: int, seconds: float) -> None:
            metrics.batch.labels(name).observe(count)
            metrics.texts.labels(name).inc(count)

        self.predictor = predictor
        self.batcher = Batcher(
            predictor.predict,
            worker,
            most=limits.batch,
            limit=limits.waiting,
            observe=observe,
        )
        metrics.waiting.labels(name).set_function(lambda: self.batcher.waiting)
        self.about = Served(
            name=name,
            answers=predictor.form.name,
            task=predictor.student.task.name,
            parameters=predictor.student.parameters,
        )


def make_app(
    predictors: Mapping[str, Predictor],
    limits: Limits | None = None,
    api_key: str | None = None,
    is_stopping: Callable[[], bool] = lambda: False,
) -> fastapi.FastAPI:
    """Returns the application.

    Args:
        predictors: The students by name, the first one is the default.
        limits: What a request may be.
        api_key: What requests to ``/predict`` and ``/metrics`` have to bring as ``Authorization:
            Bearer``; None lets everybody in.
        is_stopping: Whether the server is about to end.
    """
    limits = limits or Limits()
    metrics = _Metrics()
    worker = concurrent.futures.ThreadPoolExecutor(1, "students")
    models = {
        name: _Model(name, predictor, worker, limits, metrics)
        for name, predictor in predictors.items()
    }
    app = fastapi.FastAPI(
        title="fsa_jax",
        description="Fine-grained sentiment of reviews, by distilled T5 students.",
        version=fsa_jax.__version__,
        docs_url=None,  # FastAPI's own pages load their scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(_Guard, most=limits.body, is_stopping=is_stopping)
    app.add_exception_handler(RequestValidationError, _in_words)
    app.include_router(_open_routes(models))
    app.include_router(_keyed_routes(models, limits, metrics, api_key))
    return app


def _keyed_routes(
    models: Mapping[str, _Model], limits: Limits, metrics: _Metrics, api_key: str | None
) -> fastapi.APIRouter:
    """Answers and metrics, for those who have the key."""

    def check_key(request: Request) -> None:
        said = request.headers.get("authorization", "").encode("utf-8", "surrogateescape")
        if api_key is not None and not hmac.compare_digest(said, f"Bearer {api_key}".encode()):
            scheme = {"WWW-Authenticate": "Bearer"}
            raise fastapi.HTTPException(401, "a wrong API key, or none", scheme)

    router = fastapi.APIRouter(dependencies=[fastapi.Depends(check_key)])

    @router.post("/predict", responses=_REFUSALS)
    async def predict(asked: Asked) -> Answered:
        """Answers texts."""
        name = asked.model or next(iter(models))
        if name not in models:
            raise fastapi.HTTPException(404, f"no model {name!r}: {', '.join(models)}")
        started = time.perf_counter()
        try:
            questions = _questions(asked, models[name].predictor, limits)
            answers = await models[name].batcher.answer(questions)
        except ValueError as error:
            metrics.requests.labels(name, "422").inc()
            raise fastapi.HTTPException(422, str(error)) from None
        except QueueFullError as error:
            metrics.requests.labels(name, "503").inc()
            headers = {"Retry-After": str(error.seconds)}
            raise fastapi.HTTPException(503, str(error), headers) from None
        seconds = time.perf_counter() - started
        metrics.requests.labels(name, "200").inc()
        metrics.seconds.labels(name).observe(seconds)
        return Answered(model=name, answers=answers, seconds=seconds)

    @router.get("/metrics", response_class=PlainTextResponse, responses={401: {"model": Refusal}})
    async def show_metrics() -> Response:
        """Tells Prometheus what was counted."""
        content = prometheus_client.generate_latest(metrics.registry)
        return Response(content, media_type=prometheus_client.CONTENT_TYPE_LATEST)

    return router


def _open_routes(models: Mapping[str, _Model]) -> fastapi.APIRouter:
    """What everybody may ask for: the page, what is served, and whether it is."""
    router = fastapi.APIRouter()

    @router.get("/models")
    async def list_models() -> list[Served]:
        """Lists the models, the default one first."""
        return [model.about for model in models.values()]

    @router.get("/health")
    async def health() -> dict[str, str]:
        """Says that the service answers."""
        return {"status": "ok"}

    @router.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_FOLDER / "page.html", media_type=_PAGE["page.html"])

    @router.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> FileResponse:
        if name not in _PAGE:
            raise fastapi.HTTPException(404, "no such file")
        return FileResponse(_FOLDER / name, media_type=_PAGE[name])

    return router


class _Guard:
    """Adds the headers that every response has, and refuses bodies that are too large.

    Args:
        app: The application behind it.
        most: Bytes of a body.
        is_stopping: Whether connections are about to be closed, which clients are told.
    """

    def __init__(self, app: ASGIApp, most: int, is_stopping: Callable[[], bool]):
        self._app, self._most, self._is_stopping = app, most, is_stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "0")
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most:
                raise fastapi.HTTPException(413, self._refusal)
            return message

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if self._is_stopping():
                    headers["Connection"] = "close"
            await send(message)

        if told.isdecimal() and int(told) > self._most:
            refusal = JSONResponse({"detail": self._refusal}, 413)
            await refusal(scope, receive, with_headers)
        else:
            await self._app(scope, counted, with_headers)

    @property
    def _refusal(self) -> str:
        return f"a body has {self._most} bytes at most"


async def _in_words(request: Request, error: Exception) -> JSONResponse:
    """Says what is wrong with a request; what it held is not repeated, for it may be anything."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    lines = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in found]
    return JSONResponse({"detail": "; ".join(lines)}, 422)


def _questions(asked: Asked, predictor: Predictor, limits: Limits) -> list[Question]:
    """Checks what only this service can know of a request.

    Raises:
        ValueError: The request is too large, or does not fit the model.
    """
    if len(asked.texts) > limits.texts:
        raise ValueError(f"{len(asked.texts)} texts: {limits.texts} at most in one request")
    for number, text in enumerate([*asked.texts, *(asked.given or ())]):
        if len(text) > limits.characters:
            raise ValueError(
                f"text {number} has {len(text)} characters: {limits.characters} at most"
            )
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise ValueError(f"text {number} holds half a character (a lone surrogate)")
    predictor.check(asked.texts, asked.given, asked.sentences)
    if asked.given is None:
        return [Question(text, None, asked.sentences) for text in asked.texts]
    pairs = zip(asked.texts, asked.given, strict=True)
    return [Question(text, given, asked.sentences) for text, given in pairs]


def warm_up(predictor: Predictor, most: int) -> None:
    """Lets a student answer once in each shape of a batch, so that no request waits for XLA."""
    size = 1
    while size <= most:
        for text in ("good", "The pasta was great, but we waited an hour for the bill. " * 2):
            given = ["pasta"] * size if predictor.form.labels else None
            predictor.predict([text] * size, given)
        size *= 2

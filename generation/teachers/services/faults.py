"""Tells the faults of an OpenAI-compatible service apart, and says what to do about each.

Services differ in status and words, so both are looked at.
"""

import dataclasses
import email.utils
import json
import math
import re
import time
from typing import Any

RETRY, GIVE_UP, STOP = "retry", "give up", "stop"
# A service that asks for a longer wait (seconds) is better asked by another run.
LONGEST_HOLD = 900.0
_TRANSPORTS = {"httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "anyio", "h11"}

_QUOTA_CODES = {
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "insufficient_balance",
    "insufficient_credits",
    "insufficient_user_quota",
    "payment_required",
    "402",
}
_QUOTA = re.compile(
    r"exceeded your current quota|insufficient (?:credit|balance|quota|fund)|payment required"
    r"|billing hard limit|credit balance is too low|out of credits|account is not active",
    re.IGNORECASE,
)
_MINUTE = re.compile(r"per[ _-]?(?:min|second)|\b[TR]PM\b", re.IGNORECASE)
_DAY = re.compile(r"per[ _-]?(?:day|month)|\bdaily\b|\b[TR]PD\b", re.IGNORECASE)
_WAIT = re.compile(
    r"(?:try again|retry)(?: again)? in ((?:\d+(?:\.\d+)?\s?(?:ms|[hms])[a-z]*\s?)+)"
)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_KEY = re.compile(r"(?:invalid|incorrect|wrong|no) api[ _-]?key|api key (?:not|is not) valid", re.I)
_MODEL_CODES = {"model_not_found", "invalid_model", "DeploymentNotFound", "model_not_supported"}
_MODEL = re.compile(
    r"(?:model|deployment)\b.{0,80}\b(?:not (?:found|exist|available|supported)|does not exist)"
    r"|(?:invalid|unknown|no such|not a valid) model|no model",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context[ _]length|maximum context|context window|(?:prompt|input|request) (?:is |was )?too"
    r" (?:long|large)|reduce the length",
    re.IGNORECASE,
)
_CONTENT = re.compile(
    r"content[ _](?:filter|policy|management)|moderation|flagged|safety", re.IGNORECASE
)
_PARAMETER = re.compile(
    r"\b(max_tokens|max_completion_tokens|temperature|top_p|seed|response_format)\b"
)
_REFUSAL = re.compile(
    r"not (?:support|permit|allow|a valid|expect)|n['o]t support|unsupported|unrecogni[sz]ed"
    r"|unknown|unexpected|extra (?:input|field)|deprecated",
    re.IGNORECASE,
)
_VALUE = re.compile(r"value|too (?:large|big|high|small)|at most|at least|must be|range", re.I)


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One failed attempt.

    Attributes:
        name: Short name, used in reasons; one of ``rate_limit``, ``day_limit``, ``quota``,
            ``server_error``, ``timeout``, ``connection``, ``broken_answer``, ``bad_request``,
            ``unsupported``, ``too_long``, ``refused_input``, ``wrong_key``, ``no_such_model``,
            ``not_found``, ``redirected``.
        detail: The service's words, without the API key.
        action: ``RETRY`` this request, ``GIVE_UP`` on it, or ``STOP`` the run.
        retry_after: Seconds that the service asks to wait, or None.
        overload: Whether fewer requests at once would help.
        parameter: Of ``unsupported``: the sampling parameter that the service refuses.
        renames: Of ``unsupported``: it refuses the parameter itself, not only its value.
    """

    name: str
    detail: str
    action: str
    retry_after: float | None = None
    overload: bool = False
    parameter: str = ""
    renames: bool = False

    @property
    def reason(self) -> str:
        """The fault as a ledger's reason."""
        return f"{self.name}: {self.detail}" if self.detail else self.name


class BrokenAnswerError(Exception):
    """The service answered with something that is no completion."""


class ErrorInAnswerError(Exception):
    """The service answered with status 200, and an error in the body."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__("an error inside an answer")
        self.body = body


def from_error(error: Exception, secret: str) -> Fault:
    """Classifies what the ``openai`` client, or reading its answer, raised.

    Args:
        error: The exception.
        secret: The API key, which is cut out of all words.

    Raises:
        Exception: ``error`` itself, where it is no fault of the service but a bug.
    """
    import openai

    if isinstance(error, ErrorInAnswerError):
        return from_status(status_in(error.body), error.body, {}, secret)
    if isinstance(error, openai.APIConnectionError) and (broken := _broken_connection(error)):
        return Fault("connection", _words(str(broken), secret), RETRY)
    if isinstance(error, openai.APITimeoutError | TimeoutError) or _of_transport(error, "Timeout"):
        return Fault("timeout", "no answer in time", RETRY, overload=True)
    if isinstance(error, openai.APIConnectionError):
        return Fault("connection", _words(str(error.__cause__ or error), secret), RETRY)
    if isinstance(error, openai.APIStatusError):
        return from_status(error.status_code, error.body, dict(error.response.headers), secret)
    if isinstance(error, ConnectionError) or _of_transport(error):
        return Fault("connection", _words(str(error) or type(error).__name__, secret), RETRY)
    if isinstance(
        error,
        BrokenAnswerError | json.JSONDecodeError | UnicodeError | RecursionError | openai.APIError,
    ):
        return Fault("broken_answer", _words(str(error), secret), RETRY)
    raise error


def _of_transport(error: Exception, name: str = "") -> bool:
    """Tells whether a transport of the client raised an error, of a class with that name's part.

    The client changes its transport between releases, so none is imported here.
    """
    kinds = [kind for kind in type(error).__mro__ if kind.__module__.split(".")[0] in _TRANSPORTS]
    return any(name in kind.__name__ for kind in kinds)


def _broken_connection(error: BaseException) -> BaseException | None:
    """Finds a refused or reset connection among the causes: some transports call it a timeout."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionError) or "Disconnected" in type(cause).__name__:
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def from_status(status: int, body: object, headers: dict[str, str], secret: str) -> Fault:
    """Classifies an HTTP status other than 2xx, or the same inside a body.

    Args:
        status: The HTTP status.
        body: The answer's body, parsed, with or without its ``error`` wrapper.
        headers: The answer's headers.
        secret: The API key, which is cut out of all words.
    """
    message, code, parameter = _error_of(body)
    detail = _words(f"HTTP {status} {message}".strip(), secret)
    if 300 <= status < 400:
        target = next((v for name, v in headers.items() if name.lower() == "location"), "elsewhere")
        return Fault("redirected", _words(f"HTTP {status} to {target}", secret), STOP)
    if status == 402 or code in _QUOTA_CODES:
        return Fault("quota", detail, STOP)
    if status in (403, 429, 400) and _QUOTA.search(message) and not _MINUTE.search(message):
        return Fault("quota", detail, STOP)
    if status == 401 or (status in (400, 403) and _KEY.search(message)):
        return Fault("wrong_key", detail, STOP)
    if status == 403:
        if _CONTENT.search(message):
            return Fault("refused_input", detail, GIVE_UP)
        return Fault("wrong_key", detail, STOP)
    if code in _MODEL_CODES or (status == 404 and _MODEL.search(message)):
        return Fault("no_such_model", detail, STOP)
    if status in (404, 405, 410, 501):
        return Fault("not_found", detail, STOP)
    if status == 429:
        return _rate_limit(message, detail, headers)
    if status in (408, 409, 425) or status >= 500:
        wait = retry_after(headers)
        return Fault("server_error", detail, RETRY, wait, overload=status in (503, 529))
    return _bad_request(status, message, code, parameter, detail)


def _rate_limit(message: str, detail: str, headers: dict[str, str]) -> Fault:
    wait = retry_after(headers)
    wait = _wait_in(message) if wait is None else wait
    if _DAY.search(message) and not _MINUTE.search(message):
        return Fault("day_limit", detail, STOP)
    if wait is not None and wait > LONGEST_HOLD:
        return Fault("day_limit", f"{detail} (it asks to wait {wait / 60:,.0f} minutes)", STOP)
    return Fault("rate_limit", detail, RETRY, wait, overload=True)


def _bad_request(status: int, message: str, code: str, parameter: str, detail: str) -> Fault:
    if code == "context_length_exceeded" or status == 413 or _TOO_LONG.search(message):
        return Fault("too_long", detail, GIVE_UP)
    found = _PARAMETER.search(parameter) or _PARAMETER.search(message)
    refused, value = _REFUSAL.search(message), _VALUE.search(message)
    if found and (refused or value):
        # A refused value would not be mended by another name.
        renames = bool(refused) and "value" not in message.lower()
        return Fault("unsupported", detail, STOP, parameter=found[1], renames=renames)
    if code == "content_filter" or _CONTENT.search(message):
        return Fault("refused_input", detail, GIVE_UP)
    if _MODEL.search(message):
        return Fault("no_such_model", detail, STOP)
    return Fault("bad_request", detail, GIVE_UP)


def retry_after(headers: dict[str, str]) -> float | None:
    """Returns the seconds that ``Retry-After`` or ``retry-after-ms`` asks to wait."""
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        if "retry-after-ms" in lower:
            seconds = float(lower["retry-after-ms"]) / 1000
            return max(0.0, seconds) if math.isfinite(seconds) else None
        value = lower.get("retry-after")
        if value is None:
            return None
        if value.replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _wait_in(message: str) -> float | None:
    """Returns the seconds that a message asks to wait, as in "try again in 1m2.5s"."""
    if not (found := _WAIT.search(message)):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)\s?(ms|[hms])", found[1])
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def status_in(body: object) -> int:
    """Returns the HTTP status that an error without one stands for."""
    message, code, _ = _error_of(body)
    if code.isdecimal() and 400 <= int(code) < 600:
        return int(code)
    words = f"{code} {message}".lower()
    for status, names in {
        429: ("rate limit", "rate_limit", "too many requests", "resource_exhausted"),
        402: ("insufficient", "payment"),
        401: ("api key", "api_key", "unauthorized", "authentication"),
        503: ("overload", "unavailable"),
        400: ("invalid_request", "bad_request", "bad request", "context_length"),
    }.items():
        if any(name in words for name in names):
            return status
    return 500


def _error_of(body: object) -> tuple[str, str, str]:
    """Returns message, code (or type) and parameter of an error, as far as it names them."""
    if not isinstance(body, dict):
        return str(body or ""), "", ""
    inner = body.get("error") or body
    if not isinstance(inner, dict):
        return str(inner), "", ""
    detail = inner.get("detail")
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        # The form of FastAPI: where in the request, and what is wrong.
        place = detail[0].get("loc")
        place = place if isinstance(place, list) else []
        return f"{detail[0].get('msg')} ({'.'.join(map(str, place))})", "", str(place[-1:])
    message = inner.get("message") or detail or inner.get("msg") or ""
    code = inner.get("code") or inner.get("type") or ""
    return str(message), str(code), str(inner.get("param") or "")


def _words(text: str, secret: str) -> str:
    """Returns one short line without the secret."""
    clean = text.replace(secret, "***") if secret else text
    return " ".join(clean.split())[:200]

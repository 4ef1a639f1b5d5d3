"""Tells the faults of an OpenAI-compatible service apart, and says what to do about each."""

import dataclasses
import email.utils
import json
import time

RETRY, GIVE_UP, STOP = "retry", "give up", "stop"


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One failed attempt.

    Attributes:
        name: short name, used in reasons: ``rate_limit``, ``quota``, ``server_error``, ``timeout``,
            ``connection``, ``broken_answer``, ``bad_request``, ``too_long``, ``wrong_key``,
            ``no_such_model``, ``redirected``.
        detail: the service's words, without the API key.
        action: ``RETRY`` this request, ``GIVE_UP`` on it, or ``STOP`` the run.
        retry_after: seconds that the service asks to wait, or None.
        overload: whether fewer requests at once would help.
    """

    name: str
    detail: str
    action: str
    retry_after: float | None = None
    overload: bool = False

    @property
    def reason(self) -> str:
        """The fault as a ledger's reason."""
        return f"{self.name}: {self.detail}" if self.detail else self.name


def from_error(error: Exception, secret: str) -> Fault:
    """Classifies what the ``openai`` client, or reading its answer, raised.

    Args:
        error: the exception.
        secret: the API key, which is cut out of all words.

    Raises:
        Exception: ``error`` itself, where it is no fault of the service but a bug.
    """
    import openai

    if isinstance(error, openai.APIConnectionError) and (broken := _broken_connection(error)):
        return Fault("connection", _words(str(broken), secret), RETRY)
    if isinstance(error, openai.APITimeoutError):
        return Fault("timeout", "no answer in time", RETRY, overload=True)
    if isinstance(error, openai.APIConnectionError):
        return Fault("connection", _words(str(error.__cause__ or error), secret), RETRY)
    if isinstance(error, openai.APIStatusError):
        return from_status(error.status_code, error.body, dict(error.response.headers), secret)
    if isinstance(
        error, (json.JSONDecodeError, BrokenAnswerError, openai.APIResponseValidationError)
    ):
        return Fault("broken_answer", _words(str(error), secret), RETRY)
    raise error


def _broken_connection(error: BaseException) -> BaseException | None:
    """Finds a refused or reset connection among the causes: some transports call it a timeout."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionError) or "Disconnected" in type(cause).__name__:
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


class BrokenAnswerError(Exception):
    """The service answered with something that is no completion."""


def from_status(status: int, body: object, headers: dict[str, str], secret: str) -> Fault:
    """Classifies an HTTP status other than 2xx.

    Args:
        status: the HTTP status.
        body: the answer's body, parsed, with or without its ``error`` wrapper.
        headers: the answer's headers.
        secret: the API key, which is cut out of all words.
    """
    message, code = _error_of(body)
    detail = _words(f"HTTP {status} {message}".strip(), secret)
    if 300 <= status < 400:
        target = next((v for name, v in headers.items() if name.lower() == "location"), "elsewhere")
        return Fault("redirected", _words(f"HTTP {status} to {target}", secret), STOP)
    if status == 401 or status == 403:
        return Fault("wrong_key", detail, STOP)
    if status == 404:
        return Fault("no_such_model", detail, STOP)
    if status == 429 and (code == "insufficient_quota" or "exceeded your current quota" in message):
        return Fault("quota", detail, STOP)
    if status == 402:
        return Fault("quota", detail, STOP)
    wait = retry_after(headers)
    if status == 429:
        return Fault("rate_limit", detail, RETRY, wait, overload=True)
    if status in (408, 409, 425) or status >= 500:
        return Fault("server_error", detail, RETRY, wait, overload=status in (503, 529))
    if code == "context_length_exceeded" or "context length" in message or status == 413:
        return Fault("too_long", detail, GIVE_UP)
    return Fault("bad_request", detail, GIVE_UP)


def retry_after(headers: dict[str, str]) -> float | None:
    """Returns the seconds that ``Retry-After`` or ``retry-after-ms`` asks to wait."""
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        if "retry-after-ms" in lower:
            return max(0.0, float(lower["retry-after-ms"]) / 1000)
        value = lower.get("retry-after")
        if value is None:
            return None
        if value.replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _error_of(body: object) -> tuple[str, str]:
    if isinstance(body, dict):
        inner = body.get("error", body)
        if isinstance(inner, dict):
            return str(inner.get("message") or ""), str(inner.get("code") or "")
        return str(inner), ""
    return str(body or ""), ""


def _words(text: str, secret: str) -> str:
    """Returns one short line without the secret."""
    clean = text.replace(secret, "***") if secret else text
    return " ".join(clean.split())[:200]

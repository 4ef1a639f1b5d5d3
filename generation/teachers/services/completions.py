"""Reads chat completions as services write them, which is not always as OpenAI does.

Content may be a text or a list of blocks, with thinking among them; counts may be missing or null;
an error may stand inside an answer with status 200.
"""

import json
import math
from typing import Any

from generation.teachers.base import Answer, Request
from generation.teachers.presets import Price
from generation.teachers.services.faults import BrokenAnswerError, ErrorInAnswerError

# Blocks of content that are not part of the answer.
_THINKING = {"thinking", "redacted_thinking", "reasoning", "reasoning_text", "thought"}
# Other services' names of the two counts.
_COUNTS = {
    "prompt_tokens": ("prompt_tokens", "input_tokens"),
    "completion_tokens": ("completion_tokens", "output_tokens"),
}


def read_completion(request: Request, body: Any, attempts: int, price: Price | None) -> Answer:
    """Reads a chat completion.

    An answer that was paid is never thrown away: content of a form that nobody knows becomes a
    failed answer that holds it as JSON.

    Args:
        request: What was asked.
        body: The answer's body, parsed or not.
        attempts: How often the service was asked.
        price: Of tokens, or None.

    Raises:
        BrokenAnswerError: ``body`` is no completion.
        ErrorInAnswerError: It is an error.
    """
    choice = first_choice(body)
    message = choice.get("message")
    message = message if isinstance(message, dict) else {"content": choice.get("text")}
    usage = read_usage(parsed(body).get("usage"), price)
    finish = choice.get("finish_reason")
    finish = finish if finish is None or isinstance(finish, str) else json.dumps(finish)
    content = message.get("content")
    if content is None:
        refusal = message.get("refusal")
        content = refusal if isinstance(refusal, str) else ""
    text = text_of(content)
    if text is None:
        whole = json.dumps(content, ensure_ascii=False)
        return Answer(request, whole, "odd_content", finish, attempts, usage)
    return Answer(request, text, "", finish, attempts, usage)


def parsed(body: Any) -> dict[str, Any]:
    """Returns a body as an object; some services do not call their JSON so.

    Raises:
        BrokenAnswerError: It is none.
    """
    if isinstance(body, str | bytes):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            raise BrokenAnswerError("the body is no JSON") from None
    if not isinstance(body, dict):
        raise BrokenAnswerError("the body is no chat completion")
    return body


def first_choice(body: Any) -> dict[str, Any]:
    """Returns the first choice of a completion, of a chat or not.

    Raises:
        BrokenAnswerError: ``body``, parsed or not, is no completion.
        ErrorInAnswerError: It is an error.
    """
    body = parsed(body)
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    for part in (choice, body):
        if isinstance(part, dict) and part.get("error"):
            raise ErrorInAnswerError(part)
    if not isinstance(choice, dict):
        if body.get("object") == "error" or "detail" in body:
            raise ErrorInAnswerError({"error": body})
        raise BrokenAnswerError("the body is no chat completion")
    return choice


def text_of(content: Any) -> str | None:
    """Returns the text of a message's content, without thinking; None for an unknown form."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return None
    texts = []
    for block in content:
        if isinstance(block, str):
            texts.append(block)
            continue
        if not isinstance(block, dict):
            return None
        kind, text = str(block.get("type") or "text"), block.get("text")
        if kind in _THINKING or "thinking" in block:
            continue
        if isinstance(text, dict):
            text = text.get("value")
        if isinstance(text, str):
            texts.append(text)
        elif kind in ("text", "output_text"):
            return None
    return "".join(texts)


def read_usage(usage: Any, price: Price | None) -> dict[str, Any]:
    """Returns the counts that are known, and the cost where both and the price are."""
    if not isinstance(usage, dict):
        return {}
    counted: dict[str, Any] = {}
    for name, names in _COUNTS.items():
        known = [count for other in names if (count := _count(usage.get(other))) is not None]
        if known:
            counted[name] = known[0]
    if price and len(counted) == len(_COUNTS):
        counted["cost"] = price.cost(**counted)
    return counted


def _count(value: Any) -> int | None:
    """Returns a number of tokens, or None where ``value`` is none."""
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if value >= 0 and value == int(value) else None

"""How OpenAI-like services misbehave, for ``scripted_server``: drawn anew for each request.

``PASSING`` faults go away when the request is sent again; nothing was answered. ``FORMS`` are good
answers that are not written as OpenAI writes them. ``FINAL`` ones end a row as failed or filtered.
"""

import json

# Answers to a request that is sent again: (status, headers, body), or a name for the server to act.
PASSING = [
    (429, {}, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}),
    (429, {"retry-after": "0.3"}, {"error": {"message": "slow down"}}),
    (429, {"retry-after-ms": "200"}, None),
    (429, {}, {"error": {"message": "requests per min (RPM): try again in 120ms"}}),
    (500, {}, {"error": {"message": "oops"}}),
    (502, {}, b"<html><body>Bad Gateway</body></html>"),
    (503, {}, {"detail": "overloaded"}),
    (529, {}, {"error": {"type": "overloaded_error", "message": "Overloaded"}}),
    (408, {}, None),
    (409, {}, {"error": {"message": "conflict"}}),
    (200, {}, {"error": {"message": "Provider returned error", "code": 502}}),
    (200, {}, {"error": {"message": "Rate limit exceeded: per-minute", "code": 429}}),
    (200, {}, {"choices": [{"error": {"code": 503, "message": "lost"}, "message": None}]}),
    (200, {}, {"object": "error", "message": "engine is restarting", "code": 503}),
    (200, {}, {"choices": [], "usage": None}),
    (200, {}, {"choices": None}),
    (200, {}, b""),
    (200, {}, b"\xff\xfe"),
    (200, {}, b'{"id": "x", "choices": [{"mess'),
    (200, {"content-type": "text/html"}, b"<html>please wait</html>"),
    (200, {}, [1, 2]),
    "hang",
    "reset",
    "truncated",
]


def _content(function):
    def change(body):
        message = body["choices"][0]["message"]
        message["content"] = function(message["content"])
        return body

    return change


def _finish(word):
    def change(body):
        body["choices"][0]["finish_reason"] = word
        return body

    return change


def _usage(usage):
    return lambda body: body | {"usage": usage}


def _text_only(body):
    choice = body["choices"][0]
    return {"choices": [{"text": choice["message"]["content"], "finish_reason": "eos"}]}


FORMS = [
    lambda body: body,
    _content(lambda text: f"<think>\nOkay, the user wants this.\n</think>\n\n{text}"),
    _content(lambda text: f"Okay, let me look at it first.\n</think>\n\n{text}"),
    _content(lambda text: f"[THINK]hm[/THINK]{text}"),
    _content(lambda text: [{"type": "text", "text": text}]),
    _content(lambda text: [text[:20], text[20:]]),
    _content(lambda text: {"type": "output_text", "text": text}),
    _content(
        lambda text: [
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": text},
        ]
    ),
    *map(_finish, ("eos", "eos_token", "stop_sequence", "end_turn", "STOP", "COMPLETE", None, "")),
    *map(_finish, ("OTHER", "<|im_end|>", {"type": "stop"})),
    *map(_usage, (None, [], "7", {"prompt_tokens": None, "completion_tokens": None})),
    *map(_usage, ({"prompt_tokens": "7", "completion_tokens": -1}, {"input_tokens": 7})),
    _text_only,
    lambda body: {"choices": body["choices"]},
    lambda body: body | {"error": None},
    lambda body: json.dumps(json.dumps(body)).encode(),
]
# (answer, status of the row, whether it was paid)
FINAL = [
    (_finish("length"), "filtered", True),
    (_finish("MAX_TOKENS"), "filtered", True),
    (_finish("content_filter"), "filtered", True),
    (_finish("SAFETY"), "filtered", True),
    (_content(lambda text: f"<think>I should say {text}"), "filtered", True),
    (_content(lambda text: None), "filtered", True),
    (_content(lambda text: [{"type": "text", "text": [text]}]), "failed", True),
    ((400, {"error": {"message": "flagged by moderation"}}), "failed", False),
    ((403, {"error": {"message": "the input was flagged"}}), "failed", False),
    ((400, {"error": {"code": "context_length_exceeded"}}), "failed", False),
    ((422, {"detail": [{"loc": ["body", "messages"], "msg": "bad"}]}), "failed", False),
]


class Misbehaviour:
    """Draws what becomes of each request; one text has at most three passing faults.

    Args:
        rng: for the draw.
        complete: makes a good answer.
    """

    def __init__(self, rng, complete):
        self.rng, self.complete = rng, complete
        self.faults, self.ends = {}, {}

    def draw(self, request, text, name):
        """Returns (status, headers, body), or a name for the server to act by."""
        if self.faults.setdefault(name, self.rng.choice([0, 0, 0, 1, 2, 3])):
            self.faults[name] -= 1
            return self.rng.choice(PASSING)
        if "max_tokens" in request:
            words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return 400, {}, {"error": {"message": words, "param": "max_tokens"}}
        body = self.complete(request, text)
        end = (self.rng.choice(FORMS), "ok", True)
        if self.rng.random() < 0.1:
            end = self.rng.choice(FINAL)
        answer, status, paid = end
        self.ends.setdefault(name, []).append([status, paid])
        if callable(answer):
            return 200, {}, answer(body)
        return answer[0], {}, answer[1]


def nonsense(rng, depth=0):
    """Draws a JSON value, with the names of what services answer among its keys."""
    leaves = [None, True, -1, 3, 1.5, "", "stop", "completed", "file-0", float("inf"), "\ud800"]
    kind = rng.randrange(3) if depth < 5 else 0
    if kind == 0:
        return rng.choice(leaves)
    if kind == 1:
        return [nonsense(rng, depth + 1) for _ in range(rng.randrange(3))]
    names = ["choices", "message", "content", "error", "usage", "type", "text", "thinking", "code"]
    names += ["finish_reason", "prompt_tokens", "completion_tokens", "refusal", "detail", "param"]
    names += ["data", "id", "status", "errors", "output_file_id", "error_file_id", "metadata"]
    names += ["object", "has_more", "models", "loc", "msg", "request_counts"]
    return {name: nonsense(rng, depth + 1) for name in rng.sample(names, rng.randrange(9))}


def any_answer(rng):
    """Draws an answer to whatever was asked."""
    status = rng.choice([200] * 8 + [204, 206, 301, 400, 403, 404, 409, 422, 429, 500, 503, 599])
    body = rng.choice([b"", b"\xff\xfe", b"<html>", b"null", b"{", b"data: {}\n\n", b"[" * 9999])
    headers = rng.choice([{}, {}, {"content-type": "text/html"}, {"retry-after": "x"}])
    headers = headers | rng.choice([{}, {}, {"content-encoding": "gzip"}, {"location": "/v1/x"}])
    if rng.random() < 0.7:
        body = json.dumps(nonsense(rng)).encode()
    return status, headers, body

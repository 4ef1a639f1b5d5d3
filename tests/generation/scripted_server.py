"""A local server that speaks just enough of the OpenAI protocol, and plays faults by script.

Run it as a process (``python scripted_server.py SCRIPT.json``); it listens on 127.0.0.1 only,
prints its port, and answers with texts that are decided by the request alone, so that two runs can
be compared. The script may hold:

latency: seconds before each answer (0).
faults: {kind: share} with kind 429, 429_retry_after, 500, hang, broken_json, reset (by ``seed``).
poison: a text; requests that hold it always get a 400.
port: 0 for any free one.
key: the API key that is accepted (any where missing).
moved: an address that every request is sent to by a redirect.
quota_after: after so many answers, every request is refused for lack of quota.
refuses: names of parameters; a request that holds one gets a 400 that says so.
batch_end: the state in which batches end (completed).
batch_expire_after: a batch expires after so many of its rows, once.
batch_polls: polls until a batch ends (2).
finish, answer, usage: of all answers, instead of their own.
scores: how it tells log-probabilities of a prompt: echo, prompt_logprobs, or none (ignored).
written: the log-probability of the token that it writes, if it is not that of a prompt's.
mute: a word that its tokenizer makes nothing of.
nonsense: share of requests, to any address, that get any answer.
misbehave: true draws one of ``misbehaviours`` for each request.
batch_queue: most requests in open batches; a batch that has no room fails.
batch_fails: [[code, message], …]: so the next batches fail.
create_fails: [[status, message], …]: so the next batches are not even made.
batch_words: {state: word}, what the service calls a state.
no_metadata: true forgets what batches are called.
lost_files, lost_batches: so many looks at one find nothing.
torn_files, short_files: so many downloads are cut off, or lack a line, without a word.

It counts, by the text of the last message, how often it was asked and how often it answered;
``GET /counts`` tells.
"""

import asyncio
import collections
import hashlib
import json
import random
import re
import sys
import time

import misbehaviours


class Server:
    def __init__(self, script):
        self.script = script
        self.random = random.Random(script.get("seed", 0))
        self.asked = collections.Counter()
        self.answered = collections.Counter()
        self.seen_keys = set()
        self.cpu = time.process_time()
        self.files = {}
        self.batches = {}
        self.misbehaviour = misbehaviours.Misbehaviour(self.random, completion)

    async def connection(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode("latin-1").split("\r\n")
                method, path, _ = lines[0].split(" ")
                headers = {
                    k.lower(): v.strip()
                    for k, _, v in (line.partition(":") for line in lines[1:] if line)
                }
                body = b""
                if "chunked" in headers.get("transfer-encoding", ""):
                    while size := int(await reader.readline(), 16):
                        body += await reader.readexactly(size)
                        await reader.readline()
                    await reader.readline()
                else:
                    body = await reader.readexactly(int(headers.get("content-length", 0)))
                result = await self.route(method, path.split("?")[0], headers, body)
                if result is None:
                    writer.transport.abort()
                    return
                status, extra, payload = result
                cut = extra.pop("cut", 0)
                data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
                lines = [
                    f"HTTP/1.1 {status} X",
                    f"content-length: {len(data)}",
                    f"content-type: {extra.pop('content-type', 'application/json')}",
                ]
                lines += [f"{name}: {value}" for name, value in extra.items()]
                data = data[: len(data) - cut]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
                await writer.drain()
                if cut:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def route(self, method, path, headers, body):
        if path == "/counts":
            counts = {
                "asked": self.asked,
                "answered": self.answered,
                "files": len(self.files),
                "batches": list(self.batches),
                "sizes": [len(self.files[b["input"]].splitlines()) for b in self.batches.values()],
                "ends": self.misbehaviour.ends,
            }
            return 200, {}, counts
        if path == "/script":
            self.script = json.loads(body)
            return 200, {}, {}
        if self.random.random() < self.script.get("nonsense", 0):
            return misbehaviours.any_answer(self.random)
        if "moved" in self.script:
            return 308, {"location": self.script["moved"]}, {}
        if (
            self.script.get("key")
            and headers.get("authorization") != f"Bearer {self.script['key']}"
        ):
            return (
                401,
                {},
                {
                    "error": {
                        "message": f"Incorrect API key: {headers.get('authorization')}",
                        "code": "invalid_api_key",
                    }
                },
            )
        if path == "/v1/models":
            return (
                200,
                {},
                {
                    "object": "list",
                    "data": [{"id": "scripted", "object": "model", "created": 0, "owned_by": "x"}],
                },
            )
        if path == "/v1/completions" and self.script.get("scores"):
            return self.complete(json.loads(body))
        if path == "/v1/chat/completions":
            return await self.chat(json.loads(body))
        if path.startswith(("/v1/files", "/v1/batches")):
            return self.batch(method, path, headers, body)
        return 404, {}, {"error": {"message": f"no such path {path}"}}

    def complete(self, request):
        """Tells the log-probabilities of a prompt in the script's way, or does not."""
        text, way = request["prompt"], self.script["scores"]
        self.asked[text] += 1
        if self.script.get("poison") and self.script["poison"] in text:
            return 400, {}, {"error": {"message": "this row is bad", "code": "bad_row"}}
        mute = self.script.get("mute")
        tokens = [t for t in re.findall(r"\s*\S+", text) if not mute or mute not in t]
        logprobs = [None, *(-len(token) / 8 for token in tokens[1:])]
        choice = {"index": 0, "text": " word", "finish_reason": "length", "logprobs": None}
        if way == "prompt_logprobs" and "prompt_logprobs" in request:
            choice["prompt_logprobs"] = [
                value and {token: {"logprob": value, "rank": 1}}
                for token, value in zip(tokens, logprobs, strict=True)
            ]
        elif request.get("logprobs"):
            echo = request.get("echo") and way == "echo"
            choice["logprobs"] = {
                "tokens": [*(tokens if echo else ()), " word"],
                "token_logprobs": [*(logprobs if echo else ()), self.script.get("written", -5 / 8)],
            }
        usage = {"prompt_tokens": len(tokens), "completion_tokens": 1}
        return 200, {}, {"object": "text_completion", "choices": [choice], "usage": usage}

    async def chat(self, request):
        text = request["messages"][-1]["content"]
        name = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        self.asked[name] += 1
        await asyncio.sleep(self.script.get("latency", 0))
        if self.script.get("poison") and self.script["poison"] in text:
            return 400, {}, {"error": {"message": "this row is bad", "code": "bad_row"}}
        if refusal := self.refusal(request):
            return 400, {}, refusal
        if (
            "quota_after" in self.script
            and sum(self.answered.values()) >= self.script["quota_after"]
        ):
            return (
                429,
                {},
                {
                    "error": {
                        "message": "You exceeded your current quota",
                        "code": "insufficient_quota",
                    }
                },
            )
        if self.script.get("misbehave"):
            return await self.misbehave(request, text, name)
        draw = self.random.random()
        for kind, share in self.script.get("faults", {}).items():
            if draw < share:
                return await self.fault(kind)
            draw -= share
        self.answered[name] += 1
        return 200, {}, self.change(completion(request, text))

    def change(self, body):
        """Changes an answer as the script says."""
        choice = body["choices"][0]
        choice["finish_reason"] = self.script.get("finish", "stop")
        choice["message"]["content"] = self.script.get("answer", choice["message"]["content"])
        return body | {"usage": self.script.get("usage", body["usage"])}

    def refusal(self, request):
        """Returns the body of a 400 for the first parameter that is not taken, or None."""
        for name in self.script.get("refuses", ()):
            if name in request:
                words = f"Unsupported parameter: '{name}' is not supported with this model."
                return {"error": {"message": words, "param": name, "code": "unsupported_parameter"}}
        return None

    async def misbehave(self, request, text, name):
        drawn = self.misbehaviour.draw(request, text, name)
        if drawn == "truncated":
            return 200, {"cut": 30}, completion(request, text)
        return drawn if isinstance(drawn, tuple) else await self.fault(drawn)

    async def fault(self, kind):
        if kind == "429":
            return 429, {}, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
        if kind == "429_retry_after":
            return (
                429,
                {"retry-after": "1"},
                {"error": {"message": "slow down", "code": "rate_limit_exceeded"}},
            )
        if kind == "500":
            return 500, {}, {"error": {"message": "oops"}}
        if kind == "hang":
            await asyncio.sleep(3600)
        if kind == "broken_json":
            return 200, {}, b'{"id": "x", "choices": [{"mess'
        return None

    def batch(self, method, path, headers, body):
        parts = path.split("/")[2:]
        if parts[0] == "files" and method == "POST":
            boundary = headers["content-type"].split("boundary=")[1].strip('"').encode()
            fields = body.split(b"--" + boundary)
            content = (
                next(f for f in fields if b'name="file"' in f)
                .split(b"\r\n\r\n", 1)[1]
                .removesuffix(b"\r\n")
            )
            return 200, {}, self.file(content)
        if parts[0] == "files":
            return self.download(parts)
        if method == "POST" and len(parts) == 1:
            if self.script.get("create_fails"):
                status, words = self.script["create_fails"].pop(0)
                return status, {}, {"error": {"message": words}}
            request = json.loads(body)
            lines = self.files[request["input_file_id"]].splitlines()
            if len(lines) > self.script.get("batch_limit", 50000):
                return 400, {}, {"error": {"message": "too many requests in the batch"}}
            name = f"batch_{len(self.batches)}"
            self.batches[name] = {
                "input": request["input_file_id"],
                "polls": 0,
                "metadata": None if self.script.get("no_metadata") else request.get("metadata"),
            }
            self.admit(self.batches[name], len(lines))
            return 200, {}, self.batch_object(name)
        if method == "GET" and len(parts) == 1:
            return (
                200,
                {},
                {
                    "object": "list",
                    "data": [self.batch_object(n) for n in self.batches],
                    "has_more": False,
                },
            )
        if self.lacks("lost_batches"):
            return 404, {}, {"error": {"message": f"No batch found with id {parts[1]}"}}
        return 200, {}, self.batch_object(parts[1], poll=True)

    def download(self, parts):
        if parts[-1] != "content":
            return 200, {}, self.file_object(parts[1])
        if self.lacks("lost_files"):
            return 404, {}, {"error": {"message": f"No such File object: {parts[1]}"}}
        content = self.files[parts[1]]
        if self.lacks("short_files"):
            return 200, {}, b"".join(content.splitlines(keepends=True)[1:])
        return 200, {}, content[: len(content) // 2] if self.lacks("torn_files") else content

    def lacks(self, name):
        """Counts down how often something is not there."""
        self.script[name] = self.script.get(name, 0) - 1
        return self.script[name] >= 0

    def admit(self, batch, size):
        """Lets a batch into the queue, or fails it."""
        error = None
        inside = [b for b in self.batches.values() if "status" not in b and b is not batch]
        held = sum(len(self.files[b["input"]].splitlines()) for b in inside)
        if held + size > self.script.get("batch_queue", held + size):
            error = ["token_limit_exceeded", "Enqueued token limit reached for scripted."]
        elif self.script.get("batch_fails"):
            error = self.script["batch_fails"].pop(0)
        if error:
            batch["status"] = "failed"
            batch["failure"] = {"data": [{"code": error[0], "message": error[1]}]}

    def file(self, content):
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return self.file_object(name)

    def file_object(self, name):
        return {
            "id": name,
            "object": "file",
            "bytes": len(self.files[name]),
            "created_at": 0,
            "filename": name,
            "purpose": "batch",
            "status": "processed",
        }

    def batch_object(self, name, poll=False):
        batch = self.batches[name]
        batch["polls"] += poll
        words = self.script.get("batch_words", {})
        if poll and batch["polls"] >= self.script.get("batch_polls", 2) and "status" not in batch:
            self.run_batch(batch)
        return {
            "id": name,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "created_at": 0,
            "input_file_id": batch["input"],
            "status": words.get(state := batch.get("status", "in_progress"), state),
            "errors": batch.get("failure"),
            "output_file_id": batch.get("output"),
            "error_file_id": batch.get("errors"),
            "metadata": batch["metadata"],
        }

    def run_batch(self, batch):
        good, bad = [], []
        expire = self.script.pop("batch_expire_after", None)
        for index, line in enumerate(self.files[batch["input"]].splitlines()):
            row = json.loads(line)
            text = row["body"]["messages"][-1]["content"]
            name = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
            out = {
                "id": f"x{index}",
                "custom_id": row["custom_id"],
                "response": None,
                "error": None,
            }
            if expire is not None and index >= expire:
                bad.append(out | {"error": {"code": "batch_expired", "message": "not run in time"}})
                continue
            self.asked[name] += 1
            if self.script.get("misbehave"):
                good += self.misbehaved(row["body"], text, name, out)
                continue
            if self.script.get("poison") and self.script["poison"] in text:
                body = {"error": {"message": "this row is bad", "code": "bad_row"}}
                bad.append(out | {"response": {"status_code": 400, "body": body}})
                continue
            if body := self.refusal(row["body"]):
                bad.append(out | {"response": {"status_code": 400, "body": body}})
                continue
            self.answered[name] += 1
            good.append(
                out | {"response": {"status_code": 200, "body": completion(row["body"], text)}}
            )
        batch["status"] = self.script.get("batch_end") or (
            "completed" if expire is None else "expired"
        )
        for field, rows in (("output", good), ("errors", bad)):
            # Real output files come in no particular order.
            self.random.shuffle(rows)
            if rows:
                batch[field] = self.file(
                    b"".join(json.dumps(row).encode() + b"\n" for row in rows)
                )["id"]

    def misbehaved(self, request, text, name, out):
        """Returns the rows that a batch's file holds about one request: one, none or two."""
        drawn = self.misbehaviour.draw(request, text, name)
        if isinstance(drawn, str):
            return [] if drawn == "hang" else [out | {"error": {"code": drawn, "message": drawn}}]
        status, _, body = drawn
        if isinstance(body, bytes):
            body = body.decode("latin-1")
            body = json.loads(body) if body.startswith('"') else body
        row = out | {"response": {"status_code": status, "body": body}}
        return [row, row] if self.random.random() < 0.05 else [row]


def completion(request, text):
    mark = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    answer = (
        f"I really liked the food here and I was happy with the staff, which I noted as {mark}."
    )
    if text.startswith("Analyze"):
        lines = ['Opinion Target 1: "food"', 'Aspect: "Food, Quality"', "Sentiment: Positive"]
        lines.append(f"Reasoning: The review says that the food was good ({mark}).")
        answer = "\n".join(lines)
    usage = {
        "prompt_tokens": len(text) // 4,
        "completion_tokens": len(answer) // 4,
        "total_tokens": 1,
    }
    message = {"role": "assistant", "content": answer}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": request["model"],
        "usage": usage,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message, "logprobs": None}],
    }


async def main():
    with open(sys.argv[1], encoding="utf-8") as stream:
        script = json.load(stream)
    server = await asyncio.start_server(
        Server(script).connection, "127.0.0.1", script.get("port", 0), limit=1 << 28
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

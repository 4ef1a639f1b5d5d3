"""Remembers on disk which batches were sent, so that a killed run finds them again.

Each batch has a folder entry ``<name>.requests.jsonl`` with its requests, and lines in
``journal.jsonl``: one before the service hears of it, one with the id of the uploaded file, one
with the batch's own id, and one once all its answers are in the ledger.
"""

import dataclasses
import json
import os
import uuid
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files
from generation.prompting import Prompt
from generation.records import Review
from generation.teachers.base import Request


@dataclasses.dataclass
class Batch:
    """One batch.

    Attributes:
        name: Ours.
        id: The service's; None until known.
        requests: By key.
        file: The service's id of the file of requests; None until known.
    """

    name: str
    id: str | None
    requests: dict[str, Request]
    file: str | None = None


class BatchJournal:
    """The batches of one shard.

    Args:
        folder: Where the journal and the batches' requests are kept; made when first needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "journal.jsonl"

    def prepare_folder(self) -> None:
        """Makes the folder, so that one that cannot be written is known before anything is sent."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab"):
            pass

    def open_batches(self) -> list[Batch]:
        """Returns the batches that have not ended, with their requests."""
        events: dict[str, dict[str, Any]] = {}
        if self.path.exists():
            for line in self.path.read_bytes().split(b"\n"):
                try:
                    event = files.parse_object(line)
                except ValueError:
                    continue  # the last line, cut off when the run was killed, or no line
                events.setdefault(event["name"], {}).update(event)
        return [
            Batch(name, event.get("id"), self._load(name), event.get("file"))
            for name, event in events.items()
            if not event.get("ended")
        ]

    def prepare(self, requests: dict[str, Request]) -> Batch:
        """Writes down a batch that is about to be made."""
        batch = Batch(f"fsa-{uuid.uuid4().hex}", None, requests)
        with files.atomic_file(self._requests(batch.name)) as stream:
            for request in requests.values():
                stream.write(_dump(request))
        self._note(name=batch.name, requests=len(requests))
        return batch

    def uploaded(self, batch: Batch, file: str) -> None:
        """Writes down the service's id of the file of requests."""
        batch.file = file
        self._note(name=batch.name, file=file)

    def created(self, batch: Batch, id_: str) -> None:
        """Writes down the service's id."""
        batch.id = id_
        self._note(name=batch.name, id=id_)

    def ended(self, batch: Batch) -> None:
        """Writes down that all answers are in the ledger."""
        self._note(name=batch.name, ended=True)
        self._requests(batch.name).unlink(missing_ok=True)

    def _requests(self, name: str) -> Path:
        return self.folder / f"{name}.requests.jsonl"

    def _load(self, name: str) -> dict[str, Request]:
        path = self._requests(name)
        if not path.exists():
            return {}
        requests = (_read(row) for _, row in files.json_lines(path))
        return {request.key: request for request in requests}

    def _note(self, **event: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream:
            # A line that was cut off when an earlier run was killed must not swallow this one.
            stream.write(b"\n" + json.dumps(event).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())


def _dump(request: Request) -> bytes:
    prompt = {
        "name": request.prompt.name,
        "version": request.prompt.version,
        "kind": request.prompt.kind,
    }
    row = {
        "key": request.key,
        "review": dataclasses.asdict(request.review),
        "prompt": prompt,
        "messages": request.messages,
    }
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _read(row: dict[str, Any]) -> Request:
    # The messages are rendered already, so the template is not needed.
    prompt = Prompt(**row["prompt"], template="", demos={})
    return Request(row["key"], Review(**row["review"]), prompt, row["messages"])

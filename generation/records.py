"""The two record types that other parts read.

They are reviews and ledger rows, both one JSON object a line.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fsa_jax.opinions.corpus import DOMAINS
from fsa_jax.runtime import files

OK, FAILED, FILTERED = "ok", "failed", "filtered"
STATUSES = (OK, FAILED, FILTERED)
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean_unicode(text: str) -> str:
    """Returns ``text`` with what no UTF-8 file can hold (lone surrogates) replaced by U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


@dataclasses.dataclass(frozen=True, slots=True)
class Review:
    """One customer review.

    Attributes:
        review_id: Unique among the reviews of one run; the train/validation split hashes it.
        domain: ``restaurant`` or ``laptop``.
        rating: Stars, 1.0 to 5.0.
        text: The review, not empty.
        source: Where it came from, such as ``yelp`` or ``sample``.
    """

    review_id: str
    domain: str
    rating: float
    text: str
    source: str

    def __post_init__(self) -> None:
        if not self.review_id:
            raise ValueError("field 'review_id' is empty; give every review an id")
        if self.domain not in DOMAINS:
            raise ValueError(
                f"field 'domain' is {files.shown(self.domain)}; use {' or '.join(DOMAINS)}"
            )
        if not (math.isfinite(self.rating) and 1.0 <= self.rating <= 5.0):
            raise ValueError(f"field 'rating' is {self.rating!r}; use a number from 1.0 to 5.0")
        if not self.text.strip():
            raise ValueError("field 'text' is empty; drop the review or fill it")

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Review":
        """Builds a review from a parsed JSON object.

        Raises:
            ValueError: A field is missing or has a value outside the contract; the message names
                it.
        """
        missing = [
            name for name in ("review_id", "domain", "rating", "text") if row.get(name) is None
        ]
        if missing:
            fault = "null" if missing[0] in row else "missing"
            raise ValueError(
                f"field {missing[0]!r} is {fault}; a review needs review_id, domain, rating, text, "
                "source"
            )
        for name, kinds in (("review_id", str | int), ("domain", str), ("text", str)):
            if isinstance(row[name], bool) or not isinstance(row[name], kinds):
                raise ValueError(f"field {name!r} is a JSON {type(row[name]).__name__}, not a text")
        try:
            rating = float(row["rating"])
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"field 'rating' is {files.shown(row['rating'])}; use a number from 1.0 to 5.0"
            ) from None
        text, review_id = clean_unicode(str(row["text"])), clean_unicode(str(row["review_id"]))
        return cls(review_id, str(row["domain"]), rating, text, str(row.get("source") or "unknown"))

    def to_json(self) -> str:
        """Returns the review as one line of JSON, without the line end."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)


def read_reviews(path: Path) -> Iterator[Review]:
    """Yields the reviews of a JSON-lines file (``.gz`` too), holding one at a time.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is not a review; the message names file, line and field.
    """
    found = False
    try:
        for number, row in files.json_lines(path):
            try:
                yield Review.from_json(row)
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from None
            found = True
    except ValueError as error:
        if found:
            raise
        # An unusable file stays one: who reads it may tell it from a wrong line.
        advice = "`fsa reviews collect` makes reviews of other files"
        raise type(error)(f"{error}; {advice}") from None


@dataclasses.dataclass(frozen=True, slots=True)
class LedgerRow:
    """What became of one request.

    Attributes:
        key: sha256 over all that decides the answer (``ledger.request_key``).
        review_id, domain, rating, review: The review asked about; ``review`` is its text.
        prompt: Name of the prompt, such as ``anl`` or ``rw``.
        teacher: The name that the corpus will carry.
        model, revision: What answered.
        status: ``ok``, ``failed`` (no usable answer came) or ``filtered`` (one came and a named
            rule rejected it).
        reason: Empty for ``ok``, else the name of the fault or of the rule, with details after a
            colon.
        attempts: How many times the teacher was asked in the run that wrote the row.
        response: The answer as it came (also where it was filtered), without the model's thinking,
            or None.
        finish_reason: As the teacher said it, or None.
        usage: Token counts and cost, ``prompt_tokens``, ``completion_tokens``, ``cost`` (US
            dollars); empty if unknown.
        created: UTC time of writing, ISO 8601.
    """

    key: str
    review_id: str
    domain: str
    rating: float
    review: str
    prompt: str
    teacher: str
    model: str
    revision: str
    status: str
    reason: str
    attempts: int
    response: str | None
    finish_reason: str | None
    usage: dict[str, Any]
    created: str

    def to_json(self) -> str:
        """Returns the row as one line of JSON, without the line end."""
        return json.dumps({name: getattr(self, name) for name in _ROW_FIELDS}, ensure_ascii=False)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "LedgerRow":
        """Builds a row from a parsed JSON object.

        Raises:
            ValueError: A field is missing or of another type, or ``status`` is unknown.
        """
        missing = [name for name in _ROW_FIELDS if name not in row]
        if missing:
            raise ValueError(f"field {missing[0]!r} is missing; this is not a ledger row")
        for name, kinds in _ROW_TYPES.items():
            if not isinstance(row[name], kinds):
                raise ValueError(f"field {name!r} is a JSON {type(row[name]).__name__}")
        if row["status"] not in STATUSES:
            raise ValueError(
                f"field 'status' is {files.shown(row['status'])}; it must be one of "
                f"{', '.join(STATUSES)}"
            )
        return cls(**{name: row[name] for name in _ROW_FIELDS})


_ROW_FIELDS = tuple(field.name for field in dataclasses.fields(LedgerRow))
_ROW_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("key", "review_id", "domain", "review", "prompt", "teacher"), (str,)),
    **dict.fromkeys(("model", "revision", "status", "reason"), (str,)),
    "rating": (int, float),
    "response": (str, type(None)),
    "usage": (dict,),
}

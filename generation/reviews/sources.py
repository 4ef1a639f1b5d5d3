"""Reads the dumps as they are published, one line at a time.

Each source yields a ``Candidate`` per line, or a reason why the line is none; nothing is kept in
memory but the ids of the businesses or products that are wanted.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files, packed
from generation.reviews import cleaning, stars, tables

Progress = Callable[[int], None]
Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A review as its source tells it, not yet cleaned."""

    review_id: str
    domain: str
    rating: float
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Dropped:
    """A line that is no candidate, with the filter's name, and for bad lines what is wrong."""

    reason: str
    detail: str = ""

    @classmethod
    def bad(cls, path: Path, line: int, words: str) -> "Dropped":
        """Returns a bad line."""
        return cls("bad line", f"{path}, line {line}: {words}")


@dataclasses.dataclass(frozen=True)
class Fields:
    """How a dump names what a review is made of; where it has several forms, several names.

    Attributes:
        text: Joined with line ends.
        rating: The stars.
        identity: What names the review; an empty tuple where nothing does.
        made: Whether ``identity`` and the text are to be made into an id.
    """

    text: tuple[str, ...]
    rating: str
    identity: tuple[str, ...] = ()
    made: bool = False


@dataclasses.dataclass(frozen=True)
class Join:
    """How a dump names what its reviews are about.

    Attributes:
        noun: What that is, in one word.
        keys: Fields of its id, in both files; the first that a line has counts.
        categories: Fields of its categories, in its own file; all that a line has count.
        members: The review file and its own file in an archive.
    """

    noun: str
    keys: tuple[str, ...]
    categories: tuple[str, ...]
    members: tuple[packed.Member, packed.Member]


YELP = Join(
    "business",
    ("business_id",),
    ("categories",),
    (packed.Member.ending("review.json"), packed.Member.ending("business.json")),
)
_YELP_FIELDS = Fields(("text",), "stars", ("review_id",))

# The dump of 2018 names a product's variant `asin` in both files. That of 2023 joins on what the
# variants have in common, `parent_asin`; its reviews have both.
AMAZON = Join(
    "product",
    ("parent_asin", "asin"),
    ("category", "categories", "main_category", "main_cat"),
    (
        packed.Member("of reviews (.json, .jsonl)", lambda n: ".json" in n and "meta" not in n),
        packed.Member("of products (meta….json)", lambda n: ".json" in n and "meta" in n),
    ),
)
# The dumps have no ids; who wrote what about which product, and when, makes one.
_AMAZON_2018 = Fields(
    ("reviewText",), "overall", ("asin", "reviewerID", "unixReviewTime"), made=True
)
_AMAZON_2023 = Fields(("text",), "rating", ("asin", "user_id", "timestamp"), made=True)


def yelp(
    reviews: Path, businesses: Path, category: str, progress: Progress, say: Say
) -> Iterator[Candidate | Dropped]:
    """Reads Yelp's review and business files, or the archive that holds both.

    Args:
        reviews: ``…review.json``, packed or not, or the archive.
        businesses: ``…business.json``, likewise.
        category: A business is wanted if its categories name this, such as ``Restaurants``.
        progress: Told the bytes read of ``reviews``.
        say: Told what the user should know besides.
    """
    for line, row in _joined(reviews, businesses, YELP, category, progress, say):
        if isinstance(row, Dropped):
            yield row
        else:
            rating = stars.number(row.get(_YELP_FIELDS.rating))
            yield _candidate(row, reviews, line, "restaurant", rating, _YELP_FIELDS)


def amazon(
    reviews: Path, products: Path, category: str, progress: Progress, say: Say
) -> Iterator[Candidate | Dropped]:
    """Reads the Amazon reviews and metadata of 2018 (Ni et al. 2019) or 2023 (Hou et al. 2024).

    Args:
        reviews: JSON lines of reviews, packed or not.
        products: JSON lines of metadata, likewise.
        category: A product is wanted if its categories name this, such as ``Laptops``.
        progress: Told the bytes read of ``reviews``.
        say: Told what the user should know besides.
    """
    for line, row in _joined(reviews, products, AMAZON, category, progress, say):
        if isinstance(row, Dropped):
            yield row
        else:
            fields = _AMAZON_2018 if "overall" in row else _AMAZON_2023
            rating = stars.number(row.get(fields.rating))
            yield _candidate(row, reviews, line, "laptop", rating, fields)


def table(
    path: Path,
    domain: str,
    columns: dict[str, str],
    progress: Progress,
    say: Say,
    *,
    lowest: int | None = None,
    encoding: str | None = None,
) -> Iterator[Candidate | Dropped]:
    """Reads a csv or tsv file with a header line, or JSON lines, packed or not.

    Args:
        path: The file.
        domain: Of all its reviews.
        columns: The file's names for ``text``, ``rating`` and, where it has them, ``id`` and
            ``title``.
        progress: Told the bytes read.
        say: Told how the file is read where that was guessed.
        lowest: Rating of the worst review, 1 for stars or 0 for labels; None tells by the values.
        encoding: Of the text; None tells by a byte-order mark, and without one it is UTF-8.

    Raises:
        ValueError: No such columns, or ratings that are no stars.
    """
    text = (columns["title"], columns["text"]) if "title" in columns else (columns["text"],)
    identity = (columns["id"],) if "id" in columns else ()
    fields = Fields(text, columns["rating"], identity, made=not identity)
    scale = stars.Scale(path, fields.rating, lowest)
    layout = tables.Layout(
        (*text, fields.rating, *identity),
        fields.rating,
        lambda value: stars.number(value) is not None,
        encoding,
    )
    files.require_file(path)
    with packed.opened(path, packed.DATA, progress, encoding) as stream:
        for found in tables.read(stream, path, layout, say):
            if isinstance(found, tables.Fault):
                yield Dropped.bad(path, found.line, found.words)
            else:
                line, row = found
                rating = scale.stars(row.get(fields.rating))
                yield _candidate(row, path, line, domain, rating, fields)
    scale.check()


def _joined(
    reviews: Path, subjects: Path, join: Join, category: str, progress: Progress, say: Say
) -> Iterator[tuple[int, dict[str, Any] | Dropped]]:
    """Yields the reviews of the subjects that are in the category, with their lines."""
    known, wanted = _ids(subjects, join, category, say)
    files.require_file(reviews)
    with packed.opened(reviews, join.members[0], progress) as stream:
        for found in tables.json_rows(iter(stream)):
            if isinstance(found, tables.Fault):
                yield found.line, Dropped.bad(reviews, found.line, found.words)
                continue
            line, row = found
            subject = _key(row, join)
            if subject not in known:
                yield line, Dropped(f"unknown {join.noun}")
            elif subject not in wanted:
                yield line, Dropped("other category")
            else:
                yield line, row


def _key(row: dict[str, Any], join: Join) -> str:
    return next((str(row[key]) for key in join.keys if row.get(key)), "")


def _ids(path: Path, join: Join, category: str, say: Say) -> tuple[set[str], set[str]]:
    """Returns all ids of a business or product file, and those of the wanted category."""
    known: set[str] = set()
    wanted: set[str] = set()
    lines = bad = 0
    first_bad = ""
    meant = _category(category)
    files.require_file(path)
    with packed.opened(path, join.members[1]) as stream:
        for found in tables.json_rows(iter(stream)):
            lines += 1
            name = "" if isinstance(found, tables.Fault) else _key(found[1], join)
            if isinstance(found, tables.Fault) or not name:
                bad += 1
                place, words = (
                    (found.line, found.words)
                    if isinstance(found, tables.Fault)
                    else (found[0], f"no field {join.keys[0]!r}")
                )
                first_bad = first_bad or f"line {place}: {words}"
                continue
            known.add(name)
            values = (found[1].get(field) for field in join.categories)
            if any(_category(part) == meant for value in values for part in _parts(value)):
                wanted.add(name)
    if not known:
        raise ValueError(
            f"{path}: no line has a field {' or '.join(map(repr, join.keys))} ({lines:,} lines "
            f"read; {first_bad or 'all blank'}); is it the right file?"
        )
    if not wanted:
        raise ValueError(
            f"{path}: none of {len(known):,} entries has the category {category!r} in its field "
            f"{' or '.join(map(repr, join.categories))}; set --category, or name the right file"
        )
    if bad:
        say(f"{path}: {bad:,} of {lines:,} lines are bad and left out; the first: {first_bad}")
    return known, wanted


def _parts(value: Any) -> Iterator[str]:
    """Yields the names of categories: of a list, also in lists, or of a text with commas."""
    if isinstance(value, str):
        yield value
        yield from value.split(",")
    elif isinstance(value, list):
        for part in value:
            # A name in a list may hold a comma of its own.
            yield from (part,) if isinstance(part, str) else _parts(part)


def _category(name: str) -> str:
    return cleaning.unescape(name).strip().lower()


def _candidate(
    row: dict[str, Any], path: Path, line: int, domain: str, rating: float | None, fields: Fields
) -> Candidate | Dropped:
    texts = []
    for field in fields.text:
        value = row.get(field)
        if value is not None and not isinstance(value, str):
            words = f"field {field!r} is a JSON {type(value).__name__}, not a text"
            return Dropped.bad(path, line, words)
        if value and value.strip():
            texts.append(value.strip())
    if rating is None or not 1.0 <= rating <= 5.0:
        return Dropped("no rating")
    if not texts:
        return Dropped("no text")
    whole = "\n".join(texts)
    if fields.made:
        # The same review has the same id, wherever it stands and whatever stands beside it.
        name = _made_id([str(row.get(field)) for field in fields.identity] + [whole])
    else:
        given = row.get(fields.identity[0])
        if isinstance(given, bool) or not isinstance(given, str | int):
            given = ""
        name = str(given).strip()
        if not name:
            return Dropped.bad(path, line, f"no id in the field {fields.identity[0]!r}")
    return Candidate(name, domain, rating, whole)


def _made_id(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:24]

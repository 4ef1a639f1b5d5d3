"""Reads the dumps as they are published, one line at a time.

Each source yields a ``Candidate`` per line, or a reason why the line is none; nothing is kept in
memory but the ids of the businesses or products that are wanted.
"""

import contextlib
import csv
import dataclasses
import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from generation import files

# csv refuses fields longer than 128 KiB; reviews may be.
csv.field_size_limit(1 << 27)

Progress = Callable[[int], None]


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


@contextlib.contextmanager
def open_member(path: Path, ending: str, progress: Progress) -> Iterator[IO[bytes]]:
    """Opens a dump: plain, ``.gz``, or the member of a ``.tar`` (packed or not) whose name ends so.

    Args:
        path: the dump.
        ending: end of the member's name in an archive.
        progress: told the bytes read so far of the file as it lies on disk.
    """
    files.require_file(path)
    name = path.name.lower()
    with path.open("rb") as raw:
        counted = io.BufferedReader(_Counted(raw, progress), 1 << 20)
        if ".tar" in name or name.endswith(".tgz"):
            with tarfile.open(fileobj=counted, mode="r|*") as archive:
                for member in archive:
                    if member.isfile() and member.name.endswith(ending):
                        stream = archive.extractfile(member)
                        assert stream is not None
                        yield stream
                        return
            raise ValueError(f"{path}: the archive holds no file that ends with {ending}")
        elif name.endswith(".gz"):
            with gzip.open(counted, "rb") as unpacked:
                yield unpacked  # type: ignore[misc]
        else:
            yield counted


class _Counted(io.RawIOBase):
    def __init__(self, raw: IO[bytes], progress: Progress) -> None:
        self.raw, self.progress, self.count = raw, progress, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.raw.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        self.progress(self.count)
        return len(data)


def json_objects(stream: IO[bytes]) -> Iterator[dict[str, Any] | Dropped]:
    """Yields one object per line; a line that is none becomes ``Dropped``."""
    try:
        for number, line in enumerate(stream, 1):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                continue
            try:
                yield files.parse_object(line)
            except ValueError as error:
                yield Dropped("bad line", f"line {number}: {error}")
    except (EOFError, gzip.BadGzipFile, tarfile.ReadError) as error:
        raise ValueError(f"the dump is cut off or damaged ({error}); download it again") from None


@dataclasses.dataclass(frozen=True)
class Join:
    """How a dump names what its reviews are about.

    Attributes:
        noun: what that is, in one word.
        key: field of its id, in both files.
        categories: field of its categories, in its own file.
        endings: how the review file and its own file are named inside an archive.
    """

    noun: str
    key: str
    categories: str
    endings: tuple[str, str]


YELP = Join("business", "business_id", "categories", ("review.json", "business.json"))
AMAZON = Join("product", "asin", "category", (".json", ".json"))


def yelp(
    reviews: Path, businesses: Path, category: str, progress: Progress
) -> Iterator[Candidate | Dropped]:
    """Reads Yelp's review and business files, or the archive that holds both.

    Args:
        reviews: ``…review.json``, ``.gz`` or the ``.tar``.
        businesses: ``…business.json``, likewise.
        category: a business is wanted if its categories name this, such as ``Restaurants``.
        progress: told the bytes read of ``reviews``.
    """
    for row in _joined(reviews, businesses, YELP, category, progress):
        if isinstance(row, Dropped):
            yield row
        else:
            name = str(row.get("review_id") or "")
            yield _candidate(row, "restaurant", name, "stars", ("text",))


def amazon(
    reviews: Path, products: Path, category: str, progress: Progress
) -> Iterator[Candidate | Dropped]:
    """Reads the Amazon reviews and metadata of 2018 (Ni et al. 2019).

    Args:
        reviews: JSON lines of reviews, plain or ``.gz``.
        products: JSON lines of metadata, plain or ``.gz``.
        category: a product is wanted if its categories name this, such as ``Laptops``.
        progress: told the bytes read of ``reviews``.
    """
    fields = ("asin", "reviewerID", "unixReviewTime", "reviewText")
    for row in _joined(reviews, products, AMAZON, category, progress):
        if isinstance(row, Dropped):
            yield row
        else:
            # The dump has no ids; who wrote what about which product, and when, makes one.
            whole = "\0".join(str(row.get(field)) for field in fields)
            name = hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:24]
            yield _candidate(row, "laptop", name, "overall", ("reviewText",))


def _joined(
    reviews: Path, subjects: Path, join: Join, category: str, progress: Progress
) -> Iterator[dict[str, Any] | Dropped]:
    """Yields the reviews of the subjects that are in the category."""
    known, wanted = _ids(subjects, join, category)
    with open_member(reviews, join.endings[0], progress) as stream:
        for row in json_objects(stream):
            if isinstance(row, Dropped):
                yield row
            elif (subject := str(row.get(join.key))) not in known:
                yield Dropped(f"unknown {join.noun}")
            elif subject not in wanted:
                yield Dropped("other category")
            else:
                yield row


def table(
    path: Path, domain: str, columns: dict[str, str], progress: Progress
) -> Iterator[Candidate | Dropped]:
    """Reads a csv file with a header line, or JSON lines.

    Args:
        path: ``.csv``, ``.tsv``, ``.jsonl`` or ``.json``, with ``.gz`` or without.
        domain: of all its reviews.
        columns: the file's names for ``text``, ``rating`` and, where it has them, ``id`` and
            ``title``.
        progress: told the bytes read.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    separator = "\t" if ".tsv" in suffixes else ","
    text = (columns["title"], columns["text"]) if "title" in columns else (columns["text"],)
    with open_member(path, "", progress) as stream:
        if {".csv", ".tsv"} & set(suffixes):
            rows = _csv_rows(stream, separator, path, [*text, columns["rating"]])
        else:
            rows = json_objects(stream)
        for number, row in enumerate(rows, 1):
            if isinstance(row, Dropped):
                yield row
                continue
            name = str(row.get(columns["id"]) or "") if "id" in columns else f"{path.stem}-{number}"
            yield _candidate(row, domain, name, columns["rating"], text)


def _csv_rows(
    stream: IO[bytes], separator: str, path: Path, needed: list[str]
) -> Iterator[dict[str, Any] | Dropped]:
    reader = csv.DictReader(
        io.TextIOWrapper(stream, "utf-8-sig", "replace", newline=""), delimiter=separator
    )
    names = reader.fieldnames or []
    missing = [name for name in needed if name not in names]
    if missing:
        raise ValueError(
            f"{path}: no column {missing[0]!r}; it has {', '.join(names)}; set --columns"
        )
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Dropped("bad line", f"line {reader.line_num}: {error}")
            continue
        if row is None:
            return
        yield row


def _ids(path: Path, join: Join, category: str) -> tuple[set[str], set[str]]:
    """Returns all ids of a business or product file, and those of the wanted category."""
    known: set[str] = set()
    wanted: set[str] = set()
    bad = 0
    with open_member(path, join.endings[1], lambda count: None) as stream:
        for row in json_objects(stream):
            if isinstance(row, Dropped) or not row.get(join.key):
                bad += 1
                continue
            name = str(row[join.key])
            known.add(name)
            value = row.get(join.categories)
            names = value.split(",") if isinstance(value, str) else value
            if not isinstance(names, list):
                continue  # missing or null
            if any(str(part).strip().lower() == category.lower() for part in names):
                wanted.add(name)
    if not known:
        raise ValueError(
            f"{path}: no line has a field {join.key!r} ({bad} lines read); is it the right file?"
        )
    if not wanted:
        raise ValueError(
            f"{path}: none of {len(known):,} entries has the category {category!r} in its field "
            f"{join.categories!r}; set --category, or name the right file"
        )
    return known, wanted


def _candidate(
    row: dict[str, Any], domain: str, name: str, rating: str, text: tuple[str, ...]
) -> Candidate | Dropped:
    words = [str(row.get(field) or "").strip() for field in text]
    try:
        stars = float(row.get(rating))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return Dropped("no rating")
    if not 1.0 <= stars <= 5.0:
        return Dropped("no rating")
    if not any(words):
        return Dropped("no text")
    if not name:
        return Dropped("bad line", "no id")
    whole = "\n".join(part for part in words if part)
    return Candidate(name, domain, stars, whole)

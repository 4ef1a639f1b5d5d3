"""Opens a file by what its first bytes say it is, whatever its name says.

Plain text, gzip, bzip2, xz, and the one wanted member of a tar or zip archive are read; of anything
else the error says what it is. Damage of any kind (a download that was cut off, a flipped bit, a
web page in an archive's place) ends in one ``UnusableFileError`` that names the file.
"""

import abc
import bz2
import contextlib
import dataclasses
import gzip
import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

# Enough to tell a tar archive (its mark stands at 257) and text from anything else.
_HEAD = 2048
# Archives in archives: a zip that holds a tar of packed files is three deep.
_MOST_LAYERS = 6

_PACKINGS: tuple[tuple[bytes, Callable[[IO[bytes]], Any]], ...] = (
    (b"\x1f\x8b", lambda stream: gzip.GzipFile(fileobj=stream, mode="rb")),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
# What some readers ask for and this one cannot read, and the way out.
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"\x28\xb5\x2f\xfd", "packed by zstd; unpack it first (zstd -d)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"Rar!", "a rar archive; unpack it first"),
    (b"PAR1", "a Parquet file; write it as csv or JSON lines first"),
    (b"ARROW1", "an Arrow file; write it as csv or JSON lines first"),
    (b"\x89HDF", "an HDF5 file; write it as csv or JSON lines first"),
    (b"SQLite format 3\x00", "an SQLite database; write the table as csv first"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file; save the sheet as csv first"),
    (b"%PDF", "a PDF document, no data"),
    (b"\x00\x05\x16\x07", "a note of macOS about another file (its name begins with ._), no data"),
    (b"version https://git-lfs", "a pointer of Git LFS, no data; run git lfs pull"),
)
_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html|head|body|title|meta|script)\b", re.IGNORECASE)
_MARKUP = re.compile(rb"\s*<(?:\?xml|!doctype|[a-z]+[\s>])", re.IGNORECASE)
_BOMS = (b"\xff\xfe", b"\xfe\xff")
# Bytes that text in any encoding of ASCII's family has no use for.
_CONTROLS = tuple(bytes([code]) for code in range(32) if code not in b"\t\n\v\f\r\x1b")

# What the unpacking modules raise on damaged input; besides, OSError without a number.
_DAMAGE = (
    EOFError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    struct.error,
    RuntimeError,  # NotImplementedError, too: a zip's method of packing
    ValueError,
    LookupError,
    ArithmeticError,
)


class UnusableFileError(ValueError):
    """A file that is damaged or of a kind that cannot be read; the message names it."""


@dataclasses.dataclass(frozen=True)
class Member:
    """Which file of an archive is meant.

    Attributes:
        words: What it is, for errors; it goes on after "holds no file ".
        fits: Whether a file of this name is meant.
        only: Whether a second file that fits makes the choice unclear. It is looked for when the
            first has been read.
    """

    words: str
    fits: Callable[[str], bool]
    only: bool = False

    @classmethod
    def ending(cls, end: str) -> "Member":
        """Returns the first file whose name ends so, such as ``review.json``."""
        return cls(f"whose name ends with {end}", lambda name: name.endswith(end))


_DATA = re.compile(r"(?i)\.(?:csv|tsv|tab|txt|json|jsonl|ndjson)(?:\.(?:gz|bz2|xz))?$")
DATA = Member("of data (.csv, .tsv, .jsonl)", lambda name: bool(_DATA.search(name)), only=True)


@contextlib.contextmanager
def opened(
    path: Path,
    member: Member = DATA,
    progress: Callable[[int], None] = lambda count: None,
    encoding: str | None = None,
) -> Iterator[io.BufferedReader]:
    """Opens a file for reading its unpacked bytes.

    Args:
        path: An existing file.
        member: Which file is meant where ``path`` is an archive.
        progress: Told the bytes read so far of the file as it lies on disk.
        encoding: Of the text, where the user told it, and else None.

    Raises:
        UnusableFileError: Now or at any later read: it is damaged, empty or of a foreign kind.
    """
    with contextlib.ExitStack() as stack:
        raw = stack.enter_context(path.open("rb"))
        tell = raw.tell if raw.seekable() else lambda: 0  # a pipe has no places
        layer = _Layer(raw, path, lambda: progress(tell()))
        stack.callback(layer.close)
        archives: list[_Archive] = []
        for _ in range(_MOST_LAYERS):
            inner, name = _inner(layer, raw, path, member, stack, archives)
            if inner is None:
                if words := foreign(layer.head) or ("" if encoding else no_text(layer.head)):
                    raise UnusableFileError(f"{layer.name} is {words}")
                break
            layer = _Layer(inner, path, lambda: progress(tell()), name)
            stack.callback(layer.close)
        else:
            raise UnusableFileError(
                f"{path}: archives in archives, {_MOST_LAYERS} deep; unpack it first"
            )
        yield io.BufferedReader(layer, 1 << 20)
        for archive in archives:
            archive.refuse_second()


class _Layer(io.RawIOBase):
    """A file as it is once one packing is taken off; its first bytes can be looked at."""

    def __init__(
        self, stream: Any, path: Path, progress: Callable[[], None], member: str = ""
    ) -> None:
        self.stream, self.path, self.progress = stream, path, progress
        self.name = f"{path}: {member[:80]!r}" if member else str(path)
        self.head = b""
        while len(self.head) < _HEAD and (more := self._read(_HEAD - len(self.head))):
            self.head += more
        self.pending = self.head

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        if self.pending:
            data, self.pending = self.pending[:size], self.pending[size:]
        else:
            data = self._read(size)
            self.progress()
        buffer[: len(data)] = data
        return len(data)

    def _read(self, size: int) -> bytes:
        with _damage_in_words(self.path):
            content: bytes = self.stream.read(size)
            return content


@contextlib.contextmanager
def _damage_in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except UnusableFileError:
        raise
    except OSError as error:
        # The system's errors have numbers; those of unpacking have none.
        if error.errno is not None:
            raise
        raise _damaged(path, error) from None
    except _DAMAGE as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> UnusableFileError:
    words = " ".join(str(error).split()) or type(error).__name__
    return UnusableFileError(f"{path} is cut off or damaged ({words}); download it again")


def _inner(
    layer: _Layer,
    raw: IO[bytes],
    path: Path,
    member: Member,
    stack: contextlib.ExitStack,
    archives: list["_Archive"],
) -> tuple[Any, str]:
    """Returns what a layer holds and its name, or None where the layer is the data itself."""
    head = layer.head
    with _damage_in_words(path):
        for mark, unpack in _PACKINGS:
            if head.startswith(mark):
                return stack.enter_context(unpack(io.BufferedReader(layer, 1 << 16))), ""
        if head.startswith(_ZIP):
            if layer.stream is not raw or not raw.seekable():
                raise UnusableFileError(f"{path} holds a zip archive; unpack it first")
            found: _Archive = _Zip(stack.enter_context(zipfile.ZipFile(raw)), path, member)
        elif _is_tar(head):
            tar = tarfile.open(fileobj=io.BufferedReader(layer, 1 << 16), mode="r|")  # noqa: SIM115
            found = _Tar(stack.enter_context(tar), path, member)
        else:
            return None, ""
        archives.append(found)
        return found.first()


def _is_tar(head: bytes) -> bool:
    if head[257:262] == b"ustar":
        return True
    # Archives older than the mark are told by the sum of their header, which text does not have.
    try:
        tarfile.TarInfo.frombuf(head[:512], "utf-8", "replace")
    except tarfile.HeaderError:
        return False
    return True


def foreign(head: bytes) -> str:
    """Says what a file is that begins so, if that is a known kind and no data, else nothing."""
    if not head:
        return "empty"
    if words := next((words for mark, words in _FOREIGN if head.startswith(mark)), ""):
        return words
    if _PAGE.match(head):
        return "a web page, no data (of a login, perhaps); download the file with a browser"
    if _MARKUP.match(head):
        return "an XML or HTML file, no csv or JSON lines"
    return ""


def binary(head: bytes) -> str:
    """Says what a file is that begins so, if it is packed or of a known kind that is no text."""
    if head.startswith((*_ZIP, *(mark for mark, _ in _PACKINGS))):
        return "packed; unpack it first"
    return next((words for mark, words in _FOREIGN if head.startswith(mark)), "")


def no_text(head: bytes) -> str:
    """Says what a file is that begins so, if it is no text that shows its own encoding."""
    if head.startswith(_BOMS):
        return ""
    zeros = [head[start::2].count(0) / max(1, len(head) // 2) for start in (0, 1)]
    if max(zeros) > 0.7 and min(zeros) < 0.3:
        order = "be" if zeros[0] > zeros[1] else "le"
        return f"UTF-16 text without a byte-order mark (utf-16-{order}); save the file as UTF-8"
    if sum(map(head.count, _CONTROLS)) > 0.1 * len(head):
        return "of an unknown binary kind, no text"
    return ""


class _Archive(abc.ABC):
    """The members of an archive that may be meant."""

    def __init__(self, path: Path, member: Member) -> None:
        self.path, self.member = path, member
        self.names: list[str] = []

    @abc.abstractmethod
    def first(self) -> tuple[Any, str]:
        """Returns the wanted member, open, and its name."""

    @abc.abstractmethod
    def refuse_second(self) -> None:
        """Raises UnusableFileError where another member may be meant as well."""

    def _fits(self, name: str) -> bool:
        # macOS packs a note about each file beside it, under the file's name with ._ in front.
        base = name.rsplit("/", 1)[-1]
        if base.startswith(".") or "__MACOSX" in name.split("/"):
            return False
        self.names.append(name)
        return self.member.fits(base)

    def _none(self) -> UnusableFileError:
        shown = ", ".join(repr(name[:80]) for name in self.names[:8]) + (
            ", …" if len(self.names) > 8 else ""
        )
        return UnusableFileError(
            f"{self.path}: the archive holds no file {self.member.words}; it holds "
            f"{shown or 'nothing'} (or was cut off)"
        )

    def _several(self, first: str, second: str) -> UnusableFileError:
        return UnusableFileError(
            f"{self.path}: the archive holds several files {self.member.words}, {first[:80]!r} "
            f"and {second[:80]!r}; unpack it and name the file"
        )


class _Tar(_Archive):
    """A tar archive, read from its beginning to its end once."""

    def __init__(self, tar: tarfile.TarFile, path: Path, member: Member) -> None:
        super().__init__(path, member)
        self.tar = tar
        self.chosen = ""

    def first(self) -> tuple[Any, str]:
        for info in self.tar:
            if info.isfile() and self._fits(info.name):
                self.chosen = info.name
                return self.tar.extractfile(info), info.name
        raise self._none()

    def refuse_second(self) -> None:
        if not self.member.only:
            return
        with _damage_in_words(self.path):
            for info in self.tar:
                if info.isfile() and info.name != self.chosen and self._fits(info.name):
                    raise self._several(self.chosen, info.name)


class _Zip(_Archive):
    """A zip archive, whose list of members stands at its end."""

    def __init__(self, archive: zipfile.ZipFile, path: Path, member: Member) -> None:
        super().__init__(path, member)
        self.archive = archive

    def first(self) -> tuple[Any, str]:
        files = [info for info in self.archive.infolist() if not info.is_dir()]
        fitting = [info for info in files if self._fits(info.filename)]
        if not fitting:
            # Yelp's zip holds a tar, and that the files.
            fitting = [info for info in files if re.search(r"(?i)\.(?:tar|tgz)\b", info.filename)]
        if "[Content_Types].xml" in self.names:
            raise UnusableFileError(
                f"{self.path} is an Excel or Word file; save the sheet as csv first"
            )
        if not fitting:
            raise self._none()
        if self.member.only and len(fitting) > 1:
            raise self._several(fitting[0].filename, fitting[1].filename)
        if fitting[0].flag_bits & 1:
            raise UnusableFileError(f"{self.path} is locked by a password; unpack it first")
        return self.archive.open(fitting[0]), fitting[0].filename

    def refuse_second(self) -> None:
        """The list of members has told already."""

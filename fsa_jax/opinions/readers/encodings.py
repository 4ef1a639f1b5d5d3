"""Which encoding a file's bytes are in: told by the user, by a byte-order mark, or declared.

Bytes are never replaced: what does not fit is an error that names its line.
"""

import codecs
import re
from collections.abc import Callable

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z][\w.-]*)[\"']")


def check(name: str) -> None:
    """Raises ValueError where Python has no text encoding of this name."""
    try:
        b"\0\0\0\0".decode(name)  # an empty text is decoded without a look at the name
    except (LookupError, UnicodeError):
        raise ValueError(
            f"--encoding is {name!r}, which is none; use utf-8, cp1252, latin-1, utf-16 or the like"
        ) from None


def marked(head: bytes) -> str | None:
    """Returns the encoding that a byte-order mark tells, or ``None`` where there is none."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def decode(content: bytes, told: str | None, say: Callable[[str], None]) -> str:
    """Decodes a whole file; all line ends become newlines.

    Args:
        content: Its bytes.
        told: The encoding as the user told it; ``None`` tells it by a byte-order mark, or by an XML
            declaration, and without either takes UTF-8.
        say: Told in words how the file is read where that is neither UTF-8 nor the user's word.

    Raises:
        ValueError: The bytes are of another encoding; the message begins with the line.
    """
    name, reason = _encoding(content, told)
    try:
        text = content.decode(name)
    except UnicodeError as error:
        raise ValueError(_complaint(content, name, error)) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(
            f"{line}: a NUL character, which no text holds; is it UTF-16 without its mark? "
            "`fsa benchmark convert --encoding utf-16-le` (or -be) writes it as UTF-8"
        )
    if reason:
        say(f"read as {name.removesuffix('-sig')}, {reason}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _encoding(content: bytes, told: str | None) -> tuple[str, str]:
    """Returns the encoding, and in words what tells it where that is worth saying."""
    mark = marked(content)
    if mark is not None:
        plain = mark == "utf-8-sig" and told in (None, "utf-8")
        return mark, "" if plain else "as its byte-order mark tells"
    if told is not None:
        return told, ""
    declared = _DECLARED.match(content[:1024])
    name = declared[1].decode() if declared else "utf-8"
    if declared is None or _same(name, "utf-8") or content.isascii():
        return "utf-8", ""
    if _is_utf8(content):
        # Bytes of another encoding are hardly ever UTF-8 by chance.
        return "utf-8", f"which it is, though its declaration says {name}"
    if not _is_text_encoding(name):
        return "utf-8", ""
    return name, "as its declaration tells"


def _same(first: str, second: str) -> bool:
    return _is_text_encoding(first) and codecs.lookup(first).name == codecs.lookup(second).name


def _is_text_encoding(name: str) -> bool:
    try:
        check(name)
    except ValueError:
        return False
    return True


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _complaint(content: bytes, name: str, error: UnicodeError) -> str:
    if not isinstance(error, UnicodeDecodeError):  # of some codecs, such as utf-16 without a mark
        return f"1: it is not {name} ({error})"
    line = content.count(b"\n", 0, error.start) + 1
    if not name.startswith("utf-8"):
        return f"{line}: it is not {name} ({error.reason} at byte {error.start})"
    return (
        f"{line}: byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8, as "
        "`fsa benchmark convert --encoding cp1252` (or whatever it is in) does"
    )

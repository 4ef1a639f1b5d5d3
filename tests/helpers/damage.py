"""Damages files in many ways, for the fuzz tests of every reader.

What hypothesis draws is the same in every run.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import hypothesis
from hypothesis import strategies as st

ENCODINGS = ["cp1252", "latin-1", "utf-16", "utf-16-be", "utf-8-sig", "shift_jis", "utf-7"]
PACKINGS = ["gz", "bz2", "xz", "tar", "zip"]
VALUES = [
    "NaN",
    "1e999",
    "-1",
    "0",
    "1" + "0" * 400,
    "true",
    "null",
    "[]",
    '{"a": [1]}',
    '"\\ud83d"',
]
PIECES = ['"', '""', "\n", "\r", "\r\n", "\x00", ",", "\t", "{", "}", "[", "\\", "\u2028", "é", "'"]


def pack(content, how):
    made = io.BytesIO()
    if how == "zip":
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("._a.json", b"\0\5\x16\7")
            archive.writestr("x/review.json", content)
            archive.writestr("x/business.json", content)
    elif how == "tar":
        with tarfile.open(fileobj=made, mode="w") as archive:
            info = tarfile.TarInfo("x/review.json")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    else:
        return {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[how](content)
    return made.getvalue()


def change(content, name, place, payload):
    """Returns bytes changed in one way, at a place from 0 to 1."""
    at = round(place * len(content))
    end = min(len(content), at + 1 + payload % 40)
    match name:
        case "cut":
            return content[:at]
        case "flip":
            return (
                content[:at]
                + bytes(b ^ (1 << payload % 8) for b in content[at : at + 1])
                + (content[at + 1 :])
            )
        case "drop":
            return content[:at] + content[end:]
        case "again":
            return content[:end] + content[at:]
        case "insert":
            piece = PIECES[payload % len(PIECES)].encode()
            return content[:at] + piece + content[at:]
        case "value":
            colon = content.find(b": ", at) + 2
            close = content.find(b",", colon)
            value = VALUES[payload % len(VALUES)].encode()
            return content[:colon] + value + content[close:] if 1 < colon < close else content
        case "quotes":
            new = [b"'", b'""', b"", b'\\"', "”".encode()][payload % 5]
            return content.replace(b'"', new, 1 + payload % 20)
        case "ends":
            return content.replace(b"\n", [b"\r\n", b"\r", b"\n\n", b""][payload % 4])
        case "huge":
            return content[:at] + b"very " * 30_000 + content[at:]
        case "shuffle":
            mark = b"\t" if b"\t" in content.split(b"\n", 1)[0] else b","
            rows = [line.split(mark) for line in content.split(b"\n")]
            return b"\n".join(mark.join(row[payload % 3 :] + row[: payload % 3]) for row in rows)
        case "encode":
            text = content.decode("utf-8", "replace")
            return text.encode(ENCODINGS[payload % len(ENCODINGS)], "replace")
        case "pack":
            return pack(content, PACKINGS[payload % len(PACKINGS)])
    raise AssertionError(name)


NAMES = ["cut", "flip", "drop", "again", "insert", "value", "quotes", "ends", "huge", "shuffle"]
NAMES += ["encode", "pack"]
CHANGES = st.lists(
    st.tuples(st.sampled_from(NAMES), st.floats(0, 1), st.integers(0, 400)), max_size=4
)


def settings(examples):
    return hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )


def damaged(content, changes):
    for one in changes:
        content = change(content, *one)
    return content


def in_words(error, *paths):
    """Checks that an error is one line that a command prints, about one of the files."""
    assert not isinstance(error, UnicodeError)
    assert "\n" not in str(error), str(error)
    assert len(str(error)) < 1500
    assert any(str(path) in str(error) for path in paths) or "lines" in str(error), str(error)

"""Files are told by their bytes; what cannot be read is told in one line that names the file."""

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import threading
import zipfile

import pytest
import typer.testing

from fsa_jax.cli.main import fsa
from fsa_jax.runtime import packed
from generation import records
from generation.reviews import from_dumps

TEXT = b"".join(b'{"text": "the food number %d was good", "rating": 4}\n' % n for n in range(4000))


def gzipped(content):
    return gzip.compress(content, mtime=0)  # the bytes are names of tests: the same at any time


def tar_of(*members, mode="w"):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return made.getvalue()


def zip_of(*members):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def read(path, *more):
    with packed.opened(path, *more) as stream:
        return stream.read()


@pytest.mark.parametrize("name", ["reviews", "reviews.jsonl", "reviews.gz", "reviews.tar"])
@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        gzipped(TEXT),
        gzipped(TEXT[:500]) + gzipped(TEXT[500:]),
        bz2.compress(TEXT),
        lzma.compress(TEXT),
        tar_of(("d/._r.jsonl", b"\0\5\x16\7note"), ("d/r.jsonl", TEXT), ("d/read.me", b"hello")),
        gzipped(tar_of(("r.jsonl.gz", gzipped(TEXT)))),
        zip_of(("__MACOSX/._r.csv", b"\0\5\x16\7"), ("r.csv", TEXT), ("terms.pdf", b"%PDF")),
        zip_of(("Yelp JSON/yelp_dataset.tar", tar_of(("r.jsonl", TEXT)))),
    ],
    ids=["plain", "gz", "gz+gz", "bz2", "xz", "tar", "gz in tar.gz", "zip", "tar in zip"],
)
def test_content_is_told_by_bytes_and_not_by_name(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert read(path) == TEXT


DAMAGED = {
    "cut.gz": gzipped(TEXT)[:-400],
    "flipped.gz": flipped(gzipped(TEXT), 3000),
    "checksum.gz": flipped(gzipped(TEXT), -6),
    "tail.gz": gzipped(TEXT) + b"<html>",
    "cut.bz2": bz2.compress(TEXT)[:-40],
    "flipped.bz2": flipped(bz2.compress(TEXT), 6),
    "cut.xz": lzma.compress(TEXT)[:-40],
    "cut.tar": tar_of(("r.jsonl", TEXT))[:20_000],
    "cut.tgz": gzipped(tar_of(("r.jsonl", TEXT)))[:2000],
    "cut.zip": zip_of(("r.jsonl", TEXT))[:2000],
    "flipped.zip": flipped(zip_of(("r.jsonl", TEXT)), 2000),
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("command", ["collect", "generate", "import"])
def test_damage_is_one_line_with_the_file(tmp_path, name, command):
    path = tmp_path / name
    path.write_bytes(DAMAGED[name])
    arguments = {
        "collect": ["reviews", "collect", path, "--source", "table", "--domain", "laptop"],
        "generate": ["generate", "--reviews", path, "--output-dir", tmp_path / "run"],
        "import": ["corpus", "import", path, "--teacher", "x", "--output-dir", tmp_path / "data"],
    }[command]
    if command == "collect":
        arguments += ["--output", tmp_path / "out.jsonl"]
    if command == "generate":  # which reads the collected form
        content = TEXT.replace(b'{"', b'{"review_id": "r", "domain": "laptop", "')
        path.write_bytes(repack(name, content))
    result = typer.testing.CliRunner().invoke(fsa, list(map(str, arguments)))
    assert isinstance(result.exception, packed.UnusableFileError)
    assert str(path) in str(result.exception)
    assert "cut off or damaged" in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "out.jsonl").exists()


def repack(name, content):
    """Returns other content with the same damage."""
    form, kind = name.split(".")
    whole = {
        "gz": gzipped,
        "bz2": bz2.compress,
        "xz": lzma.compress,
        "tar": lambda text: tar_of(("r.jsonl", text)),
        "tgz": lambda text: gzipped(tar_of(("r.jsonl", text))),
        "zip": lambda text: zip_of(("r.jsonl", text)),
    }[kind](content)
    damage = {
        "cut": lambda data: data[: len(data) // 2],
        # Behind its first bytes, bz2 finds damage only when a block of 900 kB is unpacked.
        "flipped": lambda data: flipped(data, 6 if kind == "bz2" else len(data) // 2),
        "checksum": lambda data: flipped(data, -6),
        "tail": lambda data: data + b"<html>",
    }
    return damage[form](whole)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n <!DOCTYPE html><html>Sign in", "a web page"),
        (b"<?xml version='1.0'?><a/>", "an XML or HTML file"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\x28\xb5\x2f\xfd\x04", "packed by zstd"),
        (b"7z\xbc\xaf\x27\x1c\0", "a 7z archive"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a pointer of Git LFS"),
        (b"\0\5\x16\7\0\2", "a note of macOS"),
        ("text,rating\nall was good,4\n".encode("utf-16-le"), "utf-16-le"),
        (bytes(range(256)) * 4, "unknown binary kind"),
        (zip_of(("[Content_Types].xml", b"<a/>"), ("xl/sheet.xml", b"<a/>")), "an Excel or Word"),
        (zip_of(("a.csv", b"x"), ("b.csv", b"x")), "several files of data .*'a.csv' and 'b.csv'"),
        (tar_of(("a.csv", b"x"), ("b.csv", b"x")), "several files of data .*'a.csv' and 'b.csv'"),
        (tar_of(("a.png", b"x"), ("b.md", b"x")), "no file of data .*'a.png', 'b.md'"),
        (gzipped(b"<html><body>gone"), "a web page"),
        (gzipped(zip_of(("a.csv", b"x"))), "holds a zip archive"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, content, words):
    path = tmp_path / "yelp_dataset.tar"
    path.write_bytes(content)
    with pytest.raises(packed.UnusableFileError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_packed_in_itself_without_end(tmp_path):
    content = TEXT
    for _ in range(8):
        content = gzipped(content)
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(packed.UnusableFileError, match="unpack it first"):
        read(tmp_path / "x.gz")


def test_locked_zip(tmp_path):
    content = bytearray(zip_of(("r.csv", TEXT)))
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + offset] |= 1  # the flag of a member that has a password
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(packed.UnusableFileError, match="password"):
        read(tmp_path / "x.zip")


@pytest.mark.parametrize("form", ["mac.tar", "yelp_dataset", "Yelp-JSON.zip", "nested.zip"])
def test_yelp_archives(tmp_path, form):
    note = b"\0\5\x16\7" + b"Mac OS X" * 3
    rows = [
        {"review_id": f"y{n}", "business_id": "b", "stars": 4, "text": f"good food {n}"}
        for n in range(3)
    ]
    business = json.dumps({"business_id": "b", "categories": "Restaurants"}).encode()
    reviews = "".join(json.dumps(row) + "\n" for row in rows).encode()
    members = [
        ("._yelp_academic_dataset_business.json", note),
        ("yelp_academic_dataset_business.json", business),
        ("._yelp_academic_dataset_review.json", note),
        ("yelp_academic_dataset_review.json", reviews),
    ]
    path = tmp_path / form
    path.write_bytes(
        {
            "mac.tar": lambda: tar_of(*members),
            "yelp_dataset": lambda: tar_of(*members, mode="w:gz"),
            "Yelp-JSON.zip": lambda: zip_of(*members),
            "nested.zip": lambda: zip_of(("a.pdf", b"%PDF"), ("y.tar", tar_of(*members))),
        }[form]()
    )
    seen = []
    found = list(
        from_dumps.Source([path], "yelp", path).candidates(lambda *n: seen.append(n), print)
    )
    assert [candidate.review_id for candidate in found] == ["y0", "y1", "y2"]


def test_generate_reads_what_collect_would(tmp_path):
    row = records.Review("r1", "laptop", 4.0, "it is fast", "x").to_json().encode()
    for name, content in {
        "a": gzipped(row),
        "b.gz": row,
        "c.zip": zip_of(("c.jsonl", row)),
    }.items():
        (tmp_path / name).write_bytes(content)
        assert [review.review_id for review in records.read_reviews(tmp_path / name)] == ["r1"]


def test_a_pipe_can_be_read(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(gzipped(TEXT)))
    writer.start()
    assert read(path) == TEXT
    writer.join()


def test_progress_tells_the_packed_bytes_in_order(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    content = "".join(f"the food was good {n**9}\n" for n in range(20_000)).encode()
    path.write_bytes(gzipped(content))
    seen = []
    with packed.opened(path, progress=seen.append) as stream:
        assert stream.read() == content
    assert seen == sorted(seen)
    assert seen[-1] == path.stat().st_size
    assert len(set(seen)) > 3

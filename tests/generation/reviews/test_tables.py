"""Csv and tsv files: quotation marks, encodings, ends of file, columns."""

import csv
import gzip
import io
import json

import pytest

HEADER = "id,rating,title,text\n"
COLUMNS = {"columns": "text=text,rating=rating,id=id,title=title"}


def write(tmp_path, text, name="x.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


def ids(found):
    return [review.review_id for review in found]


def test_unquoted_tsv_keeps_the_marks_of_the_text(tmp_path, collect):
    rows = [
        ("1", "5", "Great", "The keyboard is good."),
        ("2", "4", '"Wow" laptop', "Bright and clear."),
        ("3", "1", '"Broken', "It came without a charger."),
        ("4", "3", '15" screen', 'A 15" one'),
        ("5", "3", "Open at the end", '"I was told that it is new'),
        ("6", "4", "Fine", 'as it says: "fine"'),
    ]
    text = HEADER.replace(",", "\t") + "".join("\t".join(row) + "\n" for row in rows)
    found, report = collect(write(tmp_path, text, "x.tsv"), **COLUMNS)
    assert [(r.review_id, r.text) for r in found] == [(a, f"{c}\n{d}") for a, b, c, d in rows]
    assert report.lines == 6


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_quoted_fields_of_every_kind(tmp_path, collect, separator):
    rows = [
        ("1", "5", 'He said "go"', "two\nlines, and; more | of\tit"),
        ("2", "4", "plain", 'ends with a mark"'),
        ("3", "3", "", '\n"x"\n\n3' + f"{separator}4\n"),
        ("4", "2", "a, b", "5"),
        ("5", "1", "\r\nodd", "last"),
    ]
    made = io.StringIO(newline="")
    writer = csv.writer(made, delimiter=separator)
    writer.writerows([HEADER.strip().split(","), *rows])
    name = "x.tsv" if separator == "\t" else "x.csv"
    found, _ = collect(write(tmp_path, made.getvalue(), name), **COLUMNS)
    assert ids(found) == ["1", "2", "3", "4", "5"]
    assert found[0].text == 'He said "go"\ntwo\nlines, and; more | of it'
    assert found[1].text.endswith('ends with a mark"')


@pytest.mark.parametrize(
    "stray",
    [
        'B,5,"Broken,It came with a broken charger',
        'B,5,"Wow" laptop,It is good',
        'B,5,good,"He said "go" and went"',
        'B,5,good,"cut off',
        "B,5,good",
        "B,5,good,a,b",
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_a_stray_mark_costs_one_csv_row(tmp_path, collect, stray, last):
    good = ['A,4,a,"some, text"', "C,3,c,other text", 'D,2,"15"" d","a\nb"', 'E,1,15",the end']
    lines = [good[0], *good[1:], stray] if last else [good[0], stray, *good[1:]]
    text = HEADER + "\n".join(lines)
    number = 7 if last else 3
    with pytest.raises(ValueError, match=rf"1 of 5 lines are bad.*x\.csv, line {number}: "):
        collect(write(tmp_path, text), **COLUMNS)
    found, report = collect(write(tmp_path, text), max_bad_fraction=0.3, **COLUMNS)
    assert ids(found) == ["A", "C", "D", "E"]
    assert report.dropped == {"bad line": 1}
    assert "line" in report.notes[0]


def test_lines_of_a_text_may_look_like_rows(tmp_path, collect):
    text = (
        'name,text,rating\nA,"Good\nfood, drinks, 4\nand more, so\nI know, well!",3\nB,"x\ny",2\n'
    )
    found, _ = collect(write(tmp_path, text))
    assert [review.text.count("\n") for review in found] == [3, 1]


def test_rows_between_two_stray_marks_are_not_swallowed(tmp_path, collect):
    text = HEADER + 'A,1,"a,x\n' + "".join(f"r{n},{n % 5 + 1},t,y {n}\n" for n in range(9))
    text += 'B,3,15",z\nC,3,c,z\n'
    found, report = collect(write(tmp_path, text), max_bad_fraction=0.3, **COLUMNS)
    assert ids(found) == [*(f"r{n}" for n in range(9)), "B", "C"]
    assert report.dropped == {"bad line": 1}


def test_text_before_the_rating(tmp_path, collect):
    """Here the line that closes a quoted field has as many columns as a row."""
    text = 'text,rating\n"one\ntwo",5\n"three",4\n"open, and never closed,2\nlast one,3\n'
    found, report = collect(write(tmp_path, text), max_bad_fraction=0.3)
    assert [(r.text, r.rating) for r in found] == [("one\ntwo", 5), ("three", 4), ("last one", 3)]
    assert report.dropped == {"bad line": 1}


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", None),
        ("utf-32", None),
        ("cp1252", "cp1252"),
        ("latin-1", "latin-1"),
        ("utf-16-le", "utf-16-le"),
        ("gb18030", "gb18030"),
        ("mac-roman", "mac-roman"),
    ],
)
@pytest.mark.parametrize("form", ["x.csv", "x.tsv.gz", "x.jsonl"])
def test_encodings(tmp_path, collect, encoding, told, form):
    texts = ["café au lait", "crème brûlée\nà la carte"]
    if form == "x.jsonl":
        rows = [{"text": text, "rating": 4} for text in texts]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        separator = "\t" if "tsv" in form else ","
        text = f"text{separator}rating\n" + "".join(f'"{t}"{separator}4\n' for t in texts)
    content = text.encode(encoding)
    path = tmp_path / form
    path.write_bytes(gzip.compress(content) if form.endswith("gz") else content)
    found, report = collect(path, encoding=told)
    assert [review.text for review in found] == texts
    assert bool(report.notes) == (told is None and encoding in ("utf-16", "utf-32"))
    assert all(f"read as {encoding}" in note for note in report.notes)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "mac-roman", "gbk"])
def test_other_bytes_are_never_replaced_silently(tmp_path, collect, encoding):
    lines = [f"row {n} is good,{n % 5 + 1}" for n in range(20)]
    lines[7] = "the café is good,4"
    path = write(tmp_path, "text,rating\n" + "\n".join(lines), encoding=encoding)
    with pytest.raises(ValueError, match=r"x\.csv, line 9: byte 0x.. is not utf-8; .*--encoding"):
        collect(path)
    found, report = collect(path, max_bad_fraction=0.1)
    assert report.dropped == {"bad line": 1}
    assert "byte 0x" in report.notes[0]
    assert not any("\ufffd" in review.text for review in found)
    assert "the café is good" in [r.text for r in collect(path, encoding=encoding)[0]]


def test_columns_that_are_not_asked_for_may_hold_anything(tmp_path, collect):
    content = b"text,rating,author\nall was good,4,Jos\xe9\n"
    assert len(collect(write(tmp_path, content))[0]) == 1


@pytest.mark.parametrize(
    ("content", "flags", "words"),
    [
        (b"text,rating\nx,4\n", {"encoding": "utf-9"}, "--encoding is 'utf-9'"),
        (b"text,rating\nx,4\n", {"encoding": "base64"}, "--encoding is 'base64'"),
        (b"a,rating\nx,4\n", {}, "no column 'text'; its first line has 'a', 'rating'"),
        (b"text,rating,text\nx,4,y\n", {}, "two columns are named 'text'"),
        (b'[{"text": "x", "rating": 4}]', {}, "one JSON list"),
        (b'[\n  {\n "text": "x"}]', {}, "one JSON list"),
        ("text,rating\nx,4\n".encode("utf-16")[:-1], {}, "not utf-16 behind line 1"),
        (b"text,rating\n", {}, "no review of 0 lines"),
    ],
)
def test_refused_in_words(tmp_path, collect, content, flags, words):
    with pytest.raises(ValueError, match=words):
        collect(write(tmp_path, content), **flags)


@pytest.mark.parametrize("form", ["x.csv", "x.jsonl"])
def test_a_file_that_was_cut_off(tmp_path, collect, form):
    if form == "x.csv":
        text = 'text,rating\n"all was good",4\n"the rest is mis'
    else:
        text = '{"text": "all was good", "rating": 4}\n{"text": "the rest is mis'
    found, report = collect(write(tmp_path, text, form), max_bad_fraction=0.5)
    assert [review.text for review in found] == ["all was good"]
    assert report.dropped == {"bad line": 1}


@pytest.mark.parametrize("value", [["a"], {"a": 1}, 7, True])
def test_fields_of_other_types(tmp_path, collect, value):
    good = {"text": "all was good", "rating": 4, "id": 0}
    rows = [good, good | {"text": value, "id": 1}, good | {"id": [value], "text": "other"}]
    rows.append(good | {"rating": [value], "id": 3})
    text = "".join(json.dumps(row) + "\n" for row in rows)
    found, report = collect(
        write(tmp_path, text, "x.jsonl"),
        max_bad_fraction=0.5,
        columns="text=text,rating=rating,id=id",
    )
    assert ids(found) == ["0"]
    assert report.dropped == {"bad line": 2, "no rating": 1}


def test_a_list_behind_the_first_line_is_a_bad_line(tmp_path, collect):
    text = '{"text": "all was good", "rating": 4}\n[{"text": "x"}]\n'
    _, report = collect(write(tmp_path, text, "x.json"), max_bad_fraction=0.5)
    assert report.dropped == {"bad line": 1}

"""Damaged input of every kind ends in results or in one line of error, and adds up.

Files in every form that is read are cut, flipped, re-encoded, re-quoted, shuffled and packed. What
hypothesis draws is the same in every run.
"""

import csv
import io
import json
import tempfile
from pathlib import Path

import damage
import hypothesis
import pytest
from hypothesis import strategies as st

from generation import ledger, prompting, records, run
from generation.corpus import released
from generation.reviews import cleaning, collecting, from_dumps, stars, tables

TEXTS = [
    "The café was full, and we waited; still we liked the “soup”.",
    'A 15" screen for this price is "fine", they said,\nand it is.',
    "We had cake | tea\tand more. &lt;br /&gt; Good!",
    "Battery lasts — 10 hours 😍",
    "It was cold: 2 of 5",
]


def as_csv(separator, **form):
    made = io.StringIO(newline="")
    writer = csv.writer(made, delimiter=separator, **form)
    writer.writerow(["id", "rating", "title", "text"])
    for number, text in enumerate(TEXTS * 2):
        writer.writerow([f"r{number}", number % 5 + 1, text[:9], f"{text} {number}"])
    return made.getvalue()


def as_json(*rows):
    return "".join(json.dumps(row, ensure_ascii=bool(n % 2)) + "\n" for n, row in enumerate(rows))


def each(make):
    return as_json(*(make(n, f"{text} {n}") for n, text in enumerate(TEXTS * 2)))


TSV = "id\trating\ttitle\ttext\n" + "".join(
    f"r{n}\t{n % 5 + 1}\t{t[:9]}\t{' '.join(t.split())} {n}\n" for n, t in enumerate(TEXTS * 2)
)
ROW = records.LedgerRow(
    *("a" * 64, "r1", "laptop", 4.0, TEXTS[0], "anl", "t", "m", "r", "ok", "", 1),
    *("an answer", "stop", {"prompt_tokens": 3}, "2026-01-01T00:00:00+00:00"),
)
FILES = {
    "csv": as_csv(","),
    "semicolons": as_csv(";", quoting=csv.QUOTE_ALL),
    "tsv": as_csv("\t"),
    "plain tsv": TSV,
    "json": each(lambda n, t: {"id": n, "rating": n % 5 + 1, "title": t[:9], "text": t}),
    "yelp": each(lambda n, t: {"review_id": f"y{n}", "business_id": "b", "stars": 4, "text": t}),
    "amazon 2018": each(lambda n, t: {"asin": "b", "overall": 4.0, "reviewText": t, "n": n}),
    "amazon 2023": each(lambda n, t: {"parent_asin": "b", "rating": 4.0, "text": t, "n": n}),
    "business": as_json({"business_id": "b", "categories": "Restaurants, Bars"}) * 3,
    "product": as_json({"asin": "b", "category": ["A", "Laptops"], "title": "x"}) * 3,
    "reviews": each(
        lambda n, t: json.loads(records.Review(f"r{n}", "laptop", 4, t, "x").to_json())
    ),
    "released": each(lambda n, t: {"ID": n, "Text": t, "Overall": 4.0, "mixtral_response": t}),
    "ledger": (ROW.to_json() + "\n") * 5,
}
SUFFIXES = st.sampled_from(["", ".csv", ".tsv", ".json", ".jsonl.gz", ".tar", ".zip"])
FEW = damage.settings(400)


def changed(form, changes):
    return damage.damaged(FILES[form].encode(), changes)


def collect(folder, path, source, **flags):
    """Collects, and returns the report, or None where an error told why not."""
    output = folder / "out.jsonl"
    limits = cleaning.Limits(min_words=1, english=False)
    chosen = from_dumps.Source([path], source, **flags)
    others = [other for other in (chosen.businesses, chosen.products) if other]
    try:
        report = from_dumps.collect(chosen, output, limits, collecting.Sampling(), 1.0)
    except (ValueError, OSError) as error:
        damage.in_words(error, path, *others)
        assert not output.exists()
        return None
    assert report.lines == report.written + report.dropped.total()
    found = list(records.read_reviews(output))
    assert len(found) == report.written == len({review.review_id for review in found})
    return report


@FEW
@hypothesis.given(
    form=st.sampled_from(["csv", "semicolons", "tsv", "plain tsv", "json"]),
    changes=damage.CHANGES,
    suffix=SUFFIXES,
    encoding=st.sampled_from([None, None, "utf-8", "cp1252", "utf-16", "shift_jis"]),
    lowest=st.sampled_from([None, None, 0, 1]),
)
def test_tables(form, changes, suffix, encoding, lowest):
    content = changed(form, changes)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "x" + suffix)
        path.write_bytes(content)
        columns = "text=text,rating=rating,title=title,id=id"
        flags = {"domain": "laptop", "columns": columns, "encoding": encoding}
        report = collect(Path(name), path, "table", lowest_rating=lowest, **flags)
        if report and not changes and encoding in (None, "utf-8"):
            assert report.written == 10
        packed = any(change[0] in ("pack", "encode") for change in changes)
        if report and form == "json" and not packed and encoding is None:
            assert report.lines == sum(bool(line.strip()) for line in content.split(b"\n"))


@FEW
@hypothesis.given(
    form=st.sampled_from(["yelp", "amazon 2018", "amazon 2023"]),
    changes=damage.CHANGES,
    other=damage.CHANGES,
    suffix=SUFFIXES,
)
def test_dumps(form, changes, other, suffix):
    source, subject = ("yelp", "business") if form == "yelp" else ("amazon", "product")
    with tempfile.TemporaryDirectory() as name:
        path, about = Path(name, "review" + suffix), Path(name, "meta" + suffix)
        path.write_bytes(changed(form, changes))
        about.write_bytes(changed(subject, other))
        flags = {"businesses" if source == "yelp" else "products": about}
        report = collect(Path(name), path, source, **flags)
        if report and not changes and not other:
            assert report.written == 10


@FEW
@hypothesis.given(changes=damage.CHANGES, suffix=SUFFIXES)
def test_generation(changes, suffix):
    prompts = tuple(prompting.load_all("anl"))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "x" + suffix)
        path.write_bytes(changed("reviews", changes))
        try:
            progress = run.Progress()
            run.survey(run.Options(path, Path(name, "run"), prompts), progress)
        except (ValueError, OSError) as error:
            damage.in_words(error, path)
        else:
            assert 0 < progress.total == progress.reviews


@FEW
@hypothesis.given(changes=damage.CHANGES, suffix=SUFFIXES)
def test_import_and_ledgers(changes, suffix):
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "x" + suffix)
        path.write_bytes(changed("released", changes))
        reader = released.ReleasedCorpus([path], "t", "auto", "auto", io.BytesIO())
        try:
            found = list(reader.examples())
        except (ValueError, OSError) as error:
            damage.in_words(error, path)
        else:
            counts = reader.counts
            assert counts.lines == counts.told + counts.untold + counts.bad
            assert counts.told == len(found)
        path.write_bytes(changed("ledger", changes))
        for read in (ledger.rows, ledger.statuses):
            try:
                list(read(path))
            except (ValueError, OSError) as error:
                damage.in_words(error, path)


@FEW
@hypothesis.given(
    rows=st.lists(
        st.tuples(*[st.text("ab \"'\n\r,;|\\é{", max_size=12)] * 2), min_size=1, max_size=6
    ),
    separator=st.sampled_from(",;|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_is_quoted_well_is_read_as_written(rows, separator, quoting):
    made = io.StringIO(newline="")
    writer = csv.writer(made, delimiter=separator, quoting=quoting)
    writer.writerow(["one", "mark", "two"])
    writer.writerows([(one, 3, two) for one, two in rows])
    layout = tables.Layout(("one", "two", "mark"), "mark", lambda v: stars.number(v) is not None)
    stream = io.BufferedReader(io.BytesIO(made.getvalue().encode()))
    found = list(tables.read(stream, Path("x.csv"), layout, pytest.fail))
    assert not any(isinstance(row, tables.Fault) for row in found)
    assert [(row["one"].lstrip(" "), row["two"].lstrip(" ")) for _, row in found] == [
        (one.lstrip(" "), two.lstrip(" ")) for one, two in rows
    ]

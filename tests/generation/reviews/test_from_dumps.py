"""The dumps as they are published, read by name; what is missing is told first."""

import csv
import gzip
import json
import tarfile

import numpy as np
import pytest

from generation.reviews import cleaning, from_dumps

WORDS = [
    "the",
    "food",
    "was",
    "good",
    "and",
    "we",
    "liked",
    "the",
    "table",
    "by",
    "the",
    "window",
    "very",
    "much",
    "indeed",
]


def dump(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def yelp_rows(count):
    businesses = [
        {"business_id": "r", "name": "a", "categories": "Bars, Restaurants"},
        {"business_id": "d", "name": "b", "categories": "Dentists"},
        {"business_id": "n", "name": "c", "categories": None},
    ]
    reviews = [
        {
            "review_id": f"y{number}",
            "business_id": "rrrdnu"[number % 6],
            "stars": float(number % 5 + 1),
            "text": f"Visit {number}: {' '.join(np.roll(WORDS, number))}.",
        }
        for number in range(count)
    ]
    return businesses, reviews


@pytest.mark.parametrize("form", ["plain", "gz", "tar", "tar.gz"])
def test_yelp_in_every_published_form(tmp_path, collect, form):
    businesses, reviews = yelp_rows(60)
    parts = {"review.json": dump(reviews), "business.json": dump(businesses)}
    paths = {}
    for name, content in parts.items():
        paths[name] = tmp_path / f"yelp_academic_dataset_{name}"
        if form == "gz":
            paths[name] = paths[name].with_suffix(".json.gz")
            content = gzip.compress(content)
        paths[name].write_bytes(content)
    if form.startswith("tar"):
        archive = tmp_path / f"yelp_dataset.{form}"
        with tarfile.open(archive, "w:gz" if form == "tar.gz" else "w") as tar:
            for name in ("business.json", "review.json"):
                tar.add(paths[name], f"yelp/yelp_academic_dataset_{name}")
        paths = dict.fromkeys(paths, archive)
    found, report = collect(paths["review.json"], source="yelp", businesses=paths["business.json"])
    assert [review.review_id for review in found] == [f"y{n}" for n in range(60) if n % 6 < 3]
    assert {review.domain for review in found} == {"restaurant"}
    assert report.dropped == {"other category": 20, "unknown business": 10}
    assert report.lines == report.written + report.dropped.total() == 60


def test_amazon_takes_laptops_by_category(tmp_path, collect):
    products = [
        {"asin": "L", "category": ["Electronics", "Computers & Tablets", "Laptops"]},
        {"asin": "P", "category": ["Electronics", "Laptop Accessories"]},
    ]
    text = "this laptop is light and the screen is really very bright"
    reviews = [
        {"asin": "LPL"[n % 3], "overall": 4.0, "reviewText": f"{text} {n}", "unixReviewTime": n}
        for n in range(9)
    ]
    (tmp_path / "meta.json.gz").write_bytes(gzip.compress(dump(products)))
    (tmp_path / "reviews.json").write_bytes(dump(reviews))
    found, report = collect(
        tmp_path / "reviews.json", source="amazon", products=tmp_path / "meta.json.gz"
    )
    assert len(found) == len({review.review_id for review in found}) == 6
    assert {review.domain for review in found} == {"laptop"}
    assert report.dropped == {"other category": 3}


def test_table_with_columns_blank_ratings_and_long_fields(tmp_path, collect):
    path = tmp_path / "some.csv"
    long = "the food was good and the place was nice " * 20_000
    rows = [
        ("it", "r1", "great place", "we loved the food and the people in this place", "5"),
        ("it", "r2", "no", "we loved the food and the people in that place", "Like"),
        ("it", "r3", "no", "we loved the food and the people in every place", ""),
        ("it", "r4", "no", long, "4.5"),
        ("it", "r5", "bad\0bytes", "the food was cold and the people\0 were rude", "1.5"),
    ]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["name", "key", "head", "body", "grade"])
        writer.writerows(rows)
    columns = "text=body,rating=grade,id=key,title=head"
    found, report = collect(path, columns=columns, limits=cleaning.Limits())
    assert [(review.review_id, review.rating) for review in found] == [("r1", 5.0), ("r5", 1.5)]
    assert found[0].text == "great place\nwe loved the food and the people in this place"
    assert found[1].text == "badbytes\nthe food was cold and the people were rude"
    assert report.dropped == {"no rating": 2, "too long": 1}


def test_bad_lines_are_counted_and_limited(tmp_path, collect):
    path = tmp_path / "x.jsonl"
    good = json.dumps({"text": "the food was good and we liked it", "rating": 3})
    path.write_text(f"{good}\n{good[:20]}\n[1]\n")
    with pytest.raises(ValueError, match=r"2 of 3 lines are bad.*line 2: not JSON"):
        collect(path, domain="laptop")
    assert [item.name for item in tmp_path.iterdir()] == ["x.jsonl"]
    found, report = collect(path, domain="laptop", max_bad_fraction=0.7)
    assert len(found) == 1
    assert report.dropped == {"bad line": 2}


def test_cut_off_archive(tmp_path, collect):
    path = tmp_path / "x.jsonl.gz"
    rows = [{"text": f"the food was good {n}", "rating": 3} for n in range(2000)]
    path.write_bytes(gzip.compress(dump(rows))[:-200])
    with pytest.raises(ValueError, match="cut off or damaged"):
        collect(path, domain="laptop")


def test_real_dumps(real_data, collect):
    folder = real_data / "reviews"
    found, report = collect(
        folder / "yelp/yelp_academic_dataset_review.json",
        source="yelp",
        businesses=folder / "yelp/yelp_academic_dataset_business.json",
    )
    assert report.before.total() == 467
    assert len(found) + report.dropped["exact duplicate"] == 467
    found, report = collect(
        folder / "restaurant/restaurant_reviews.csv",
        domain="restaurant",
        columns="text=review,rating=rating",
        limits=cleaning.Limits(),
    )
    assert report.lines == 5000 == len(found) + report.dropped.total()


SOURCE = {"source": "table", "domain": "laptop"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "mail"}, "--source is 'mail'; use yelp, amazon or table"),
        ({"source": "yelp"}, "--source yelp needs --businesses"),
        ({"source": "amazon"}, "--source amazon needs --products"),
        ({"domain": None}, "--source table needs --domain restaurant or laptop"),
        ({"domain": "hotel"}, "--source table needs --domain"),
        ({"encoding": "no-such"}, "no-such"),
        ({"source": "yelp", "businesses": "x", "encoding": "cp1252"}, "go with --source table"),
        ({"source": "yelp", "businesses": "x", "lowest_rating": 0}, "go with --source table"),
        ({"paths": ["x", "x"]}, "x is named twice"),
        ({"paths": ["x", "gone"]}, "gone does not exist"),
        ({"source": "yelp", "businesses": "gone"}, "gone does not exist"),
    ],
)
def test_flags_that_do_not_go_together_are_refused_before_anything_is_read(tmp_path, change, words):
    (tmp_path / "x").write_text("{}\n")
    flags = {"paths": ["x"]} | SOURCE | change
    flags["paths"] = [tmp_path / name for name in flags["paths"]]
    if "businesses" in flags:
        flags["businesses"] = tmp_path / flags["businesses"]
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        from_dumps.Source(**flags).check()


def test_columns_are_read_from_pairs():
    assert from_dumps.parse_columns(" text = a b,rating=c=d") == {"text": "a b", "rating": "c=d"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "use text=NAME"),
        ("text=a", "it must name text and rating"),
        ("text=a,rating=", "use text=NAME"),
        ("text=a,rating=b,stars=c", "use text=NAME"),
        ("text=a,rating=b,text=c", "it names one twice"),
    ],
)
def test_columns_that_are_none_are_refused(text, words):
    with pytest.raises(ValueError, match=words) as caught:
        from_dumps.parse_columns(text)
    assert f"--columns is {text!r}" in str(caught.value)


def test_tokens_are_counted_where_they_are_limited(vocabulary_file):
    assert from_dumps.counter(None, vocabulary_file) is None
    assert from_dumps.counter(9, vocabulary_file)("the wine") > 1
    with pytest.raises(ValueError, match="--max-tokens needs --tokenizer"):
        from_dumps.counter(9, None)


def test_progress_adds_up_over_files(tmp_path):
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path in paths:
        path.write_bytes(dump([{"text": f"it is fast {n}", "rating": 3} for n in range(5000)]))
    seen = []
    source = from_dumps.Source(paths, **SOURCE)
    found = list(source.candidates(lambda done, total: seen.append((done, total)), print))
    assert len(found) == 10_000
    assert seen == sorted(seen)
    whole = sum(path.stat().st_size for path in paths)
    assert seen[-1] == (whole, whole)

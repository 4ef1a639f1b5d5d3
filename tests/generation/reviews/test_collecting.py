"""Collecting reviews from dumps: the published forms, the filters, the sampling, and bad input."""

import collections
import csv
import gzip
import json
import tarfile

import numpy as np
import pytest
import typer.testing

from fsa_jax.runtime import packed
from generation import commands, records
from generation.reviews import cleaning, collecting, from_dumps

CLI = typer.testing.CliRunner()
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


def dump(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def collect(tmp_path, source, limits=None, sampling=None, **more):
    output = tmp_path / "out.jsonl"
    report = from_dumps.collect(
        source,
        output,
        limits or cleaning.Limits(),
        sampling or collecting.Sampling(),
        **{"max_bad_fraction": 0.01} | more,
    )
    return list(records.read_reviews(output)), report


@pytest.mark.parametrize("form", ["plain", "gz", "tar", "tar.gz"])
def test_yelp_in_every_published_form(tmp_path, form):
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
    source = from_dumps.Source([paths["review.json"]], "yelp", paths["business.json"])
    found, report = collect(tmp_path, source)
    assert [review.review_id for review in found] == [f"y{n}" for n in range(60) if n % 6 < 3]
    assert {review.domain for review in found} == {"restaurant"}
    assert report.dropped == {"other category": 20, "unknown business": 10}
    assert report.lines == report.written + report.dropped.total() == 60


def test_amazon_takes_laptops_by_category(tmp_path):
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
    source = from_dumps.Source(
        [tmp_path / "reviews.json"], "amazon", products=tmp_path / "meta.json.gz"
    )
    found, report = collect(tmp_path, source)
    assert len(found) == len({review.review_id for review in found}) == 6
    assert {review.domain for review in found} == {"laptop"}
    assert report.dropped == {"other category": 3}


def test_table_with_columns_blank_ratings_and_long_fields(tmp_path):
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
    source = from_dumps.Source([path], "table", domain="restaurant", columns=columns)
    found, report = collect(tmp_path, source)
    assert [(review.review_id, review.rating) for review in found] == [("r1", 5.0), ("r5", 1.5)]
    assert found[0].text == "great place\nwe loved the food and the people in this place"
    assert found[1].text == "badbytes\nthe food was cold and the people were rude"
    assert report.dropped == {"no rating": 2, "too long": 1}


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("good<br />food &amp; <b>wine</b>", "good\nfood & wine"),
        ("a < b and b > c", "a < b and b > c"),
        ("tab\tand\x00nul\x07bell", "tab andnulbell"),
        ("one\r\ntwo\u2028three\n\n\n\nfour", "one\ntwo\nthree\n\nfour"),
        (
            "family \U0001f468\u200d\U0001f469\u200d\U0001f467 \ud83d",
            "family \U0001f468\u200d\U0001f469\u200d\U0001f467 \ufffd",
        ),
        ('we ate \\""well\\"" here.\\n\\nThen', 'we ate "well" here.\n\nThen'),
        (r"it is in C:\new and \n", r"it is in C:\new and \n"),
        ("own lines\nand a \\n", "own lines\nand a \\n"),
        ("&lt;script&gt; stays text", "<script> stays text"),
        ("press &lt;Enter&gt; if 3 &lt; 4", "press <Enter> if 3 < 4"),
        ("good.&lt;br /&gt;&lt;br /&gt;Not so", "good.\n\nNot so"),
        ("&lt;p class=&quot;x&quot;&gt;it is&lt;/p&gt; &lt;b&gt;big&lt;/b&gt;", "it is\n big"),
        ("&amp;amp;lt;br&amp;amp;gt;deep &amp;quot;escapes&amp;quot;", 'deep "escapes"'),
        ("AT&amp;T, R&D, this&amount and &nosuch;", "AT&T, R&D, this&amount and &nosuch;"),
        ("<!-- none -->it&#39;s &#x201C;fine&#x201D;", "it's “fine”"),
        (
            "[[VIDEOID:1a2b3c]] see [[ASIN:B00ABCDEFG Red Case (new)]] [[1]]",
            "see Red Case (new) [[1]]",
        ),
    ],
)
def test_clean(raw, cleaned):
    assert cleaning.clean(raw) == cleaned


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("too few words", "too short"),
        (
            "La comida estaba muy rica y el servicio fue excelente con todos nosotros",
            "other language",
        ),
        (
            "Das Essen war sehr gut und die Bedienung freundlich, wir kommen gerne wieder",
            "other language",
        ),
        ("great food great price great staff great everything", ""),
        ("word " * 500, "too long"),
    ],
)
def test_filters(text, reason):
    assert cleaning.reject(cleaning.clean(text), cleaning.Limits()) == reason


def test_duplicates_near_and_exact(tmp_path):
    base = " ".join(f"word{n}" for n in range(60))
    texts = [base, base.upper(), base + " more", "the food was good and we liked it here", base]
    rows = [{"text": text, "rating": 3} for text in texts]
    path = tmp_path / "x.jsonl"
    path.write_bytes(dump(rows))
    source = from_dumps.Source([path], "table", domain="laptop")
    limits = cleaning.Limits(english=False)
    found, report = collect(tmp_path, source, limits, collecting.Sampling(near_duplicates=0.7))
    assert [review.text for review in found] == [texts[0], texts[3]]
    assert report.dropped == {"exact duplicate": 2, "near duplicate": 1}


def test_weights_are_on_natural_proportions(tmp_path):
    """A weighted draw without replacement has the shares of a slow one of the same weights."""
    rng = np.random.default_rng(0)
    stars = rng.choice([1, 2, 3, 4, 5], 4000, p=[0.15, 0.1, 0.1, 0.25, 0.4])
    rows = [
        {"text": f"the food of number {n} was very good", "rating": int(s)}
        for n, s in enumerate(stars)
    ]
    path = tmp_path / "x.jsonl"
    path.write_bytes(dump(rows))
    source = from_dumps.Source([path], "table", domain="restaurant")
    weights = collecting.scheme_weights("R12421")
    sampling = collecting.Sampling(1000, weights, seed=1)
    found, report = collect(tmp_path, source, sampling=sampling)
    assert len(found) == 1000
    probabilities = np.array(weights)[stars - 1]
    slow = rng.choice(4000, 1000, replace=False, p=probabilities / probabilities.sum())
    expected = collections.Counter(int(star) for star in stars[slow])
    for star in range(1, 6):
        assert abs(report.after[star] - expected[star]) < 60
    assert report.before == collections.Counter(int(star) for star in stars)
    again, _ = collect(tmp_path, source, sampling=sampling)
    assert again == found
    other, _ = collect(tmp_path, source, sampling=collecting.Sampling(1000, weights, seed=2))
    assert other != found
    only, report = collect(
        tmp_path, source, sampling=collecting.Sampling(None, collecting.scheme_weights("R00100"))
    )
    assert {review.rating for review in only} == {3.0}
    assert len(only) == report.before[3]


def test_bad_lines_are_counted_and_limited(tmp_path):
    path = tmp_path / "x.jsonl"
    good = json.dumps({"text": "the food was good and we liked it", "rating": 3})
    path.write_text(f"{good}\n{good[:20]}\n[1]\n")
    source = from_dumps.Source([path], "table", domain="laptop")
    with pytest.raises(ValueError, match=r"2 of 3 lines are bad.*line 2: not JSON"):
        collect(tmp_path, source)
    assert not (tmp_path / "out.jsonl").exists()
    assert [item.name for item in tmp_path.iterdir()] == ["x.jsonl"]
    found, report = collect(tmp_path, source, max_bad_fraction=0.7)
    assert len(found) == 1
    assert report.dropped == {"bad line": 2}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"source": "yelp"}, "needs --businesses"),
        ({"source": "yelp", "businesses": "gone.json"}, "gone.json does not exist"),
        ({"source": "yelp", "businesses": "x.jsonl"}, "no line has a field 'business_id'"),
        ({"source": "amazon"}, "needs --products"),
        ({"source": "table"}, "needs --domain"),
        ({"source": "mail"}, "use yelp, amazon or table"),
        ({"source": "table", "domain": "laptop", "columns": "body=x"}, "--columns is"),
    ],
)
def test_bad_source(tmp_path, monkeypatch, more, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.jsonl").write_text('{"text": "a b c d e f", "rating": 3}\n')
    command = ["collect", "x.jsonl", "--output", "out.jsonl"]
    for name, value in more.items():
        command += [f"--{name}", value]
    result = CLI.invoke(commands.reviews, command)
    assert words in str(result.exception)
    assert isinstance(result.exception, (ValueError, OSError))
    assert not (tmp_path / "out.jsonl").exists()


def test_cut_off_archive(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    rows = [{"text": f"the food was good {n}", "rating": 3} for n in range(2000)]
    path.write_bytes(gzip.compress(dump(rows))[:-200])
    source = from_dumps.Source([path], "table", domain="laptop")
    with pytest.raises(ValueError, match="cut off or damaged"):
        collect(tmp_path, source)


def test_scheme_must_be_known():
    assert collecting.scheme_weights("1,0.5,4,2,1") == (1, 0.5, 4, 2, 1)
    assert collecting.scheme_weights("R11311") == (1, 1, 3, 1, 1)
    for text in ("R123", "1,2", "a,b,c,d,e", "0,0,0,0,0", "1,1,1,1,-1", "1,1,1,1,inf"):
        with pytest.raises(ValueError, match="--scheme"):
            collecting.scheme_weights(text)


def test_real_dumps(real_data, tmp_path):
    folder = real_data / "reviews"
    source = from_dumps.Source(
        [folder / "yelp/yelp_academic_dataset_review.json"],
        "yelp",
        folder / "yelp/yelp_academic_dataset_business.json",
    )
    found, report = collect(tmp_path, source, cleaning.Limits(1, 10_000, english=False))
    assert report.before.total() == 467
    assert len(found) + report.dropped["exact duplicate"] == 467
    source = from_dumps.Source(
        [folder / "restaurant/restaurant_reviews.csv"],
        "table",
        domain="restaurant",
        columns="text=review,rating=rating",
    )
    found, report = collect(tmp_path, source)
    assert report.lines == 5000 == len(found) + report.dropped.total()


def test_progress_tells_the_packed_bytes_in_order(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    rows = [{"text": f"the food was good {n**9}", "rating": 3} for n in range(20_000)]
    path.write_bytes(gzip.compress(dump(rows)))
    seen = []
    with packed.opened(path, progress=seen.append) as stream:
        assert stream.read() == dump(rows)
    assert seen == sorted(seen)
    assert seen[-1] == path.stat().st_size
    assert len(set(seen)) > 3

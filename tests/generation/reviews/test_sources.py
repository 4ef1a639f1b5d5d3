"""Amazon's dumps of 2018 and 2023, in small."""

import gzip
import json

import pytest

from fsa_jax.runtime import packed

# As Ni et al. wrote them: variants have an `asin`, names of categories are escaped.
META_2018 = [
    {
        "asin": "B0LAPTOP01",
        "category": ["Electronics", "Computers &amp; Tablets", "Laptops", "2 in 1 Laptops"],
        "title": "A &quot;fast&quot; one",
        "main_cat": "<img src='logo.png' alt='Amazon Home'>",
    },
    {"asin": "B0SLEEVE01", "category": ["Electronics", "Laptop Accessories", "Bags, Cases"]},
    {"asin": "B0NOTHING1", "category": [], "main_cat": "Computers"},
]
REVIEWS_2018 = [
    {
        "overall": 4.0,
        "verified": True,
        "reviewTime": "05 1, 2016",
        "reviewerID": reviewer,
        "asin": asin,
        "reviewText": f"It is fast &amp; light, says {reviewer}.",
        "summary": "Good",
        "unixReviewTime": 1462060800,
    }
    for reviewer, asin in [("A1", "B0LAPTOP01"), ("A2", "B0SLEEVE01"), ("A3", "B0NOTHING1")]
]
# As the McAuley lab wrote them: variants share a `parent_asin`, on which both files are joined.
META_2023 = [
    {
        "main_category": "Computers",
        "title": "A laptop",
        "categories": ["Electronics", "Computers &amp; Accessories", "Laptops"],
        "parent_asin": "B0PARENT01",
        "details": {"Brand": "None"},
    },
    {"main_category": "All Electronics", "categories": ["Bags"], "parent_asin": "B0SLEEVE02"},
    {"main_category": "Computers", "categories": [], "parent_asin": "B0NOTHING2"},
]
REVIEWS_2023 = [
    {
        "rating": 2.0,
        "title": "Loud",
        "text": f"The fan is loud.<br />It&#39;s slow, says {user}.",
        "images": [],
        "asin": "B0VARIANT1",
        "parent_asin": parent,
        "user_id": user,
        "timestamp": 1588687728923,
        "verified_purchase": True,
    }
    for user, parent in [("U1", "B0PARENT01"), ("U2", "B0SLEEVE02"), ("U3", "B0PARENT01")]
]
# Variants that are named in the metadata only by what they share.
UNKNOWN = {"rating": 5.0, "text": "No product of this.", "parent_asin": "B0UNKNOWN1"}


@pytest.fixture
def write(tmp_path):
    def run(name, rows):
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return run


def test_the_dump_of_2018(write, collect):
    reviews = write("Electronics_5.json.gz", REVIEWS_2018)
    meta = write("meta_Electronics.json.gz", META_2018)
    found, report = collect(reviews, source="amazon", products=meta)
    assert [(r.domain, r.rating, r.text) for r in found] == [
        ("laptop", 4.0, "It is fast & light, says A1.")
    ]
    assert report.dropped == {"other category": 2}


def test_the_dump_of_2023(write, collect):
    reviews = write("Electronics.jsonl", [*REVIEWS_2023, UNKNOWN])
    meta = write("meta_Electronics.jsonl", META_2023)
    found, report = collect(reviews, source="amazon", products=meta)
    assert [(r.rating, r.text) for r in found] == [
        (2.0, "The fan is loud.\nIt's slow, says U1."),
        (2.0, "The fan is loud.\nIt's slow, says U3."),
    ]
    assert len({review.review_id for review in found}) == 2
    assert report.dropped == {"other category": 1, "unknown product": 1}


@pytest.mark.parametrize("category", ["Computers &amp; Tablets", "computers & tablets"])
def test_names_of_categories_may_be_escaped(write, collect, category):
    reviews, meta = write("r.json", REVIEWS_2018), write("meta.json", META_2018)
    assert len(collect(reviews, source="amazon", products=meta, category=category)[0]) == 1


@pytest.mark.parametrize(
    ("metadata", "category", "count"),
    [
        (META_2023, "Computers", 2),
        (META_2023, "Laptop", 0),
        ([{"asin": "B0PARENT01", "categories": [["Electronics"], ["A", "Laptops"]]}], "Laptops", 2),
        ([{"parent_asin": "B0PARENT01", "categories": None, "category": "Laptops"}], "laptops", 2),
    ],
)
def test_where_a_category_may_stand(write, collect, metadata, category, count):
    reviews, meta = write("r.json", REVIEWS_2023), write("meta.json", metadata)
    if not count:
        with pytest.raises(ValueError, match="has the category 'Laptop' in its field 'category'"):
            collect(reviews, source="amazon", products=meta, category=category)
        return
    found, _ = collect(reviews, source="amazon", products=meta, category=category)
    assert len(found) == count


def test_the_dump_of_2014_is_no_json(tmp_path, write, collect):
    meta = tmp_path / "meta.json"
    meta.write_text("{'asin': 'B0PARENT01', 'categories': [['Laptops']]}\n")
    with pytest.raises(ValueError, match=r"no line has a field 'parent_asin' or 'asin'.*not JSON"):
        collect(write("r.json", REVIEWS_2023), source="amazon", products=meta)


def test_bad_lines_of_the_metadata_are_told(tmp_path, write, collect):
    meta = write("meta.json", META_2023)
    meta.write_text(meta.read_text() + '{"parent_asin": "B0')
    _, report = collect(write("r.json", REVIEWS_2023), source="amazon", products=meta)
    assert "meta.json: 1 of 4 lines are bad" in report.notes[0]


def test_a_page_in_place_of_the_metadata(tmp_path, write, collect):
    meta = tmp_path / "meta.json.gz"
    meta.write_text("<!doctype html><title>404</title>")
    with pytest.raises(packed.UnusableFileError, match=r"meta\.json\.gz is a web page"):
        collect(write("r.json", REVIEWS_2023), source="amazon", products=meta)

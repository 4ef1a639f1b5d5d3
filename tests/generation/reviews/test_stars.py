"""Ratings that are no stars are recognised or refused, never shifted."""

import json

import pytest

from generation.reviews import stars


def write(tmp_path, values, column="rating", name="x.jsonl"):
    path = tmp_path / name
    rows = [{"text": f"it is good {n}", column: value} for n, value in enumerate(values)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def columns(name):
    return {"columns": f"text=text,rating={name}"}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("4", 4),
        (4.5, 4.5),
        (" 4.5 ", 4.5),
        ("4.0 out of 5 stars", 4),
        ("1 star", 1),
        ("3/5", 3),
        ("4,5", None),
        ("7 of 10", None),
        ("Like", None),
        ("", None),
        (None, None),
        (True, None),
        ([4], None),
        (float("nan"), None),
        (10**400, None),
    ],
)
def test_number(value, found):
    assert stars.number(value) == found


@pytest.mark.parametrize(
    "values", [[0, 1, 2, 3, 4], [0.0, 4.0], ["0", "1"], [0.2, 0.9, 1.0], [3, 2, 0]]
)
def test_labels_from_zero_are_refused_until_told(tmp_path, collect, values):
    path = write(tmp_path, values)
    with pytest.raises(ValueError, match=r"x\.jsonl: column 'rating' runs from 0.*--lowest-rating"):
        collect(path)


@pytest.mark.parametrize("column", ["label", "labels", "Class"])
def test_a_column_of_labels_must_show_its_scale(tmp_path, collect, column):
    with pytest.raises(ValueError, match="may be labels or stars"):
        collect(write(tmp_path, [1, 2, 3, 4], column), **columns(column))
    found, _ = collect(write(tmp_path, [1, 5, 3], column), **columns(column))
    assert [review.rating for review in found] == [1, 5, 3]


def test_labels_that_are_told(tmp_path, collect):
    path = write(tmp_path, [0, 1, 2, 3, 4], "label")
    found, _ = collect(path, lowest_rating=0, **columns("label"))
    assert [review.rating for review in found] == [1, 2, 3, 4, 5]
    found, report = collect(path, lowest_rating=1, **columns("label"))
    assert [review.rating for review in found] == [1, 2, 3, 4]
    assert report.dropped == {"no rating": 1}
    with pytest.raises(ValueError, match="more than labels have"):
        collect(write(tmp_path, [0, 5]), lowest_rating=0)


@pytest.mark.parametrize("values", [[1, 3, 2], [5, 0, 0, 3], [4.5, 1], ["Like", "5", "2"]])
def test_stars_stay(tmp_path, collect, values):
    found, report = collect(write(tmp_path, values))
    kept = [float(value) for value in values if value not in (0, "Like")]
    assert [review.rating for review in found] == kept
    assert report.dropped.total() == len(values) - len(kept)


@pytest.mark.parametrize("values", [[1, 10, 5], ["90", "40"], [6, 2, 3]])
def test_other_scales_are_refused(tmp_path, collect, values):
    with pytest.raises(ValueError, match="only stars from 1 to 5"):
        collect(write(tmp_path, values))


def test_each_file_has_its_scale(tmp_path, collect):
    right, wrong = write(tmp_path, [5, 1]), write(tmp_path, [0, 4], name="y.jsonl")
    with pytest.raises(ValueError, match=r"y\.jsonl"):
        collect(right, wrong)


def test_only_tables_have_labels(tmp_path, collect):
    path = write(tmp_path, [5])
    with pytest.raises(ValueError, match="go with --source table"):
        collect(path, source="yelp", businesses=path, lowest_rating=0)

"""Review ids are unique: told by collecting, refused by generating, named by building."""

import csv
import json

import pytest

from generation import foreground, ledger, quality, records, review_ids, run
from generation.corpus import build, from_ledgers
from generation.corpus import examples as corpus_examples
from generation.teachers.factory import Choice

TEXTS = [
    "The soup was hot and the staff was kind to all of us.",
    "The tea was cold and we had to wait for it.",
    "The cake was dry and the coffee was not that good.",
    "The screen here is for a menu and it was hard to read.",
]


def table(path, rows):
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([("id", "text", "rating"), *rows])
    return path


def reviews_file(path, *pairs):
    rows = [records.Review(name, "restaurant", 4.0, text, "x").to_json() for name, text in pairs]
    path.write_text("".join(row + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("first", "second"),
    [("y1/r.csv", "y2/r.csv"), ("r.csv", "r.tsv"), ("a-1.csv", "a.csv"), ("r.csv", "r.csv.txt")],
)
def test_files_of_one_name_do_not_share_ids(tmp_path, collect, first, second):
    rows = [("", text, n + 1) for n, text in enumerate(TEXTS)]
    one, two = tmp_path / first, tmp_path / second
    table(one, rows[:2])
    table(two, rows[2:])
    found, _ = collect(one, two)
    assert len({review.review_id for review in found}) == 4
    # A review keeps its id, and so its place in draws and splits, whatever stands beside it.
    assert collect(two)[0] == found[2:]
    assert sorted(collect(two, one)[0], key=str) == sorted(found, key=str)


@pytest.mark.parametrize(
    "ids", [["P1", "P1", "P2", "P3"], ["P1", "P2", "P1", "P2"], ["7", "8", "9", "7"]]
)
def test_collect_tells_ids_that_come_again(tmp_path, collect, ids):
    path = table(tmp_path / "x.csv", [(n, t, 3) for n, t in zip(ids, TEXTS, strict=True)])
    columns = {"columns": "text=text,rating=rating,id=id"}
    again = len(ids) - len(set(ids))
    with pytest.raises(ValueError, match=rf"on {again} of 4 lines, such as .*leave id=… out"):
        collect(path, **columns)
    found, report = collect(path, max_bad_fraction=0.5, **columns)
    assert len({review.review_id for review in found}) == len(found) == len(set(ids))
    assert report.dropped == {"id again": again}
    assert "come again" in report.notes[0]
    assert len(collect(path)[0]) == 4


def test_the_same_review_again_is_a_duplicate_only(tmp_path, collect):
    path = table(tmp_path / "x.csv", [("a", TEXTS[0], 3), ("a", TEXTS[0].upper(), 3)])
    _, report = collect(path, columns="text=text,rating=rating,id=id")
    assert report.dropped == {"exact duplicate": 1}
    assert not report.notes


@pytest.mark.parametrize(
    ("pairs", "lines"),
    [
        ([("a", TEXTS[0]), ("a", TEXTS[1])], "1 and 2"),
        ([("b", TEXTS[0]), ("a", TEXTS[1]), ("c", TEXTS[1]), ("a", TEXTS[2])], "2 and 4"),
        ([("a", TEXTS[0]), ("a", TEXTS[0]), ("b", TEXTS[1]), ("b", TEXTS[2])], "3 and 4"),
    ],
)
def test_generate_refuses_them_before_it_asks(tmp_path, options, pairs, lines):
    reviews = reviews_file(tmp_path / "r.jsonl", *pairs)
    with pytest.raises(ValueError, match=rf"r\.jsonl: review ids .*: 1, such .* on lines {lines}"):
        foreground.generate(Choice("lexicon"), options(reviews), quiet=True)
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match=f"on lines {lines}"):
        foreground.show_dry_run(Choice("lexicon"), options(reviews), None)


def test_another_rating_is_another_review(tmp_path):
    register = review_ids.Register()
    rows = [records.Review("a", "laptop", float(stars), "it is fast", "x") for stars in (1, 5)]
    path = tmp_path / "r.jsonl"
    path.write_text("".join(row.to_json() + "\n" for row in rows))
    for row in rows:
        register.add(row)
    with pytest.raises(ValueError, match="'a' on lines 1 and 2"):
        register.check(path)


def test_generate_takes_the_same_review_twice(tmp_path, options):
    reviews = reviews_file(tmp_path / "r.jsonl", ("a", TEXTS[0]), ("a", TEXTS[0]))
    assert foreground.generate(Choice("lexicon"), options(reviews), quiet=True).duplicates == 2


def test_build_names_them_and_counts_what_it_leaves_out(tmp_path, options, monkeypatch):
    """Ledgers made before ids were checked hold them."""
    monkeypatch.setattr(review_ids.Register, "check", lambda self, path: None)
    quality.prepare()
    pairs = [("a", TEXTS[0]), ("a", TEXTS[1]), ("b", TEXTS[2])]
    made = options(reviews_file(tmp_path / "r.jsonl", *pairs), prompt="anl")
    progress = foreground.generate(Choice("lexicon"), made, quiet=True)
    assert progress.statuses == {"ok": 3}
    settings = build.Settings(tmp_path / "data")
    with pytest.raises(ValueError, match=r"2 of 3 requests, since review ids .* such as 'a'"):
        from_ledgers.build_from_ledgers(from_ledgers.LedgerReader([made.folder]), settings)
    reader = from_ledgers.LedgerReader([made.folder], allow_incomplete=True)
    outcome = from_ledgers.build_from_ledgers(reader, settings)
    assert (outcome.clashes, outcome.clash, outcome.superseded) == (1, "a", 1)


def test_a_second_answer_about_one_text_is_no_clash(tmp_path):
    example = corpus_examples.Example("a", "laptop", "t", "anl", "text", "one", 3.0)
    sorter = corpus_examples.Sorter(tmp_path, 10)
    sorter.add_all([example, example])
    assert len(list(sorter.sorted())) == 1
    assert (sorter.superseded, sorter.clashes) == (1, 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("review_id", 7), ("review", None), ("usage", "3"), ("response", ["x"]), ("status", {})],
)
def test_ledger_rows_of_other_types_are_named(tmp_path, field, value):
    review = records.Review("a", "laptop", 4.0, "it is fast", "x")
    row = ledger.new_row(
        "0" * 64,
        review,
        "anl",
        "t",
        "m",
        "r",
        status="ok",
        reason="",
        attempts=1,
        response="x",
        finish_reason="stop",
        usage={},
    )
    path = tmp_path / "ledger-00000-of-00001.jsonl"
    path.write_text(json.dumps(json.loads(row.to_json()) | {field: value}) + "\n")
    with pytest.raises(ValueError, match=rf"line 1: field '{field}' is a JSON"):
        list(ledger.rows(path))


def test_survey_counts_as_before(tmp_path, options, write_reviews):
    made, progress = options(write_reviews(20)), run.Progress()
    run.survey(made, progress)
    assert (progress.reviews, progress.total) == (20, 40)

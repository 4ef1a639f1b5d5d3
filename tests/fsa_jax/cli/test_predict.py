"""``fsa predict`` and ``fsa calibrate`` as they are typed."""

import csv
import json
import sys

import pytest

from fsa_jax.cli import main


def run(capsys, *words):
    """Calls a command; returns its exit code and what it printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["fsa", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main.fsa_main()
    out, err = capsys.readouterr()
    return end.value.code or 0, out, err


@pytest.fixture
def reviews(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("id,review\n1,good 1\n2,\n3,bad 2\n")
    return path


def test_rows_keep_their_columns_and_places(trained, reviews, capsys):
    folder, _ = trained
    output = reviews.with_name("answers.csv")
    code, out, err = run(
        capsys, "predict", reviews, "--checkpoint", folder, "--column", "review", "--output", output
    )
    assert (code, out) == (0, f"3 answers → {output}\n"), err
    with output.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["id"], row["review"]) for row in rows] == [
        ("1", "good 1"),
        ("2", ""),
        ("3", "bad 2"),
    ]
    assert rows[1]["raw"] == ""
    # Printed, they are the same.
    _, out, _ = run(capsys, "predict", reviews, "--checkpoint", folder, "--column", "review")
    assert [json.loads(line)["raw"] for line in out.splitlines()] == [row["raw"] for row in rows]


def test_an_answer_takes_the_place_of_a_column_of_its_name(trained, tmp_path, capsys):
    folder, _ = trained
    (tmp_path / "x.jsonl").write_text('{"raw": "old", "text": "good 1"}\n')
    _, out, _ = run(capsys, "predict", tmp_path / "x.jsonl", "--checkpoint", folder)
    row = json.loads(out)
    assert row["text"] == "good 1"
    assert row["raw"] != "old"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--column", "reviews"], "no column 'reviews'; did you mean review?"),
        (["--column", "review", "--format", "xls"], "--format xls: it is one of"),
        (["--column", "review", "--given", "target"], "no column 'target'"),
        (["--column", "review", "--output", "{reviews}"], "is the input itself"),
        (["--column", "review", "--output", "{reviews}/x"], "cannot be written"),
        (["--column", "review", "--step", "5"], "holds no checkpoint of step 5"),
    ],
)
def test_bad_input_is_one_line(trained, reviews, capsys, words, message):
    folder, _ = trained
    words = [word.format(reviews=reviews) for word in words]
    code, out, err = run(capsys, "predict", reviews, "--checkpoint", folder, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("error:") == 1


def test_only_opinions_can_be_calibrated(trained, capsys):
    folder, _ = trained
    code, _, err = run(capsys, "calibrate", "--checkpoint", folder)
    assert code == 2
    assert "does not ask for opinions" in err

"""`fsa reviews collect`: its flags reach the library, its tables tell what became of the lines."""

import json

import pytest
import typer.testing

from generation import commands

CLI = typer.testing.CliRunner()


def collect(*flags):
    return CLI.invoke(commands.reviews, ["collect", *flags])


@pytest.fixture
def few(tmp_path, monkeypatch):
    """Goes where `x.jsonl` holds four reviews, a short and a foreign one among them."""
    monkeypatch.chdir(tmp_path)
    texts = ["it is light and the screen is bright", "the fan of it is very loud", "nice one"]
    texts += ["das Display ist sehr gut und der Akku hält lange"]
    rows = [json.dumps({"text": text, "rating": n + 1}) for n, text in enumerate(texts)]
    (tmp_path / "x.jsonl").write_text("\n".join(rows))
    return ["x.jsonl", "--output", "out.jsonl", "--source", "table", "--domain", "laptop"]


def stars(path):
    return sorted(json.loads(line)["rating"] for line in path.read_text().splitlines())


def test_the_lines_are_told_by_what_became_of_them(few, tmp_path):
    result = collect(*few, "--count", "3")
    assert result.exit_code == 0, result.output
    told = " ".join(result.output.split())
    for words in ("lines read │ 4", "too short │ 1", "other language │ 1", "written │ 2"):
        assert words in told
    assert "note: only 2 of 3 reviews are there" in result.stderr
    assert "next: fsa generate --teacher lexicon --reviews out.jsonl" in result.output
    assert stars(tmp_path / "out.jsonl") == [1, 2]


@pytest.mark.parametrize(
    ("flags", "left"),
    [
        (["--any-language"], [1, 2, 4]),
        (["--min-words", "2"], [1, 2, 3]),
        (["--max-words", "7"], [2]),
        (["--scheme", "0,1,0,0,0"], [2]),
        (["--lowest-rating", "1"], [1, 2]),
    ],
)
def test_flags_reach_the_filters_and_the_draw(few, tmp_path, flags, left):
    result = collect(*few, *flags)
    assert result.exit_code == 0, result.output
    assert stars(tmp_path / "out.jsonl") == left


def test_a_file_is_replaced_only_where_this_is_said(few, tmp_path):
    (tmp_path / "out.jsonl").write_text("mine")
    refused = collect(*few)
    assert isinstance(refused.exception, FileExistsError)
    assert (tmp_path / "out.jsonl").read_text() == "mine"
    assert collect(*few, "--overwrite").exit_code == 0
    assert stars(tmp_path / "out.jsonl") == [1, 2]


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
def test_what_is_missing_leaves_no_file(tmp_path, monkeypatch, more, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.jsonl").write_text('{"text": "a b c d e f", "rating": 3}\n')
    command = ["x.jsonl", "--output", "out.jsonl"]
    for name, value in more.items():
        command += [f"--{name}", value]
    result = collect(*command)
    assert words in str(result.exception)
    assert isinstance(result.exception, (ValueError, OSError))
    assert not (tmp_path / "out.jsonl").exists()

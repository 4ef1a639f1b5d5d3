"""`fsa corpus`: flags reach the library, tables tell what was kept, errors leave nothing."""

import json

import pytest
import typer.testing

from generation import commands

REVIEW = "The pizza and the pasta were so delicious, and our waiter was kind."
ANSWER = "I really liked the pizza that I got here, and I would say so to all of my friends."


def corpus(*flags):
    return typer.testing.CliRunner().invoke(commands.corpus, list(map(str, flags)))


@pytest.fixture
def released(tmp_path):
    """A file of the released corpus with one good line and one of other JSON."""
    path = tmp_path / "a.json"
    good = {"ID": 1, "Text": REVIEW, "Overall": 4.0, "mixtral_response": ANSWER}
    path.write_text(f"{json.dumps(good)}\n[]\n")
    return path


def test_build_tells_corpora_and_splits_and_replaces_only_on_request(runs, tmp_path):
    command = ["build", runs, "--output-dir", tmp_path / "data", "--validation-fraction", "0.2"]
    result = corpus(*command)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "data" / "understanding" / "lexicon_anl_laptop" / "1.0.0"
    splits = json.loads((folder / "manifest.json").read_text())["splits"]
    assert 5 < splits["validation"] < 25
    told = " ".join(result.output.split())
    row = f"{splits['train']} │ {splits['validation']} │ ok 60"
    assert f"lexicon_anl_laptop │ {row}" in told
    assert isinstance(corpus(*command).exception, FileExistsError)
    assert corpus(*command, "--overwrite").exit_code == 0


def test_an_unfinished_run_is_taken_where_this_is_said(runs, tmp_path):
    summary = runs / "shard-00001-of-00002.json"
    summary.write_text(json.dumps(json.loads(summary.read_text()) | {"complete": False}))
    command = ["export", runs, "--output", tmp_path / "x.jsonl"]
    assert "is not finished" in str(corpus(*command).exception)
    result = corpus(*command, "--allow-incomplete")
    assert result.output == f"240 rows in {tmp_path / 'x.jsonl'}\n"


def test_export_holds_out_the_share_asked_for_and_spares_files(runs, tmp_path):
    path = tmp_path / "x.jsonl"
    command = ["export", runs, "--output", path, "--validation-fraction", "1"]
    assert corpus(*command).exit_code == 0
    splits = {json.loads(line)["split"] for line in path.read_text().splitlines()}
    assert splits == {"validation"}
    path.write_text("mine")
    assert isinstance(corpus(*command).exception, FileExistsError)
    assert path.read_text() == "mine"


def test_stats_say_how_tokens_were_counted(runs, tmp_path, monkeypatch, vocabulary_file):
    monkeypatch.delenv("FSA_VOCABULARY", raising=False)
    command = ["stats", runs, "--output-dir", tmp_path / "s"]
    guessed = corpus(*command)
    assert "tokens, guessed by length; name a --vocabulary" in " ".join(guessed.output.split())
    counted = corpus(*command, "--vocabulary", vocabulary_file)
    assert "guessed" not in counted.output
    found = json.loads((tmp_path / "s" / "stats.json").read_text())
    mean = found["targets_per_review_mean"]
    assert f"{mean} opinions a review; plots: {tmp_path / 's'}/stats.png" in counted.output


def test_import_tells_lines_kept_and_where_the_others_are_listed(released, tmp_path):
    command = ["import", released, "--teacher", "t", "--output-dir", tmp_path / "data"]
    assert "1 of 2 lines are bad" in str(corpus(*command).exception)
    result = corpus(*command, "--max-bad-fraction", "0.5")
    assert result.exit_code == 0, result.output
    told = " ".join(result.output.split())
    assert "lines │ 2" in told
    assert "in the corpora │ 1" in told
    assert "left out: " in told


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--domain", "hotel"], "--domain is 'hotel'"),
        (["--prompt", "both"], "--prompt is 'both'"),
        (["--vocabulary", "gone.model"], "gone.model does not exist"),
        (["--teacher", "My Teacher"], "--teacher is 'My Teacher'"),
        (["gone.json"], "gone.json does not exist"),
    ],
)
def test_what_cannot_be_imported_leaves_nothing(released, tmp_path, flags, words):
    command = ["import", released, "--teacher", "t", "--output-dir", tmp_path / "data", *flags]
    result = corpus(*command, "--max-bad-fraction", "1")
    assert words in str(result.exception)
    assert isinstance(result.exception, (ValueError, OSError))
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").iterdir())


def test_a_card_is_written_with_the_licence_that_is_given(runs, tmp_path):
    assert corpus("build", runs, "--output-dir", tmp_path).exit_code == 0
    result = corpus("card", tmp_path, "--licence", "cc-by-4.0")
    path = tmp_path / "understanding" / "README.md"
    assert result.output.startswith(f"card: {path}\nnext: fsa push {path.parent} ")
    assert "license: cc-by-4.0\n" in path.read_text()

"""``fsa report`` draws what runs left, and loads no student."""

import json

import pytest
from typer.testing import CliRunner

from fsa_jax.cli.main import fsa
from fsa_jax.student import load as loading


@pytest.fixture
def run(monkeypatch, tmp_path):
    """``run(*words)`` runs ``fsa``, in which no student may be loaded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loading, "load", lambda *_, **__: pytest.fail("a student was loaded"))
    return lambda *words: CliRunner().invoke(fsa, list(words))


def test_a_report_of_nothing_names_the_folder(run):
    done = run("report", "nowhere", "--output", "page.html")
    assert done.exit_code != 0
    assert "nowhere" in str(done.exception)


def test_figures_say_what_made_them(run, tmp_path):
    answers = tmp_path / "one" / "inference_eval"
    answers.mkdir(parents=True)
    (tmp_path / "one" / "train").mkdir()
    (tmp_path / "one" / "train" / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\n')
    gold = [{"target": "food", "polarity": "positive", "start": 4, "end": 8}]
    row = {"id": "1", "task": "tsa_rest14", "text": "The food was good.", "gold": gold}
    row |= {"parsed": gold, "raw": "food | positive", "reason": None}
    row |= {"implicit": False, "multiple": False, "hard": False}
    (answers / "tsa_rest14-test-000001.jsonl").write_text(json.dumps(row) + "\n")
    words = ["report", "one", "--output", "page.html", "--figures", "figures.json"]
    done = run(*words, "--measured-by", "make it", "--seconds", "12.5")
    assert done.exit_code == 0, done.exception
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["command"] == "make it"
    assert figures["seconds"] == 12.5
    assert "<img" in (tmp_path / "page.html").read_text()

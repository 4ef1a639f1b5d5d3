"""Statistics of a corpus."""

import json

import typer.testing
from corpora import make

from generation import commands
from generation.corpus import stats
from generation.corpus.examples import Example

CLI = typer.testing.CliRunner()


def test_stats(runs, tmp_path):
    result = CLI.invoke(commands.corpus, ["stats", str(runs), "--output-dir", str(tmp_path / "s")])
    assert result.exit_code == 0, result.output
    assert "target over 400" in result.output
    assert "0.0%" in result.output
    found = json.loads((tmp_path / "s/stats.json").read_text())
    assert sum(found["rows"].values()) == 240
    assert found["lengths"]["anl"]["texts"] == 120
    levels = found["sentiment_by_stars"]
    bad = {stars: row["negative"] + row["very negative"] for stars, row in levels.items()}
    good = {stars: row["positive"] + row["very positive"] for stars, row in levels.items()}
    assert bad["1"] > good["1"]
    assert good["5"] > bad["5"]
    assert (tmp_path / "s/stats.png").read_bytes().startswith(b"\x89PNG")
    make(runs, tmp_path / "data")
    again = stats.gather(stats.read([tmp_path / "data"]), lambda text: len(text) // 4)
    assert again.summary()["sentiment_by_stars"] == levels


def test_stats_by_hand():
    anl = (
        'Opinion Target 1: "a"\nAspect: b\nSentiment: Very Negative\n\nAspect: c\nSentiment: odd\n'
    )
    examples = [
        Example("1", "laptop", "t", "anl", "in", anl, 4.5),
        Example("2", "laptop", "t", "rw", "in", "x" * 401, 2.0),
        Example(
            "3", "laptop", "t", "rw", "in", "", 2.0, "filtered", "finish_reason: content_filter"
        ),
    ]
    found = stats.gather(iter(examples), len).summary()
    assert found["sentiment_by_stars"] == {
        "5": dict.fromkeys(("negative", "neutral", "positive", "very positive"), 0)
        | {"very negative": 1, "unreadable": 1}
    }
    assert found["lengths"]["rw"]["target_over_400"] == 1.0
    assert found["reasons"] == {"filtered: finish_reason": 1}
    assert found["targets_per_review_mean"] == 2.0

"""`fsa annotate`: from reviews to benchmark data that `fsa benchmark stats` counts."""

import json

import pytest
import typer.testing
from annotators import marked, reviewed

from fsa_jax.cli.benchmark import benchmark
from fsa_jax.opinions.sentences import Opinion, Sentence
from generation import commands

TEXT = "Good soup, slow service!"
SOUP = Opinion("soup", 5, 9, "FOOD#QUALITY", "positive", "Good", 0, 4)
SERVICE = Opinion("service", 16, 23, "SERVICE#GENERAL", "negative")


def run(app, *words):
    return typer.testing.CliRunner().invoke(app, list(map(str, words)))


def told(result):
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def export(path, *pairs):
    """Writes an export of reviews, each with the opinions that its annotators marked."""
    results = ([marked(Sentence("x", TEXT, tuple(one))) for one in pair] for pair in pairs)
    path.write_text(json.dumps([reviewed(f"r{n}", TEXT, *pair) for n, pair in enumerate(results)]))
    return path


def test_tasks_are_written_once(write_reviews, tmp_path):
    reviews = write_reviews(60)
    command = ["export", reviews, "--output-dir", tmp_path / "a", "--count", 9, "--batch", 5]
    words = told(run(commands.annotate, *command, "--annotators", "ann,bob"))
    assert "restaurant │ 9 │ 2" in words
    assert f"import {tmp_path / 'a' / 'laptop-01.json'}; the next file once" in words
    assert len(list((tmp_path / "a").glob("*-0[12].json"))) == 4
    again = run(commands.annotate, *command, "--domain", "laptop")
    assert "laptop.xml exists" in str(again.exception)
    told(run(commands.annotate, *command, "--domain", "laptop", "--overwrite", "--count", 3))
    assert not (tmp_path / "a" / "laptop-02.json").exists()
    wrong = run(commands.annotate, *command, "--domain", "hotel")
    assert "--domain hotel: it is one of restaurant, laptop" in str(wrong.exception)


def test_from_differences_to_benchmark_data(tmp_path):
    both = [SOUP, SERVICE]
    path = export(tmp_path / "e.json", (both, both), (both, [SOUP]), ([SOUP], [SOUP]), ([SOUP],))
    output = tmp_path / "hard.json"
    words = told(run(commands.annotate, "merge", path, "--output", output))
    assert "task 4 (r3): only 1 has annotated it; let a second person do so" in words
    assert "r1:0 (open, dropped): targets: 1 has 'service'" in words
    assert "targets │ 4 │ 5 │ 4 │ 88.89 (" in words
    assert "3 reviews; 1 sentences differ, 1 of them open and dropped; 0 left out by both" in words
    assert f"2 sentences in {output}: 1 implicit, 1 multiple" in words
    assert f"import {tmp_path / 'hard.discuss.json'}: each review starts" in words
    assert (tmp_path / "hard.discuss.xml").exists()

    task = json.loads((tmp_path / "hard.discuss.json").read_text())[0]
    result = task["predictions"][0]["result"]
    decided = tmp_path / "d.json"
    decided.write_text(json.dumps([reviewed("r1", TEXT, result)]))
    command = ["merge", path, "--reconciled", decided, "--output", output]
    assert "exists" in str(run(commands.annotate, *command).exception)
    words = told(run(commands.annotate, *command, "--overwrite", "--hard-only"))
    assert "r1:0 (decided): targets: 1 has 'service'" in words
    assert f"2 sentences in {output}: 2 implicit, 2 multiple" in words
    assert f"next: fsa benchmark stats {output}" in words

    counted = told(run(benchmark, "stats", output))
    assert [word for word in counted.split() if word.isdigit()] == ["2", "4", "4", "2", "2"]


@pytest.mark.parametrize("content", ["3", "[]", '[{"data": {}, "annotations": []}]'])
def test_what_is_no_export_is_told(tmp_path, content):
    path = tmp_path / "e.json"
    path.write_text(content)
    result = run(commands.annotate, "merge", path, "--output", tmp_path / "hard.json")
    assert str(path) in str(result.exception)
    assert not (tmp_path / "hard.json").exists()

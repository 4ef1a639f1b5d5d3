"""`fsa evaluate`: in context and zero-shot, several tasks and seeds, and how it ends."""

import json

import pytest
import typer.testing

from fsa_jax.opinions.scoring.counts import metrics
from fsa_jax.opinions.scoring.files import score_paths
from generation import commands
from generation.run_folder import RunFolder
from generation.world.sample import write_sample


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_sample(folder, seed=1, reviews=10)
    return folder


@pytest.fixture
def evaluate(data, tmp_path):
    """Returns a function that runs `fsa evaluate` in this process."""
    app = typer.Typer()
    app.command()(commands.evaluate)

    def run(task, server, name, *more):
        command = ["--task", task, "--data-dir", str(data), "--teacher", "t"]
        command += ["--backend", "openai", "--model", "scripted", "--base-url", server.url]
        # The smallest of the test splits is enough where the number of questions does not matter.
        split = "test" if task.startswith("asqp") else "test_hard"
        command += ["--output-dir", str(tmp_path / name), "--split", split, *more]
        return typer.testing.CliRunner().invoke(app, command)

    return run


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_tasks_and_seeds_are_asked_with_one_command(evaluate, serve, tmp_path):
    server = serve(answer="[('food', 'positive')]")
    tasks, seeds = "tsa_laptop14,asa_rest16", "42,52"
    result = evaluate(tasks, server, "run", "--seeds", seeds)
    assert result.exit_code == 0, result.output
    for seed in (42, 52):
        for task in tasks.split(","):
            rows = rows_of(RunFolder(tmp_path / "run").of_seed(seed).predictions(task))
            assert {(row["task"], row["parsed"]) for row in rows} == {(task, None)}
            assert {row["raw"] for row in rows} == {"[('food', 'positive')]"}
    asked = server.counts()["asked"]
    again = evaluate(tasks, server, "run", "--seeds", f"{seeds},62", "--dry-run")
    assert again.output.count("requests: 0 to ask") == 4
    assert evaluate(tasks, server, "run", "--seeds", seeds).exit_code == 0
    assert server.counts()["asked"] == asked
    # A folder of seeds is scored as such.
    scored = score_paths([tmp_path / "run"])
    assert {task: len(files) for task, files in scored.items()} == dict.fromkeys(
        tasks.split(","), 2
    )


def test_quads_are_asked_and_scored(evaluate, serve, tmp_path):
    said = "[('food quality', 'NULL', 'great', 'positive')]"
    result = evaluate("asqp_rest16", serve(answer=said), "run")
    assert result.exit_code == 0, result.output
    (files,) = score_paths([tmp_path / "run"]).values()
    found = metrics(files[0].sums())
    assert found["parse_failure_rate"] == 0
    assert files[0].kind.name == "quad"


@pytest.mark.parametrize("way", ["probability", "generation"])
def test_zero_shot_predictions_are_one_format(evaluate, serve, tmp_path, way):
    server = serve(scores="echo", answer="Positive")
    result = evaluate("tsc_rest14,asc_laptop16", server, "run", "--by", way)
    assert result.exit_code == 0, result.output
    assert f"next: fsa score {tmp_path / 'run'}" in result.output
    scored = score_paths([tmp_path / "run"])
    assert set(scored) == {"tsc_rest14", "asc_laptop16"}
    for task in scored:
        rows = rows_of(RunFolder(tmp_path / "run").predictions(task))
        # The script finds short words the most probable: the first of equals wins.
        word = {"probability": "neutral", "generation": "positive"}[way]
        right = [row for row in rows if row["gold"][0]["polarity"] == word]
        assert [row["parsed"][0]["polarity"] for row in rows] == [word] * len(rows)
        found = metrics(scored[task][0].sums())
        assert found["f1"] == pytest.approx(100 * len(right) / len(rows))
        assert ("label_scores" in rows[0]) == (way == "probability")


def test_mean_and_sum_are_told_from_one_ledger(evaluate, serve, tmp_path):
    server = serve(scores="prompt_logprobs")
    assert evaluate("tsc_rest14", server, "run", "--by", "probability").exit_code == 0
    asked = server.counts()["asked"]
    again = evaluate("tsc_rest14", server, "run", "--by", "probability", "--per-token")
    assert again.exit_code == 0, again.output
    probe = {text for text in asked if "The food was good.\nOpinion target: food" in text}
    now = server.counts()["asked"]
    assert {text: n for text, n in now.items() if n != asked[text]}.keys() <= probe


def test_how_it_ended(evaluate, serve, tmp_path):
    result = evaluate("tsa_rest14", serve(finish="length"), "cut", "--split", "test")
    assert result.exit_code == 1, result.output
    assert "answers were all filtered (length)" in result.stderr
    cut = RunFolder(tmp_path / "cut").of_seed(42).predictions("tsa_rest14")
    # Stopped before the end: a score of what is there would say that the rest is wrong.
    assert not cut.exists()
    prices = ["--price-prompt", "1000", "--price-completion", "1000"]
    server = serve()
    result = evaluate("tsa_rest14,asa_rest16", server, "dear", *prices, "--max-cost", "3")
    assert result.exit_code == 3, result.output
    assert "--max-cost 3; run the same command again to go on" in result.stderr
    assert not RunFolder(tmp_path / "dear").of_seed(42).predictions("tsa_rest14").exists()
    result = evaluate("tsa_rest14", server, "dear")
    assert result.exit_code == 0, result.output
    rows = rows_of(RunFolder(tmp_path / "dear").of_seed(42).predictions("tsa_rest14"))
    assert {row["reason"] for row in rows} == {""}


def test_what_cannot_be_done_is_said_before_anything_is_asked(evaluate, serve, tmp_path):
    blocked = RunFolder(tmp_path / "blocked").predictions("tsc_rest14")
    blocked.mkdir(parents=True)
    server = serve()
    for task, more, words in [
        ("tsc_rest14", [], "is in the way"),
        ("tsa_rest14", ["--split", "tset"], "--split is 'tset'"),
        ("tsa_rest14", ["--by", "probability"], "asks for a list"),
        ("tsc_rest14", ["--by", "probability", "--backend", "openai_batch"], "no log-prob"),
        ("tsc_rest14", ["--backend", "lexicon"], "does no benchmark tasks"),
        ("asc_laptop16", ["--runner", "slurm"], "use local or ray"),
    ]:
        result = evaluate(task, server, "blocked", *more)
        assert isinstance(result.exception, ValueError | FileExistsError), result.output
        assert words in str(result.exception)
    assert server.counts()["asked"] == {}

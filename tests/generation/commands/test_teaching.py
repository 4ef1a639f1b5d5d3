"""`fsa sample` and `fsa generate`: exit codes, and what is said before and at the end."""

import re
import sys

import pytest
import typer.testing

from generation import commands, ledger


@pytest.fixture
def generate():
    """Returns a function that runs `fsa generate` in this process."""
    app = typer.Typer()
    app.command()(commands.generate)

    def run(task, server=None, *flags):
        command = ["--reviews", str(task.reviews), "--output-dir", str(task.folder), *flags]
        if server:
            command += ["--teacher", "t", "--backend", "openai", "--model", "scripted"]
            command += ["--base-url", server.url]
        return typer.testing.CliRunner().invoke(app, command)

    return run


def test_folder_in_use_is_refused(tmp_path):
    (tmp_path / "x").write_text("mine")
    app = typer.Typer()
    app.command()(commands.sample)
    result = typer.testing.CliRunner().invoke(app, ["--output-dir", str(tmp_path)])
    assert isinstance(result.exception, FileExistsError)
    assert "is not empty; name another folder, or pass --overwrite" in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_dry_run_asks_nothing(write_reviews, tmp_path):
    app = typer.Typer()
    app.command()(commands.generate)
    command = ["--reviews", str(write_reviews(50)), "--output-dir", str(tmp_path / "run")]
    command += ["--teacher", "gpt35", "--dry-run"]
    result = typer.testing.CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert result.output.count("Your Task:") == 3
    assert "requests: 100 to ask, 0 done" in result.output
    assert "cost: $0.0" in result.output
    assert "minutes" in result.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--shard", "4/4"], "--shard is '4/4'; use i/n"),
        (["--shard", "1/2", "--runner", "ray"], "--shard goes with --runner local"),
        (["--runner", "slurm"], "--runner is 'slurm'; use local or ray"),
        (
            ["--teacher", "gpt35", "--base-url", "http://me:hunter2@host/v1"],
            "--base-url holds a user's name or password; .* variable OPENAI_API_KEY",
        ),
        (["--teacher", "gpt35"], "no API key: set the environment variable OPENAI_API_KEY"),
        (["--teacher", "Nobody"], "--teacher is 'Nobody'; use lower-case letters"),
    ],
)
def test_flags_that_do_not_go_together(write_reviews, tmp_path, monkeypatch, flags, words):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    app = typer.Typer()
    app.command()(commands.generate)
    command = ["--reviews", str(write_reviews(1)), "--output-dir", str(tmp_path / "run"), *flags]
    result = typer.testing.CliRunner().invoke(app, command)
    assert isinstance(result.exception, ValueError)
    assert re.search(words, str(result.exception))
    assert "hunter2" not in str(result.exception)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        ({"finish": "content_filter"}, "finish_reason"),
        ({"finish": "insufficient_system_resource"}, "finish_reason"),
        ({"answer": "<think>Hm, the user wants me to"}, "length"),
        ({"answer": "La comida de este lugar me gusta mucho y el servicio es bueno"}, "wrong"),
        ({"answer": "I'm sorry, but I can't help with that."}, "refused"),
        ({"answer": ""}, "empty"),
    ],
)
def test_a_run_that_filters_nearly_all_says_so(
    serve, write_reviews, options, generate, script, rule
):
    task = options(write_reviews(6))
    server = serve(**script)
    result = generate(task, server)
    assert result.exit_code == 1, result.output
    assert "100.0% of the answers to prompt anl were filtered" in result.stderr
    assert rule in result.output
    assert "next:" not in result.output
    # It is the user's to say that this is as it should be.
    assert generate(task, server, "--max-filter-rate", "1").exit_code == 0


def test_answers_that_are_all_filtered_stop_a_long_run(serve, write_reviews, options, generate):
    task = options(write_reviews(400))
    result = generate(task, serve(finish="safety"))
    assert result.exit_code == 1, result.output
    assert "the last 200 answers were all filtered (finish_reason: safety)" in result.stderr
    assert 200 <= len(list(ledger.rows(task.files.ledger))) < 300


def test_finished_runs_exit_with_0_and_name_the_next_step(write_reviews, options, generate):
    result = generate(options(write_reviews(3)))
    assert (result.exit_code, "next: fsa corpus build" in result.output) == (0, True)


@pytest.mark.parametrize("counts", [True, False])
def test_max_cost_stops_in_good_order(serve, write_reviews, options, generate, counts):
    """Also where the service tells no counts: then what was spent is guessed by length."""
    task = options(write_reviews(60), prompt="rw")
    server = serve(latency=0.01, **({} if counts else {"usage": None}))
    prices = ["--price-prompt", "1000", "--price-completion", "1000", "--max-cost", "5"]
    more = ["--prompt", "rw", "--concurrency", "4", "--max-tokens", "40"]
    result = generate(task, server, *prices, *more)
    assert result.exit_code == 3, result.output
    assert "--max-cost 5; run the same command again to go on" in result.stderr
    rows = len(list(ledger.rows(task.files.ledger)))
    assert 5 < rows < 40
    assert ("guessed" in result.output) != counts


def test_max_cost_reached_by_the_last_row_is_a_finished_run(
    serve, write_reviews, options, generate
):
    prices = ["--price-prompt", "10000", "--price-completion", "10000", "--max-cost", "10"]
    task = options(write_reviews(1))
    result = generate(task, serve(), *prices, "--prompt", "rw", "--max-tokens", "1")
    assert result.exit_code == 0, result.output


def test_max_cost_without_a_price_is_refused_before_the_first_request(
    serve, write_reviews, options, generate
):
    server = serve()
    result = generate(options(write_reviews(2)), server, "--max-cost", "1")
    assert "--max-cost needs a price" in str(result.exception)
    assert server.counts()["asked"] == {}
    # A teacher that costs nothing stays below any limit.
    assert generate(options(write_reviews(2), "free"), None, "--max-cost", "1").exit_code == 0


@pytest.mark.parametrize(
    ("script", "more", "code", "words"),
    [
        ({"key": "right"}, [], 2, "check the key"),
        ({}, ["--model", "scriptd"], 2, "no model 'scriptd'"),
        ({}, ["--reviews", "gone.jsonl"], 2, "gone.jsonl does not exist"),
        ({"moved": "http://127.0.0.1:9/v1"}, [], 2, "set --base-url"),
        ({}, ["--omit", "temprature"], 2, "--omit names 'temprature'; use some of temperature"),
        ({"quota_after": 0}, [], 1, "add credit"),
        ({}, ["--base-url", "http://127.0.0.1:9/v1"], 1, "is http://127.0.0.1:9/v1 running?"),
    ],
)
def test_faults_end_a_command_in_one_line(
    serve, write_reviews, options, capsys, monkeypatch, script, more, code, words
):
    """2 where the command or its input is to blame, 1 where the service is."""
    from fsa_jax.cli.main import fsa_main

    task = options(write_reviews(3))
    command = ["fsa", "generate", "--reviews", str(task.reviews), "--output-dir", str(task.folder)]
    command += ["--teacher", "t", "--backend", "openai", "--model", "scripted", "--attempts", "1"]
    monkeypatch.setattr(sys, "argv", [*command, "--base-url", serve(**script).url, *more])
    with pytest.raises(SystemExit) as ended:
        fsa_main()
    assert ended.value.code == code
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert words in last

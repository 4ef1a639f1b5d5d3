"""`fsa judge`: an LLM's six scores, asked, gone on with, and reported beside people's."""

import json

import pytest
import typer.testing
from annotators import annotate, write

from generation import commands
from generation.judge.criteria import NAMES, RESPONSE_FORMAT
from generation.people import label_studio
from generation.run_folder import RunFolder

GOOD = json.dumps(dict.fromkeys(NAMES, 2))


@pytest.fixture
def ask(tasks, tmp_path):
    """Returns a function that runs `fsa judge ask` in this process."""

    def run(server, *flags):
        command = ["ask", tasks, "--output-dir", tmp_path / "llm", "--teacher", "gpt"]
        command += ["--backend", "openai", "--model", "scripted", "--base-url", server.url, *flags]
        return invoke(*command)

    return run


def invoke(*flags):
    return typer.testing.CliRunner().invoke(commands.judge, list(map(str, flags)))


def rows_of(tmp_path):
    path = RunFolder(tmp_path / "llm").scores
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_scores_are_asked_once_and_reported_with_peoples(serve, ask, tasks, tmp_path):
    server = serve(answer=GOOD)
    result = ask(server)
    assert result.exit_code == 0, result.output
    rows = rows_of(tmp_path)
    assert len(rows) == 20
    assert all(row["scores"] == json.loads(GOOD) for row in rows)
    assert {(row["judge"], row["model"]) for row in rows} == {("gpt", "scripted")}
    asked = server.counts()["asked"]
    assert sum(asked.values()) == 20
    assert ask(server).exit_code == 0
    assert server.counts()["asked"] == asked
    people = write(tasks, annotate(tasks, lambda teacher, name, who: 2 * (teacher == "good")))
    key, output = label_studio.Paths(tasks).key, tmp_path / "report.json"
    flags = ["--key", key, "--people", people, "--output", output]
    result = invoke("report", tmp_path / "llm", *flags, "--figure", tmp_path / "f.png")
    assert result.exit_code == 0, result.output
    told = " ".join(result.output.split())
    assert "those of an LLM: gpt" in told
    assert "laptop: mean scores, 0 to 2 (table 3)" in told
    assert "Agreement on 20 analyses" in told
    assert "20 analyses, 0 left out" in told
    found = json.loads(output.read_text())
    assert found["with_people"]["scores"]["recall"]["mean_of_people"] == 1.0
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    # The two are never mixed, in neither direction.
    refused = typer.testing.CliRunner().invoke(
        commands.humaneval, ["report", str(RunFolder(tmp_path / "llm").scores)]
    )
    assert "which never count as people's" in str(refused.exception)
    refused = invoke("report", tmp_path / "llm", "--key", key, "--people",
                     RunFolder(tmp_path / "llm").scores)  # fmt: skip
    assert "which never count as people's" in str(refused.exception)
    refused = invoke("report", people, "--key", key)
    assert "name the --output-dir of `fsa judge ask`" in str(refused.exception)


def test_answers_that_are_no_scores_cost_themselves_alone(serve, ask, tmp_path):
    server = serve(answer=GOOD, poison="poison")
    assert ask(server).exit_code == 0
    ledger = RunFolder(tmp_path / "llm").shard(0, 1).ledger
    lines = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join(lines[:15]))  # as if killed there
    server.rescript({"answer": "[" * 10_000})
    result = ask(server)
    assert result.exit_code == 0, result.output
    assert "unparseable" in result.output
    rows = rows_of(tmp_path)
    assert sum(row["scores"] is not None for row in rows) == 15
    assert {row["reason"] for row in rows if row["scores"] is None} == {
        "unparseable: no JSON object with the six scores in the answer"
    }


def test_a_judge_that_says_nothing_of_use_has_failed(serve, ask):
    result = ask(serve(answer="A fine analysis!"))
    assert result.exit_code == 1, result.output
    assert "100.0% of the answers to prompt judge were filtered (unparseable" in result.stderr


def test_a_service_without_structured_output_says_what_to_leave_out(serve, ask, tmp_path):
    server = serve(answer=GOOD, refuses=["response_format"])
    refused = ask(server)
    assert isinstance(refused.exception, ValueError)
    assert "pass --omit response_format" in str(refused.exception)
    assert ask(server, "--omit", "response_format").exit_code == 0
    facts = RunFolder(tmp_path / "llm").facts()
    assert "response_format" not in facts["spec"]["sampling"]


def test_the_form_of_the_answer_is_part_of_what_is_asked(serve, ask, tmp_path):
    assert ask(serve(answer=GOOD)).exit_code == 0
    facts = RunFolder(tmp_path / "llm").facts()
    assert facts["spec"]["sampling"]["response_format"] == RESPONSE_FORMAT


def test_the_lexicon_is_no_judge_and_a_dry_run_asks_nothing(serve, ask):
    server = serve()
    assert "no judge" in str(ask(server, "--backend", "lexicon").exception)
    result = ask(server, "--dry-run")
    assert "requests: 20 to ask, 0 done" in result.output
    assert server.counts()["asked"] == {}

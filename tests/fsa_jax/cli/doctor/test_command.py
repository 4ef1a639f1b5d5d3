"""What ``fsa doctor`` prints, and how it ends."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from fsa_jax.cli.doctor import command
from fsa_jax.cli.doctor.findings import Finding, State
from fsa_jax.cli.main import fsa

GOOD = [Finding("packages", "jax", State.OK, "1.0"), Finding("packages", "flax", State.OK, "2.0")]
ABSENT = Finding("engines", "vllm", State.ABSENT, "not installed", "pip install vllm")
WARNING = Finding("disk", "/tmp", State.WARNING, "2.0 GiB free", "free some")
BROKEN = Finding("data", "vocabulary", State.BROKEN, "x does not exist", "set FSA_VOCABULARY")


@pytest.mark.parametrize(
    ("found", "code", "verdict"),
    [
        ([*GOOD, ABSENT], 0, "all that is required works."),
        ([*GOOD, WARNING], 0, "all that is required works; warnings: 1."),
        ([*GOOD, WARNING, BROKEN], 1, "broken: vocabulary; warnings: 1. Mend what is broken"),
    ],
)
def test_only_what_is_required_and_broken_fails(found, code, verdict, monkeypatch):
    monkeypatch.setattr(command, "check", lambda: found)
    done = CliRunner().invoke(fsa, ["doctor"])
    assert done.exit_code == code
    assert done.output.splitlines()[-1].startswith(verdict)
    assert "jax 1.0, flax 2.0" in done.output
    for one in found[2:]:
        assert f"{one.name}: {one.found}\n           → {one.fix}\n" in done.output
    told = CliRunner().invoke(fsa, ["doctor", "--json"])
    assert told.exit_code == code
    rows = json.loads(told.output)["findings"]
    assert rows == [{**vars(one), "state": one.state.value} for one in found]


def test_a_report_holds_the_variables_that_matter_and_no_secret(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_x=1")
    monkeypatch.setenv("FSA_VOCABULARY", "https://me:secret@host/spiece.model")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    told = command.report(GOOD)
    assert told["variables"]["XLA_FLAGS"] == "--xla_x=1"
    assert told["variables"]["FSA_VOCABULARY"] == "https://…@host/spiece.model"
    assert "secret" not in json.dumps(told)


def test_the_doctor_itself_looks_at_everything(data_dir):
    program = pathlib.Path(sys.executable).parent / "fsa"
    env = {**os.environ, "OPENAI_API_KEY": "sk-secret"}
    done = subprocess.run([program, "doctor", "--json"], env=env, capture_output=True, text=True)
    found = json.loads(done.stdout)["findings"]
    broken = [one for one in found if one["state"] == "broken"]
    assert (done.returncode, broken) == (0, []), done.stderr
    areas = {"packages", "engines", "credentials", "disk", "devices", "data"}
    assert areas == {one["area"] for one in found}
    assert "secret" not in done.stdout + done.stderr

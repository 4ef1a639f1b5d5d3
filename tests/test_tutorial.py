"""The tutorial's blocks run as they stand, in their order, and its scores come out."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys

import pytest
from documents import DOCS

PAGE = (DOCS / "tutorial.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
BIN = pathlib.Path(sys.executable).parent


def script(port):
    """All blocks as one script, as somebody types them who keeps one shell open."""
    yield "set -euo pipefail"
    yield "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT"  # the server, where a block fails
    for number, (language, code) in enumerate(BLOCKS):
        yield f"echo '=== {number}'"
        code = code.replace("8000", str(port))
        yield code if language == "sh" else f"python - <<'BLOCK'\n{code}BLOCK"


def shown_scores():
    """The table of the page: mean F1 and half of its interval by student."""
    rows = re.findall(r"^\| ([a-z ]+) \| (\d+\.\d+) ± (\d+\.\d+) \|", PAGE, re.MULTILINE)
    return {name: (float(mean), float(half)) for name, mean, half in rows}


def measured(printed):
    """Mean F1 of all test sentences, of each system that a table of ``fsa score`` compares."""
    cells = [[cell.strip() for cell in row.split("│")[1:-1]] for row in printed.splitlines()]
    [row] = [row for row in cells if row[:2] == ["tsa_rest14_p25-test", "F1"]]
    return {"distilled": float(row[2]), "from scratch": float(row[3])}


def block(start):
    """The number of the block that begins with some words."""
    [number] = [n for n, (_, code) in enumerate(BLOCKS) if code.startswith(start)]
    return number


def test_the_page_shows_the_quick_starts_scores():
    quickstart = json.loads((DOCS / "quickstart.json").read_text())
    wanted = {
        system["name"]: (found["mean"], found["half_width"])
        for system in quickstart["systems"]
        for found in system["scores"].values()
    }
    assert shown_scores() == wanted
    assert f"took {quickstart['seconds']:.0f} s" in PAGE
    assert f"on {quickstart['machine']['processor']} with" in PAGE


def test_the_page_goes_through_every_stage():
    stages = ("sample", "generate", "corpus", "score", "report", "predict", "calibrate", "serve")
    told = "".join(code for _, code in BLOCKS)
    assert [name for name in (*stages, "export", "push") if f"fsa {name} " not in told] == []


@pytest.mark.slow
def test_each_block_runs_and_the_scores_come_out(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "200"}
    environment.pop("XLA_FLAGS", None)  # as a user has it
    done = subprocess.run(
        ["bash", "-c", "\n".join(script(port))],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    assert "Traceback" not in done.stderr
    said = re.split(r"=== \d+\n", done.stdout)[1:]
    assert len(said) == len(BLOCKS)
    found = measured(said[block("fsa score")])
    for name, (mean, half) in shown_scores().items():
        assert abs(found[name] - mean) <= half, found
    assert "polarity" in said[block("printf")]
    assert '"answers"' in said[block("fsa serve")]

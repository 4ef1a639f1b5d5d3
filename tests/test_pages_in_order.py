"""The how-to pages' commands, run in their order in one folder, twice: each works, scores agree.

The world is the sample world, the teacher the lexicon, students are tiny and train for some steps;
else the commands are the pages' own words.
"""

import contextlib
import csv
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from documents import DOCS, blocks, command_lines, how_to

BIN = pathlib.Path(sys.executable).parent
# Commands that cannot run here, with what runs them instead.
ELSEWHERE = {
    "pip ": "needs a package index",
    "scripts/tpu_job.sh": "tests/scripts/test_tpu_job.py",
    "fsa reviews collect yelp": "tests/generation/test_how_to.py",
    "fsa reviews collect Electronics": "tests/generation/test_how_to.py",
    "mkdir -p $FSA_DATA_DIR": "the sample world has its reviews there",
    "fsa humaneval": "tests/generation/people/test_judging.py",
    "fsa annotate": "tests/generation/people/test_annotating.py",
    "fsa errors": "tests/generation/people/test_errors.py",
    "fsa benchmark stats hard.json": "tests/generation/people/test_merging.py",
    "fsa generate --teacher qwen": "needs GPUs",
    "fsa generate --teacher local": "tests/generation/teachers",
    "fsa evaluate": "tests/generation/evaluation",
    "fsa score experiments/predictions/": "tests/generation/evaluation",
    "fsa judge": "tests/generation/commands/test_llm_judging.py",
    "fsa serve": "below",
    "fsa corpus import": "tests/generation/corpus/test_released.py",
    "fsa experiment": "tests/fsa_jax/experiments",
    "t5x train --engine=t5x": "tests/fsa_jax/cli/test_t5x.py",
}
ELSEWHERE_IF_HELD = {"models/11B.gin": "minutes of compilation for a TPU that is not here"}
SMALL = {
    "T5Config.vocab_size": 1024,
    "T5Config.emb_dim": 64,
    "T5Config.num_heads": 2,
    "T5Config.head_dim": 32,
    "T5Config.mlp_dim": 64,
    "T5Config.num_encoder_layers": 1,
    "T5Config.num_decoder_layers": 1,
}
# Steps enough for some right answers; the last checkpoint need not be the best.
FINE_TUNING = {"TRAIN_STEPS": 600, "EVAL_PERIOD": 200, "BATCH_SIZE": 16, "linear.peak": 3e-3}
DISTILLATION = {
    "MIXTURE_OR_TASK_NAME": "distill_lexicon_anl_rw",
    "TRAIN_STEPS": 4,
    "EVAL_PERIOD": 4,
    "BATCH_SIZE": 2,
}
pytestmark = pytest.mark.slow


def page_commands():
    """The commands of the pages, with the reason to pass one over."""
    for line in [line for page in how_to() for line in command_lines(page)]:
        reasons = [why for start, why in ELSEWHERE.items() if line.startswith(start)]
        reasons += [why for part, why in ELSEWHERE_IF_HELD.items() if part in line]
        yield line, reasons[0] if reasons else None


def adapted(line):
    """The words of a command, made small."""
    words = shlex.split(line)
    if "--teacher" in words:
        words[words.index("--teacher") + 1] = "lexicon"
    if words[0] != "t5x":
        return words
    settings = dict(SMALL)
    if words[1] == "train":
        # There are no weights of T5-base here: distillation starts from scratch.
        words = [word for word in words if not word.endswith("path/to/hf/t5-base")]
        distils = "--gin_file=distill_anl_rw.gin" in words
        settings |= DISTILLATION if distils else FINE_TUNING
        if any("EXAMPLES_PER_BATCH" in word for word in words):
            del settings["BATCH_SIZE"]
    return [*words, "--gin_file=models/tiny.gin", *(f"--gin.{k}={v}" for k, v in settings.items())]


def run(line, folder, environment):
    """Runs a command of a page; returns what it printed."""
    if line.startswith("export "):
        name, value = line.removeprefix("export ").split("=")
        environment[name] = os.path.expandvars(value.replace("$HOME", environment["HOME"]))
        return ""
    line = line.replace("$FSA_DATA_DIR", environment.get("FSA_DATA_DIR", ""))
    name, *words = adapted(line)
    done = subprocess.run(
        [BIN / name, *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    told = done.returncode == 2 and "--overwrite" in done.stderr  # the second time
    assert done.returncode == 0 or told, (line, done.stdout[-2000:], done.stderr[-2000:])
    assert "Traceback" not in done.stderr
    return done.stdout


def write_inputs(folder, environment):
    """Files that a user has: the sample world, reviews of their own, benchmark files."""
    data = folder / "fsa_data"
    words = [BIN / "fsa", "sample", "--output-dir", data, "--reviews", "300"]
    subprocess.run(words, check=True, env=environment, capture_output=True)
    environment["FSA_VOCABULARY"] = str(data / "vocabulary.model")
    reviews = [json.loads(line) for line in (data / "reviews.jsonl").read_text().splitlines()]
    (folder / "reviews.txt").write_text(
        "\n\n".join(" ".join(review["text"].split()) for review in reviews[:3]) + "\n"
    )
    with (folder / "mine.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["body", "stars", "head"])
        table.writerows([review["text"], review["rating"], "My own"] for review in reviews[:20])
    for name, count in (("train", 4), ("a", 4), ("b", 2), ("c", 3)):
        rows = "".join(f"The soup number {n} was good,soup,positive,0\n" for n in range(count))
        (folder / f"{name}.csv").write_text("text,span,label,ordinal\n" + rows)


def scores(said):
    """F1 and strict F1 of the test split, as each command printed them."""
    number = r"(\d+\.\d\d)"
    found = {}
    for line, printed in said.items():
        if "runs/tsa_packed" in line:  # another student
            continue
        name = " ".join(line.split()[:2])
        told = re.findall(rf"tsa_rest14 test: .*?\bf1 {number}.*?strict_f1 {number}", printed)
        cells = [[cell.strip() for cell in row.split("│")[1:-1]] for row in printed.splitlines()]
        if line.startswith("fsa score"):
            told = [(row[3], row[6]) for row in cells if row[:2] == ["tsa_rest14-test", "all"]]
        if line.startswith("fsa report"):
            told = [(row[2], row[3]) for row in cells if row[1:2] == ["tsa_rest14-test"]]
        if told:
            found[name] = tuple(told[-1])
    return found


def run_python(page, folder, environment, old="", new=""):
    """Runs a page's block of Python with a word of it replaced; returns what it printed."""
    [block] = blocks((DOCS / "how_to" / page).read_text("utf-8"), "python")
    assert old in block
    words = [sys.executable, "-c", block.replace(old, new)]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@contextlib.contextmanager
def served(checkpoint, folder, environment):
    """Serves a student as the page does, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = [BIN / "fsa", "serve", checkpoint, "--port", port, "--no-warm"]
    server = subprocess.Popen(words, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    try:
        while server.poll() is None:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health").close()
                break
            time.sleep(0.2)
        yield port
    finally:
        server.terminate()
        server.wait()


def test_the_commands_work_twice_and_their_scores_agree(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path), "COLUMNS": "200"}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
    write_inputs(tmp_path, environment)
    lines = [line for line, elsewhere in page_commands() if elsewhere is None]
    assert len(lines) >= 16
    first = {line: run(line, tmp_path, environment) for line in lines}
    second = {line: run(line, tmp_path, environment) for line in lines}
    found = scores(first)
    assert set(found) == {"t5x train", "t5x eval", "fsa score", "fsa report"}, found
    assert len(set(found.values())) == 1, found
    assert float(found["fsa score"][0]) > 0
    assert scores(second) == found
    answers = (tmp_path / "answers.jsonl").read_text().splitlines()
    texts = (tmp_path / "reviews.txt").read_text().splitlines()
    assert [json.loads(answer)["text"] for answer in answers] == texts
    assert "'polarity': " in run_python("predict.md", tmp_path, environment)
    with served("runs/tsa_rest14", tmp_path, environment) as port:
        assert run_python("serve.md", tmp_path, environment, ":8000/", f":{port}/")[0] == "["

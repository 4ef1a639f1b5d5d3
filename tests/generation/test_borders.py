"""The package runs alone: what generating loads, and what it needs."""

import pathlib
import subprocess
import sys

import generation

ROOT = pathlib.Path(generation.__file__).parent


def test_generating_loads_neither_jax_nor_tensorflow(write_reviews, tmp_path):
    script = (
        "import sys, pathlib\nfrom generation import commands, prompting, run, foreground\n"
        "from generation.teachers.factory import Choice\n"
        "prompts = tuple(prompting.load_all('anl,rw'))\n"
        "task = run.Options(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), prompts)\n"
        "assert foreground.generate(Choice(), task, quiet=True).written == 6\n"
        "heavy = {'jax', 'tensorflow', 'torch', 'seqio', 'gin', 'tasks', 'vllm', 'ray'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", script, str(write_reviews(3)), str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_requirements_ship_with_the_package():
    lines = generation.REQUIREMENTS.read_text().splitlines()
    names = [line.split(">=")[0].split("[")[0] for line in lines if line and line[0] != "#"]
    assert "openai" in names
    assert not {"jax", "tensorflow", "vllm", "torch"} & set(names)
    assert names == sorted(names, key=str.lower)


def test_modules_are_short():
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in ROOT.rglob("*.py")}
    assert {path: length for path, length in lengths.items() if length >= 500} == {}

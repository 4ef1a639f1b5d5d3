"""The package stands alone: what it may import, and when."""

import ast
import pathlib
import subprocess
import sys

import generation

ROOT = pathlib.Path(generation.__file__).parent


def test_no_module_imports_the_other_packages():
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                assert top not in ("fsa_jax", "tasks", "jax", "flax", "seqio", "t5x"), path
                if top.startswith("tensorflow"):
                    assert path.name == "tfds_files.py"


def test_generating_loads_neither_jax_nor_tensorflow(write_reviews, tmp_path):
    script = (
        "import sys, pathlib\nfrom generation import commands, prompting, run, session\n"
        "from generation.teachers.factory import Choice\n"
        "prompts = tuple(prompting.load_all('anl,rw'))\n"
        "task = run.Options(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), prompts)\n"
        "assert session.generate(Choice(), task, quiet=True).written == 6\n"
        "heavy = {'jax', 'tensorflow', 'torch', 'fsa_jax', 'tasks', 'vllm', 'ray'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", script, str(write_reviews(3)), str(tmp_path / "run")]
    subprocess.run(command, check=True)


def test_requirements_ship_with_the_package():
    lines = generation.REQUIREMENTS.read_text().splitlines()
    names = [line.split(">=")[0].split("[")[0] for line in lines if line and line[0] != "#"]
    assert "openai" in names
    assert not {"jax", "tensorflow", "vllm", "torch"} & set(names)
    assert names == sorted(names, key=str.lower)


def test_modules_are_short():
    for path in ROOT.rglob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) < 500, path

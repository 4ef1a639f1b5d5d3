"""The package stands alone: what it may import, and when."""

import ast
import pathlib
import subprocess
import sys

import generation

ROOT = pathlib.Path(generation.__file__).parent


FOREIGN = {"fsa_jax", "tasks", "jax", "flax", "seqio", "t5x"}
GROUND_FLOOR = {"opinions", "runtime"}


def imported(path):
    """Returns the top-level packages that a module names in its imports, wherever they stand.

    The ground floor of ``fsa_jax`` goes by its folders' names.
    """
    names = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names += [f"{module}.{alias.name}" for alias in node.names]
    parts = [name.split(".") for name in names]
    ground = [part for part in parts if part[0] == "fsa_jax" and part[1:2]]
    return {part[1] if part in ground and part[1] in GROUND_FLOOR else part[0] for part in parts}


def test_no_module_imports_the_other_packages():
    modules = {path: imported(path) for path in ROOT.rglob("*.py")}
    assert len(modules) > 40
    assert {path: names & FOREIGN for path, names in modules.items() if names & FOREIGN} == {}


def test_one_module_alone_imports_tensorflow():
    heavy = {"tensorflow", "tensorflow_datasets"}
    assert [path.name for path in ROOT.rglob("*.py") if imported(path) & heavy] == ["tfds_files.py"]


def test_generating_loads_neither_jax_nor_tensorflow(write_reviews, tmp_path):
    script = (
        "import sys, pathlib\nfrom generation import commands, prompting, run, session\n"
        "from generation.teachers.factory import Choice\n"
        "prompts = tuple(prompting.load_all('anl,rw'))\n"
        "task = run.Options(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), prompts)\n"
        "assert session.generate(Choice(), task, quiet=True).written == 6\n"
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

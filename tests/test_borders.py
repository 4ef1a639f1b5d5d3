"""What each part of the house may import (docs: the floors), told by reading imports."""

import ast
import graphlib
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
# From the ground up; a wing knows those of lower floors alone, so none knows its neighbours.
FLOORS = (
    {"runtime"},
    {"opinions"},
    {"model", "data"},
    {"decoding", "huggingface"},
    {"training"},
    {"student"},
    {"experiments", "serving"},
    {"cli"},
)
GROUND = {"fsa_jax.opinions", "fsa_jax.runtime"}
LEARNING = {"jax", "flax", "optax", "orbax", "t5x", "transformers", "torch"}
HEAVY = LEARNING | {"tensorflow", "tensorflow_datasets", "seqio", "gin", "vllm", "ray"}


class Import(NamedTuple):
    """An import that a module makes, and whether it does when it is itself imported."""

    module: str
    at_once: bool


def imports(path: pathlib.Path) -> Iterator[Import]:
    """Yields the dotted names that a module imports, wherever the statements stand."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    waiting = [(ast.parse(path.read_text("utf-8")), True)]
    while waiting:
        node, at_once = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, at_once) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide where a module stands"
            yield from (Import(f"{node.module}.{alias.name}", at_once) for alias in node.names)
        at_once = at_once and not isinstance(node, functions)
        waiting += [(child, at_once) for child in ast.iter_child_nodes(node)]


def modules(folder: str) -> list[pathlib.Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"{folder} holds no modules"
    return found


def package(name: str) -> str:
    """The first name of an import; of ours, the wing as well."""
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] == "fsa_jax" else parts[0]


def breaches(folder: str, forbidden) -> list[str]:
    """Names the modules of a folder and their imports that a rule forbids."""
    return [
        f"{path.relative_to(ROOT)} imports {found.module}"
        for path in modules(folder)
        for found in imports(path)
        if forbidden(found)
    ]


def is_ours(name: str) -> bool:
    return package(name).split(".")[0] in {"fsa_jax", "tasks", "generation"}


def above_the_ground(found: Import) -> bool:
    return found.module.startswith("fsa_jax.") and package(found.module) not in GROUND


def test_every_wing_has_its_floor():
    wings = {path.parent.name for path in (ROOT / "fsa_jax").glob("*/__init__.py")}
    assert wings <= set().union(*FLOORS)
    loose = [path.name for path in (ROOT / "fsa_jax").glob("*.py")]
    assert loose == ["__init__.py"]


@pytest.mark.parametrize("floor", range(len(FLOORS)))
def test_no_import_runs_up_or_to_a_neighbour(floor):
    below = {f"fsa_jax.{wing}" for wings in FLOORS[:floor] for wing in wings}
    for wing in FLOORS[floor]:
        if not (ROOT / "fsa_jax" / wing).is_dir():
            continue
        own = f"fsa_jax.{wing}"
        allowed = {own, *below, "fsa_jax.__version__"}
        found = breaches(
            f"fsa_jax/{wing}",
            lambda i, ok=allowed: i.module.startswith("fsa_jax.") and package(i.module) not in ok,
        )
        assert found == []


def test_no_circle():
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for folder in ("fsa_jax", "tasks", "generation")
        for path in modules(folder)
    }

    def known(name: str) -> str | None:
        return next((n for n in (name, name.rpartition(".")[0]) if n in names), None)

    graph = {
        name: {known(i.module) for i in imports(path) if i.at_once and is_ours(i.module)} - {None}
        for name, path in names.items()
    }
    assert sum(map(len, graph.values())) > 200
    list(graphlib.TopologicalSorter(graph).static_order())


def test_the_ground_floor_is_light():
    found = breaches("fsa_jax/opinions", lambda i: package(i.module) in HEAVY)
    found += breaches("fsa_jax/runtime", lambda i: i.at_once and package(i.module) in HEAVY)
    assert found == []
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for wing in ("opinions", "runtime")
        for path in modules(f"fsa_jax/{wing}")
    ]
    script = (
        "import importlib, sys\n"
        f"for name in {names}: importlib.import_module(name)\n"
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_core_knows_no_gin_and_no_tasks():
    outside = {"tasks", "generation"}
    for wing in set().union(*FLOORS) - {"cli"}:
        if (ROOT / "fsa_jax" / wing).is_dir():
            found = breaches(f"fsa_jax/{wing}", lambda i: package(i.module) in {"gin", *outside})
            assert found == []
    # Commands find them when they are called.
    assert breaches("fsa_jax/cli", lambda i: i.at_once and package(i.module) in outside) == []


def test_generation_knows_the_ground_floor_alone():
    strangers = {"tasks", "seqio", "gin", "flax", "jax", "t5x"}
    assert breaches("generation", above_the_ground) == []
    assert breaches("generation", lambda i: package(i.module) in strangers) == []
    assert breaches("generation", lambda i: i.at_once and package(i.module) in HEAVY) == []
    tensorflow = breaches("generation", lambda i: package(i.module).startswith("tensorflow"))
    assert {line.partition(" ")[0] for line in tensorflow} == {"generation/corpus/tfds_files.py"}


def test_tasks_are_registration_over_the_ground_floor():
    assert breaches("tasks", above_the_ground) == []
    strangers = {"generation", "gin", *LEARNING}
    assert breaches("tasks", lambda i: package(i.module) in strangers) == []


def test_a_breach_is_seen(tmp_path):
    """The rules above read all forms of imports."""
    path = tmp_path / "module.py"
    path.write_text(
        "import jax.numpy as jnp\nfrom fsa_jax import cli\ntry:\n    import gin\nexcept OSError:\n"
        "    pass\nclass A:\n    from tasks import x\n    def f(self):\n        import seqio\n"
    )
    assert set(imports(path)) == {
        ("jax.numpy", True),
        ("fsa_jax.cli", True),
        ("gin", True),
        ("tasks.x", True),
        ("seqio", False),
    }
    assert [package(name) for name in ("fsa_jax.model.layers", "jax.numpy")] == [
        "fsa_jax.model",
        "jax",
    ]

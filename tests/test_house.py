"""The house keeps its measures: small modules, functions and folders, and tests for each module."""

import ast
import collections
import pathlib

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("fsa_jax", "tasks", "generation", "scripts")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MODULE_LINES, FUNCTION_LINES, FOLDER_MODULES = 500, 80, 12


def name_of(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


def long_functions(source: str) -> list[str]:
    """Functions of more than ``FUNCTION_LINES`` lines, decorators and docstring included."""
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    found = []
    for node in functions:
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        if node.end_lineno - first + 1 > FUNCTION_LINES:
            found.append(node.name)
    return found


def test_modules_and_functions_are_short():
    too_long = []
    for path in MODULES:
        source = path.read_text(encoding="utf-8")
        if source.count("\n") > MODULE_LINES:
            too_long.append(name_of(path))
        too_long += [f"{name_of(path)}: {function}" for function in long_functions(source)]
    assert not too_long


def test_a_long_function_is_found():
    body = "    pass\n" * (FUNCTION_LINES - 1)
    assert long_functions(f"class A:\n  def short(self):\n{body}") == []
    assert long_functions(f"@property\ndef long(self):\n{body}") == ["long"]
    assert long_functions(f"async def long(self):\n    pass\n{body}") == ["long"]


def test_folders_hold_few_modules():
    sizes = collections.Counter(name_of(m.parent) for m in MODULES if m.name != "__init__.py")
    assert {folder: size for folder, size in sizes.items() if size > FOLDER_MODULES} == {}


def test_each_module_has_its_test_file():
    missing = []
    for path in MODULES:
        test = ROOT / "tests" / path.relative_to(ROOT).parent / f"test_{path.stem}.py"
        if path.name != "__init__.py" and not test.exists():
            missing.append(name_of(path))
    assert not missing, "write tests/<folder>/test_<module>.py"

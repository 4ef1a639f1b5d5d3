"""Docstrings speak one dialect (CONTRIBUTING.md, Style)."""

import ast
import inspect
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields):\n((?: +.*\n|\n)*)", re.MULTILINE)
ENTRY = re.compile(r" {4}\*{0,2}\w[\w, *.]*: (.*)")
# Of a continued entry or of a list within it.
CONTINUED = re.compile(r" {8}")


def docstrings(source: str):
    """Yields all docstrings, with the line of the owner and whether it is a dataclass.

    Those of commands are left out: they are their help.
    """
    for node in ast.walk(ast.parse(source)):
        text = ast.get_docstring(node, clean=False) if isinstance(node, DOCUMENTED) else None
        decorators = [ast.unparse(d) for d in getattr(node, "decorator_list", [])]
        if text and not any("command" in d or "callback" in d for d in decorators):
            is_data = any("dataclass" in d for d in decorators)
            yield getattr(node, "lineno", 1), inspect.cleandoc(text), is_data


def is_lower(text: str) -> bool:
    word = text.split(" ", 1)[0].strip(",.;:")
    return word.isalpha() and word.islower()


def faults(source: str):
    """Yields what is wrong with a module's docstrings, each with the line of its owner."""
    for line, text, is_data in docstrings(source):
        if re.search(r"(?<!`)`(?!`)[^`]+`(?!`)", text):
            yield line, "code stands in double backticks"
        for name, body in SECTION.findall(text + "\n"):
            if is_data and name == "Args":
                yield line, "fields of a dataclass are Attributes"
            for row in filter(str.strip, body.splitlines()):
                entry = ENTRY.fullmatch(row)
                if name in ("Returns", "Yields"):
                    if not row.startswith("    ") or row[4:5] == " ":
                        yield line, f"{name}: four blanks"
                elif entry is None and not CONTINUED.match(row):
                    yield line, f"{name}: an entry has four blanks, its name and a colon"
                elif entry and is_lower(entry[1]):
                    yield line, f"{name}: an entry begins with a capital"


@pytest.mark.parametrize("package", ["fsa_jax", "tasks", "generation", "scripts"])
def test_docstrings_speak_one_dialect(package):
    paths = sorted((ROOT / package).rglob("*.py"))
    assert paths
    found = [
        f"{path.relative_to(ROOT)}:{line}: {fault}"
        for path in paths
        for line, fault in faults(path.read_text("utf-8"))
    ]
    assert found == []


def test_a_fault_is_seen():
    source = (
        'def f(x):\n    """Does `x`.\n\n    Args:\n      x: two blanks.\n\n'
        '    Returns:\n      something.\n    """\n'
    )
    assert [fault for _, fault in faults(source)] == [
        "code stands in double backticks",
        "Args: an entry has four blanks, its name and a colon",
        "Returns: four blanks",
    ]
    fields = '@dataclass\nclass A:\n    """A.\n\n    Args:\n        x: X.\n    """\n'
    assert list(faults(fields)) == [(2, "fields of a dataclass are Attributes")]
    lower = '"""Module.\n\nRaises:\n    ValueError: a fault.\n"""\n'
    assert list(faults(lower)) == [(1, "Raises: an entry begins with a capital")]
    right = '"""Module with ``code``.\n\nArgs:\n    x: A\n        longer one.\n"""\n'
    assert list(faults(right)) == []

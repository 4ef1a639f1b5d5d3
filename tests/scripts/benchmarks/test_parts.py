"""The parts of a step and the rest make the whole."""

import importlib.util
import pathlib
import sys

FOLDER = pathlib.Path(__file__).parents[3] / "scripts" / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_parts_of_a_step_and_the_rest_make_the_whole():
    parts = load("parts")
    config = parts.T5Config(64, 16, 2, 8, 32, 2, 3)
    made = parts.make_parts(config, 2, 24, 48)
    measured = parts.measure(made, 1)
    assert all(part["seconds"] > 0 and part["of_peak"] > 0 for part in measured.values())
    whole = measured.pop(parts.WHOLE)
    assert sum(part["flops"] for part in measured.values()) == whole["flops"]

    named = {name: {"seconds": 1.0, "flops": 1.0, "of_peak": 0.5} for name in measured}
    found = {"rows": 2, "inputs": 24, "targets": 48, "command": "python -m x", "parts": named}
    found |= {"whole": {"seconds": 8.0, "of_peak": 0.4}}
    page = load("run").parts_section(found)
    assert "| the rest | 2.00 s | 25% | |" in page
    assert "| the whole | 8.00 s | | 40% |" in page

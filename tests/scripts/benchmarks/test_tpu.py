"""What is said of the TPU compiler's figures, and where it is missing."""

import argparse
import importlib
import pathlib

import pytest


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(pathlib.Path(__file__).parents[3])
    return lambda name: importlib.import_module(f"scripts.benchmarks.{name}")


def test_without_the_tpus_compiler_the_results_say_so(benchmarks, monkeypatch):
    tpu = benchmarks("tpu")
    monkeypatch.setattr(tpu.importlib.util, "find_spec", lambda name: None)
    found = tpu.compare(argparse.Namespace(rows=4, inputs=256, targets=800, sizes=["base"]))
    assert found["left_out"]["ours"] == "libtpu is not installed"
    assert not found["sizes"]
    section = benchmarks("run").tpu_section(found | {"command": "python -m x"})
    assert "Left out: fsa_jax: libtpu is not installed." in section


def test_the_report_holds_the_compilers_figures(benchmarks):
    figures = {"flops": 3.3e12, "memory_bytes": 14e9, "bytes_accessed": 63e9, "temporaries": 2e9}
    results = {
        "chip": "v5e",
        "rows": 4,
        "inputs": 256,
        "targets": 800,
        "command": "python -m x",
        "sizes": {"base": {"ours": figures}},
        "left_out": {"t5x": "T5X cannot be imported"},
    }
    section = benchmarks("run").tpu_section(results)
    assert "| T5-base | fsa_jax | 3.30 TFLOP | 14.0 GB | 63.0 GB | 2.00 GB |" in section
    assert "Left out: T5X's network and loss: T5X cannot be imported." in section

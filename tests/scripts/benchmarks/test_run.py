"""The peers and the report of the benchmarks: a wrong peer would make every ratio worthless."""

import importlib.util
import pathlib
import sys

import pytest

FOLDER = pathlib.Path(__file__).parents[3] / "scripts" / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_report_holds_what_was_measured():
    run = load("run")
    three = {"ours": 300.0, "torch_float32": 100.0, "torch_bfloat16": 200.0}
    training = {
        "command": "python -m x",
        "data": "made-up data",
        "rounds": 3,
        "parameters": 60e6,
        "target_tokens_per_second": three,
        "speed_ratio": {"torch_float32": 3.0, "torch_bfloat16": 1.5},
        "seconds_per_update": three,
        "examples_per_update": three,
        "fill": dict.fromkeys(three, 0.97),
        "peak_memory": dict.fromkeys(three, 2**31),
        "mfu": 0.55,
        "matmul_peak": 357e9,
        "peer_matmul_peak": {"torch_float32": 189e9, "torch_bfloat16": 742e9},
        "first_step_seconds": 40.0,
        "machine": {"processor": "a machine", "cores": 2, "python": "3.11", "versions": {}},
        "left_out": {"t5x": "t5x was killed by SIGKILL"},
        "date": "2026-01-01",
    }
    page = run.report({"training": training})
    for words in (
        "3.00×",
        "1.50×",
        "55%",
        "357 GFLOP/s; PyTorch's is 189",
        "2.00 GiB",
        "97%",
        "5.45× as fast",
        "a machine, 2 cores",
        "Left out: T5X's network and loss, float32, our packed rows: t5x was killed by SIGKILL.",
    ):
        assert words in page
    alone = training | {"target_tokens_per_second": {"ours": 300.0, "torch_float32": 100.0}}
    assert "bfloat16 autocast" not in run.report({"training": alone})
    no_peer = run.report(
        {"training": training | {"speed_ratio": {}, "target_tokens_per_second": {}}}
    )
    assert "PyTorch's is" not in no_peer
    with pytest.raises(KeyError):
        run.report({"training": {}})

"""The peers and the report of the benchmarks: a wrong peer would make every ratio worthless."""

import importlib.util
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from fsa_jax.training import optimizers

FOLDER = pathlib.Path(__file__).parents[3] / "scripts" / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_peers_optimizer_is_ours():
    rng = np.random.default_rng(0)
    start = {"a": rng.normal(size=(5, 7)), "b": 1e-5 * rng.normal(size=3)}
    start = {name: x.astype(np.float32) for name, x in start.items()}
    grads = [{k: rng.normal(size=x.shape).astype(np.float32) for k, x in start.items()}] * 2
    grads += [{k: rng.normal(size=x.shape).astype(np.float32) for k, x in start.items()}]

    ours = optimizers.rms_scaled_adamw(learning_rate=1e-2, clip_norm=None)
    params = jax.tree.map(jnp.asarray, start)
    state = ours.init(params)
    theirs = {k: torch.nn.Parameter(torch.from_numpy(x.copy())) for k, x in start.items()}
    peer = load("torch_t5").RmsScaledAdamW(theirs.values(), lr=1e-2)
    for step in grads:
        updates, state = ours.update(jax.tree.map(jnp.asarray, step), state, params)
        params = jax.tree.map(jnp.add, params, updates)
        for name, p in theirs.items():
            p.grad = torch.from_numpy(step[name])
        peer.step()
    for name, p in theirs.items():
        np.testing.assert_allclose(params[name], p.detach().numpy(), rtol=1e-5, atol=1e-9)
        assert np.abs(start[name] - p.detach().numpy()).max() > 0


def test_the_peer_pads_to_the_longest_and_sees_every_example_once():
    peer = load("torch_t5")
    batch = peer.collate([(np.array([5, 1]), np.array([7, 8, 1])), (np.array([1]), np.array([1]))])
    assert batch["input_ids"].tolist() == [[5, 1], [1, 0]]
    assert batch["attention_mask"].tolist() == [[True, True], [True, False]]
    assert batch["labels"].tolist() == [[7, 8, 1], [1, -100, -100]]
    pairs = [(np.array([i]), np.array([i])) for i in range(12)]
    updates = peer.updates(pairs, batch=2, accumulation=3, seed=0)
    epoch = [next(updates), next(updates)]
    assert [len(update) for update in epoch] == [3, 3]
    seen = [int(pair[0][0]) for update in epoch for batch in update for pair in batch]
    assert sorted(seen) == list(range(12))


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

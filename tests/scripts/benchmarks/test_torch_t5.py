"""The PyTorch peer: a wrong one would make every ratio worthless."""

import importlib.util
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
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

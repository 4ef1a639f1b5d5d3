"""Training throughput and memory: packed rows against a padded PyTorch loop, and against T5X.

    python -m scripts.benchmarks.training [--rounds 3] [--rows 16] [--micro-batches 8]

Prints a JSON object of the results. Both sides train T5-small from random weights on the same
examples without dropout; a round is one update of about fifty examples. Throughput counts real
target tokens, padding left out.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scripts.benchmarks import sides, world

MODULE = "scripts.benchmarks.training"
PEERS = ("torch_float32", "torch_bfloat16", "t5x")


def build_ours(task: str, options: argparse.Namespace) -> sides.Built:
    """Builds our side: the trainer's own step on batches of its own pipeline."""
    begin = time.perf_counter()
    import jax

    from fsa_jax.data.prefetch import prefetch_to_device
    from fsa_jax.model import flops, partitioning
    from fsa_jax.runtime import host_memory
    from fsa_jax.training import optimizers, train_step

    host_memory.keep_freed_memory()  # as `t5x train` does
    config, batches = _packed(task, options)
    mesh = partitioning.make_mesh()
    program = train_step.make_program(
        config,
        optimizers.rms_scaled_adamw(learning_rate=3e-3),
        mesh,
        micro_batches=options.micro_batches,
    )
    rng = jax.random.key(0)
    state = program.init(rng)
    feed = prefetch_to_device(batches, lambda batch: partitioning.put_batch(batch, mesh))
    work = flops.train_flops(config, options.rows, options.inputs, options.targets)

    def measure() -> sides.Record:
        nonlocal state
        start = time.perf_counter()
        batch, info = next(feed)
        state, metrics = program.step(state, batch, rng)
        jax.block_until_ready((state, metrics))
        seconds = time.perf_counter() - start
        return {
            "seconds": seconds,
            "tokens": info.target_tokens,
            "examples": info.examples,
            "loss": float(metrics["loss"]),
            "flops": work / seconds,
            "peak": flops.matmul_peak(),
        }

    measure()
    ready = {
        "first_step": time.perf_counter() - begin,
        "fill": batches.fill["targets"],
        "parameters": flops.count_params(state.params),
    }
    return ready, measure


def _packed(task: str, options: argparse.Namespace) -> tuple[Any, Any]:
    """The network's config and the packed batches."""
    import tasks  # noqa: F401 - registers them
    from fsa_jax.data.batches import TrainBatches
    from fsa_jax.model.network import T5Config

    layers = options.layers
    config = T5Config(32128, 512, 8, 64, 2048, layers, layers, dtype=options.dtype)
    lengths = {"inputs": options.inputs, "targets": options.targets}
    return config, TrainBatches(
        task, "train", lengths, options.rows, pack=True, shuffle=True, seed=0, window=1024
    )


def build_t5x(task: str, options: argparse.Namespace) -> sides.Built:
    """Builds T5X's side, which gets the rows that our side packs."""
    import flax.linen as nn
    import jax

    from fsa_jax.model import network
    from fsa_jax.runtime import host_memory
    from scripts.benchmarks import t5x_peer

    host_memory.keep_freed_memory()
    config, batches = _packed(task, options)
    params = nn.unbox(network.init_params(config, jax.random.key(0)))
    trainer = t5x_peer.Trainer(config, params, options.micro_batches)
    feed = iter(batches)

    def measure() -> sides.Record:
        start = time.perf_counter()
        batch, info = next(feed)
        loss = trainer.update(batch)
        return {
            "seconds": time.perf_counter() - start,
            "tokens": info.target_tokens,
            "examples": info.examples,
            "loss": loss,
            "fill": batches.fill["targets"],
        }

    measure()
    return {"parameters": sum(x.size for x in jax.tree.leaves(params))}, measure


def build_torch(name: str, task: str, options: argparse.Namespace) -> sides.Built:
    """Builds a peer."""
    from scripts.benchmarks import torch_t5

    pairs = world.examples(task, "train")
    config = torch_t5.small_config(num_layers=options.layers, num_decoder_layers=options.layers)
    trainer = torch_t5.Trainer(config, bfloat16=name == "torch_bfloat16")
    updates = torch_t5.updates(pairs, options.batch, options.accumulation, seed=0)

    def measure() -> sides.Record:
        start = time.perf_counter()
        batches = next(updates)
        loss = trainer.update(batches)
        seconds = time.perf_counter() - start
        tokens = [len(goal) for batch in batches for _, goal in batch]
        positions = sum(len(batch) * max(len(goal) for _, goal in batch) for batch in batches)
        return {
            "seconds": seconds,
            "tokens": sum(tokens),
            "examples": len(tokens),
            "loss": loss,
            "fill": sum(tokens) / positions,
        }

    measure()
    parameters = sum(p.numel() for p in trainer.model.parameters())
    return {"parameters": parameters, "peak": torch_t5.matmul_peak(trainer.dtype)}, measure


def usable_peers() -> list[str]:
    """Leaves out bfloat16 where the processor lacks it (it would take hours), and T5X likewise."""
    import torch

    from scripts.benchmarks import torch_t5

    peers = ["torch_float32"]
    if torch_t5.matmul_peak(torch.bfloat16) > torch_t5.matmul_peak(torch.float32) / 4:
        peers.append("torch_bfloat16")
    if importlib.util.find_spec("t5x"):
        peers.append("t5x")
    return peers


def compare(options: argparse.Namespace, arguments: list[str]) -> dict[str, Any]:
    """Measures our side beside each peer, one after the other; returns what was found.

    A peer that ends early, or beside which ours does, is left out with its reason.

    Raises:
        SideEndedError: Our side could be measured beside none, nor alone.
    """
    pairs: dict[str, dict[str, sides.Measured]] = {}
    left_out: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = world.make_world(Path(folder))
        task = f"distill_{data.teacher}_anl_rw"
        specs = {
            name: sides.Spec(name, MODULE, ("--side", name, "--task", task, *arguments))
            for name in ("ours", *options.peers)
        }
        for peer in options.peers:
            try:
                pairs[peer] = sides.measure([specs["ours"], specs[peer]], options.rounds)
            except sides.SideEndedError as error:
                left_out[peer] = str(error)
                print(f"left out: {peer}: {error}", file=sys.stderr, flush=True)
        if not pairs:
            pairs["nobody"] = sides.measure([specs["ours"]], options.rounds)
    return {
        "data": data.words,
        "rounds": options.rounds,
        "left_out": left_out,
        **summary([pair["ours"] for pair in pairs.values()], peers_of(pairs)),
    }


def peers_of(
    pairs: dict[str, dict[str, sides.Measured]],
) -> dict[str, tuple[sides.Measured, sides.Measured]]:
    """Our side and the peer's, measured in turn, by the peer's name."""
    return {peer: (pair["ours"], pair[peer]) for peer, pair in pairs.items() if peer in pair}


def summary(
    ours: list[sides.Measured], peers: dict[str, tuple[sides.Measured, sides.Measured]]
) -> dict[str, Any]:
    """The figures of our side over all its rounds, of the peers, and of both beside each other.

    Args:
        ours: Our side, as often as it was measured.
        peers: See ``peers_of``.
    """
    always = sides.Measured(
        ours[0].ready, [r for one in ours for r in one.rounds], max(one.peak_memory for one in ours)
    )
    every = {"ours": always} | {name: peer for name, (_, peer) in peers.items()}
    speed = lambda r: r["tokens"] / r["seconds"]  # noqa: E731
    fill = {name: peer.median(lambda r: r["fill"]) for name, (_, peer) in peers.items()}
    return {
        "parameters": always.ready["parameters"],
        "examples_per_update": {n: m.median(lambda r: r["examples"]) for n, m in every.items()},
        "seconds_per_update": {n: m.median(lambda r: r["seconds"]) for n, m in every.items()},
        "target_tokens_per_second": {n: m.median(speed) for n, m in every.items()},
        "speed_ratio": {n: one.median(speed) / p.median(speed) for n, (one, p) in peers.items()},
        "peak_memory": {name: measured.peak_memory for name, measured in every.items()},
        "memory_ratio": {n: one.peak_memory / p.peak_memory for n, (one, p) in peers.items()},
        "peer_matmul_peak": {name: p.ready.get("peak") for name, (_, p) in peers.items()},
        "matmul_peak": always.median(lambda r: r["peak"]),
        "mfu": always.median(lambda r: r["flops"] / r["peak"]),
        "fill": {"ours": always.ready["fill"], **fill},
        "first_step_seconds": statistics.median(one.ready["first_step"] for one in ours),
        "all_rounds": {name: measured.rounds for name, measured in every.items()},
    }


def main() -> None:
    """Compares, or plays one side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="+", choices=PEERS, help="default: the usable")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--micro-batches", type=int, default=8)
    parser.add_argument("--inputs", type=int, default=256)
    parser.add_argument("--targets", type=int, default=800)
    parser.add_argument("--batch", type=int, default=20, help="of the peer, padded")
    parser.add_argument("--accumulation", type=int, default=3, help="batches a peer's update")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--dtype", default="float32", help="activations, ours and T5X's")
    parser.add_argument("--side", choices=("ours", *PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side == "ours":
        sides.serve(lambda: build_ours(options.task, options))
    elif options.side == "t5x":
        sides.serve(lambda: build_t5x(options.task, options))
    elif options.side:
        sides.serve(lambda: build_torch(options.side, options.task, options))
    else:
        options.peers = options.peers or usable_peers()
        same = ("rows", "micro_batches", "inputs", "targets", "batch", "accumulation", "layers")
        arguments = [f"--{k.replace('_', '-')}={getattr(options, k)}" for k in (*same, "dtype")]
        try:
            print(json.dumps(compare(options, arguments), indent=2))
        except sides.SideEndedError as error:
            sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

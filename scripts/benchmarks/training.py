"""Training throughput and memory: packed rows in JAX against a padded PyTorch loop.

    python -m scripts.benchmarks.training [--rounds 3] [--rows 16] [--micro-batches 2]

Prints a JSON object of the results. Both sides train T5-small from random weights on the same
examples without dropout; a round is one update of about fifty examples. Throughput counts real
target tokens, padding left out.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from scripts.benchmarks import sides, world

MODULE = "scripts.benchmarks.training"
PEERS = ("torch_float32", "torch_bfloat16")


def build_ours(task: str, options: argparse.Namespace):
    """Builds our side: the trainer's own step on batches of its own pipeline."""
    begin = time.perf_counter()
    import jax

    import tasks  # noqa: F401 - registers them
    from fsa_jax import flops, host_memory, network, optimizers, partitioning, train_step
    from fsa_jax.infeed import TrainBatches, prefetch_to_device

    host_memory.keep_freed_memory()  # as `train.train` does
    config = network.T5Config(
        vocab_size=32128,
        emb_dim=512,
        num_heads=8,
        head_dim=64,
        mlp_dim=2048,
        num_encoder_layers=options.layers,
        num_decoder_layers=options.layers,
        dtype=options.dtype,
    )
    mesh = partitioning.make_mesh()
    lengths = {"inputs": options.inputs, "targets": options.targets}
    batches = TrainBatches(
        task, "train", lengths, options.rows, pack=True, shuffle=True, seed=0, window=1024
    )
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


def build_torch(name: str, task: str, options: argparse.Namespace):
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
    """Leaves out bfloat16 where the processor has no instructions for it: a run takes hours."""
    import torch

    from scripts.benchmarks import torch_t5

    if torch_t5.matmul_peak(torch.bfloat16) > torch_t5.matmul_peak(torch.float32) / 4:
        return list(PEERS)
    return ["torch_float32"]


def compare(options: argparse.Namespace, arguments: list[str]) -> dict[str, Any]:
    """Measures all sides; returns what was found."""
    with tempfile.TemporaryDirectory() as folder:
        data = world.make_world(Path(folder))
        task = f"distill_{data.teacher}_anl_rw"
        running = [
            sides.Side(name, MODULE, ["--side", name, "--task", task, *arguments])
            for name in ("ours", *options.peers)
        ]
        sides.alternate(running, options.rounds)
        peaks = {side.name: side.ready["peak"] for side in running[1:]}
        memory = {side.name: side.close()["peak_memory"] for side in running}
    ours = running[0]
    speed = {side.name: side.median(lambda r: r["tokens"] / r["seconds"]) for side in running}
    found: dict[str, Any] = {
        "data": data.words,
        "rounds": options.rounds,
        "parameters": ours.ready["parameters"],
        "examples_per_update": {s.name: s.median(lambda r: r["examples"]) for s in running},
        "seconds_per_update": {s.name: s.median(lambda r: r["seconds"]) for s in running},
        "target_tokens_per_second": speed,
        "speed_ratio": {name: speed["ours"] / speed[name] for name in options.peers},
        "peak_memory": memory,
        "memory_ratio": {name: memory["ours"] / memory[name] for name in options.peers},
        "peer_matmul_peak": peaks,
        "matmul_peak": ours.median(lambda r: r["peak"]),
        "mfu": ours.median(lambda r: r["flops"] / r["peak"]),
        "fill": {"ours": ours.ready["fill"]},
        "first_step_seconds": ours.ready["first_step"],
        "all_rounds": {side.name: side.rounds for side in running},
    }
    for side in running[1:]:
        found["fill"][side.name] = side.median(lambda r: r["fill"])
    return found


def main() -> None:
    """Compares, or plays one side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="+", choices=PEERS, help="default: the usable")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--micro-batches", type=int, default=2)
    parser.add_argument("--inputs", type=int, default=256)
    parser.add_argument("--targets", type=int, default=800)
    parser.add_argument("--batch", type=int, default=20, help="of the peer, padded")
    parser.add_argument("--accumulation", type=int, default=3, help="batches a peer's update")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--dtype", default="float32", help="activations of our side")
    parser.add_argument("--side", choices=("ours", *PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side == "ours":
        sides.serve(lambda: build_ours(options.task, options))
    elif options.side:
        sides.serve(lambda: build_torch(options.side, options.task, options))
    else:
        options.peers = options.peers or usable_peers()
        same = ("rows", "micro_batches", "inputs", "targets", "batch", "accumulation", "layers")
        arguments = [f"--{k.replace('_', '-')}={getattr(options, k)}" for k in (*same, "dtype")]
        print(json.dumps(compare(options, arguments), indent=2))


if __name__ == "__main__":
    main()

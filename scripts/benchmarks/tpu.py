"""A T5's gradient on a TPU, ours and T5X's, as the TPU's own compiler counts it. Nothing runs.

    pip install libtpu==0.0.52
    python -m scripts.benchmarks.tpu [--sizes base large] [--rows 4] [--inputs 256] [--targets 800]

Prints a JSON object of the results. No TPU is needed: PyPI's libtpu compiles for a slice that is
not there, minutes a program. What is missing, libtpu or T5X, is left out, and the results say so.
"""

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.experimental import topologies

from fsa_jax.model import network
from fsa_jax.model.network import T5Config
from fsa_jax.training import train_step
from scripts.benchmarks import t5x_peer, tpu_program

CHIP = "v5e"
TOPOLOGY = "v5e:2x2"  # the smallest that can be asked for; one of its chips is used
SIZES = {
    "base": T5Config(32128, 768, 12, 64, 3072, 12, 12, dtype="bfloat16"),
    "large": T5Config(32128, 1024, 16, 64, 4096, 24, 24, dtype="bfloat16"),
}


def ours(config: T5Config) -> Callable[..., Any]:
    """Our gradient, ``(params, batch)`` to it."""
    loss = train_step.LossConfig()
    return lambda params, batch: train_step.gradients(
        params, batch, jax.random.key(0), config, loss
    )


def theirs(config: T5Config) -> Callable[..., Any]:
    """T5X's."""
    loss = t5x_peer.model(config).loss_fn
    return lambda params, batch: jax.value_and_grad(lambda p: loss(p, batch, None)[0])(params)


def arguments(config: T5Config, options: argparse.Namespace, chip: Any) -> tuple[Any, Any]:
    """Shapes of the parameters, and of a batch of packed rows, on ``chip``."""

    def row(length: int, dtype: Any = jnp.int32) -> Any:
        return jax.ShapeDtypeStruct((options.rows, length), dtype)

    batch = {"decoder_loss_weights": row(options.targets, jnp.float32)}
    batch |= {"decoder_target_tokens": row(options.targets)}
    for part, length in (("encoder", options.inputs), ("decoder", options.targets)):
        for name in ("input_tokens", "segment_ids", "positions"):
            batch[f"{part}_{name}"] = row(length)
    params = jax.eval_shape(lambda: nn.unbox(network.init_params(config, jax.random.key(0))))
    params, batch = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=chip), (params, batch)
    )
    return params, batch


def count(gradient: Callable[..., Any], *args: Any) -> dict[str, float]:
    """Compiles, and says what the program does."""
    start = time.perf_counter()
    compiled = jax.jit(gradient).lower(*args).compile()
    cost: Any = compiled.cost_analysis()
    memory: Any = compiled.memory_analysis()
    return {
        "flops": cost["flops"],
        "bytes_accessed": cost["bytes accessed"],
        "memory_bytes": tpu_program.memory_bytes(compiled.as_text()),
        "temporaries": memory.temp_size_in_bytes,
        "compile_seconds": time.perf_counter() - start,
    }


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """The figures of both sides, by size; what could not be had is in ``left_out``."""
    result: dict[str, Any] = {
        name: getattr(options, name) for name in ("rows", "inputs", "targets")
    }
    result |= {"chip": CHIP, "sizes": {}, "left_out": {}}
    sides = {"ours": ours, "t5x": theirs}
    if importlib.util.find_spec("t5x") is None:
        result["left_out"]["t5x"] = "T5X cannot be imported"
        del sides["t5x"]
    if importlib.util.find_spec("libtpu") is None:
        result["left_out"] = dict.fromkeys(("ours", "t5x"), "libtpu is not installed")
        return result
    chip = jax.sharding.SingleDeviceSharding(
        topologies.get_topology_desc(TOPOLOGY, "tpu").devices[0]
    )
    for size in options.sizes:
        for name, make in sides.items():
            print(f"compiling T5-{size}: {name}", file=sys.stderr, flush=True)
            found = count(make(SIZES[size]), *arguments(SIZES[size], options, chip))
            result["sizes"].setdefault(size, {})[name] = found
    return result


def main() -> None:
    """Compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--inputs", type=int, default=256)
    parser.add_argument("--targets", type=int, default=800)
    options = parser.parse_args()
    # The compiler shall look for no TPU, not wait for another compiler, and run nothing.
    os.environ |= {"TPU_SKIP_MDS_QUERY": "1", "ALLOW_MULTIPLE_LIBTPU_LOAD": "1"}
    jax.config.update("jax_platforms", "cpu")
    print(json.dumps(compare(options), indent=2))


if __name__ == "__main__":
    main()

"""``t5x train --dry_run``: what a run would take, found by compiling it and nothing else.

The step is compiled for the devices at hand, for simulated ones (``cpu:8``), or, where PyPI's
``libtpu`` is installed, for a TPU slice that is not there (``v5e:2x4``) by the compiler that the
slice would use. No parameter is allocated, no data is read.
"""

import os
import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from rich.console import Console
from rich.table import Table

from fsa_jax.data.batches import DataConfig
from fsa_jax.model import flops, partitioning
from fsa_jax.model.network import T5Config
from fsa_jax.training import train_step
from fsa_jax.training.loop import RunConfig

_COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")


def dry_run(config: RunConfig, topology: str | None = None) -> dict[str, Any]:
    """Compiles the step of a run and prints what it takes.

    Args:
        config: The run.
        topology: Devices, for example ``v5e:2x4`` or ``cpu:8``; None for those at hand.

    Returns:
        What is printed, by name.

    Raises:
        ValueError: A topology that cannot be had here, settings that do not fit it, or a step that
            takes more memory than its devices have.
    """
    data, parallel = config.data, config.parallel
    mesh = partitioning.make_mesh(parallel.model, _devices(topology))
    multiple = train_step.check_batch_size(data.batch_size, mesh, parallel.micro_batches)
    rows = data.assumed_rows(multiple)
    lengths = data.task_feature_lengths
    if None in lengths.values():
        raise ValueError("--dry_run reads no data: give TASK_FEATURE_LENGTHS as numbers")
    program = train_step.make_program(
        config.model,
        config.optimizer(learning_rate=config.learning_rate(steps=config.total_steps or 1000)),
        mesh,
        fsdp=parallel.fsdp,
        micro_batches=parallel.micro_batches,
        loss_config=config.loss,
    )
    batch = _abstract_batch(data, rows, mesh)
    rng = jax.eval_shape(lambda: jax.random.key(0))
    step: Any = program.step  # jitted
    compiled = _compile(step.lower(program.abstract, batch, rng))
    facts = _facts(config.model, data, rows, program, compiled)
    if data.batch_size is None:
        facts["rows a step"] += ", at most (the data decide; BATCH_SIZE says so itself)"
    table = Table(title=f"dry run of {data.mixture_or_task_name}", show_header=False)
    for name, value in facts.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
    Console().print(table)
    return facts


def _compile(lowered: jax.stages.Lowered) -> Any:
    try:
        return lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        text = " ".join(str(error).split())
        if "RESOURCE_EXHAUSTED" not in text:
            raise
        found = re.search(r"Ran out of memory.*?(?=\. |$)", text)
        raise ValueError(
            f"the step does not fit a device: {found[0] if found else text}; raise MICRO_BATCHES "
            "or MODEL_PARALLEL, set FSDP = True, lower BATCH_SIZE, or take a larger slice"
        ) from error


def _facts(
    model: T5Config, data: DataConfig, rows: int, program: train_step.Program, compiled: Any
) -> dict[str, Any]:
    lengths = data.task_feature_lengths
    params = flops.count_params(program.abstract.params)
    step_flops = flops.train_flops(model, rows, lengths["inputs"], lengths["targets"])  # type: ignore[arg-type]
    memory = compiled.memory_analysis()
    text = compiled.as_text()
    counts = {name: len(re.findall(rf" {name}(?:-start)?\(", text)) for name in _COLLECTIVES}
    mesh = program.mesh
    return {
        "devices": f"{mesh.size} × {mesh.devices.flat[0].device_kind} as "
        + " × ".join(f"{name} {size}" for name, size in mesh.shape.items()),
        "parameters": params,
        "model FLOPs a step": f"{step_flops:.3e}",
        "rows a step": f"{rows} of {lengths['inputs']}/{lengths['targets']} tokens",
        "bytes a device: state": memory.argument_size_in_bytes,
        "bytes a device: temporaries": memory.temp_size_in_bytes,
        "bytes a device: peak at most": memory.argument_size_in_bytes
        + memory.temp_size_in_bytes
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes,
        "collectives": ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        or "none",
    }


def _abstract_batch(data: DataConfig, rows: int, mesh: Mesh) -> dict[str, jax.ShapeDtypeStruct]:
    sharding = partitioning.batch_sharding(mesh)
    lengths = data.task_feature_lengths

    def array(feature: str, dtype: Any = jnp.int32) -> jax.ShapeDtypeStruct:
        shape = (rows, lengths[feature])
        return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)

    batch = {
        "encoder_input_tokens": array("inputs"),
        "decoder_input_tokens": array("targets"),
        "decoder_target_tokens": array("targets"),
        "decoder_loss_weights": array("targets", jnp.float32),
    }
    if data.pack:
        for part, feature in (("encoder", "inputs"), ("decoder", "targets")):
            batch |= {f"{part}_segment_ids": array(feature), f"{part}_positions": array(feature)}
    return batch


def _devices(topology: str | None) -> Sequence[jax.Device] | None:
    if topology is None:
        return None
    if topology.startswith("cpu:"):
        wanted = int(topology.removeprefix("cpu:"))
        devices = jax.devices("cpu")
        if len(devices) < wanted:
            raise ValueError(
                f"--topology={topology}: JAX sees {len(devices)} CPU devices; set "
                f"XLA_FLAGS=--xla_force_host_platform_device_count={wanted}"
            )
        return devices[:wanted]
    from jax.experimental import topologies

    # Only the compiler is used, no chip: so libtpu need not be this process's alone.
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
    try:
        slice_: Any = topologies.get_topology_desc(topology, "tpu")
        if any(device.core_on_chip for device in slice_.devices):
            # The two cores of a v4 or v5p chip are run as one device.
            megacore = {"chip_config_name": "megacore"}
            slice_ = topologies.get_topology_desc(topology, "tpu", **megacore)
        return list(slice_.devices)
    except (RuntimeError, ValueError, NotImplementedError) as error:
        raise ValueError(
            f"--topology={topology} cannot be compiled for here (pip install libtpu): "
            f"{str(error).splitlines()[0]}"
        ) from error

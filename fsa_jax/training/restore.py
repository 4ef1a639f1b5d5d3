"""Where a run's weights come from: one rule decides, and the run prints which.

1. The run directory's latest checkpoint: an interrupted run goes on.
2. An explicit resume path: another run's whole state (weights, optimizer, place in the data).
3. Initial weights: parameters alone, from our checkpoints, T5X's, or a Hugging Face T5.
4. Scratch: random parameters from the seed.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from etils import epath

from fsa_jax.huggingface import weights
from fsa_jax.model import network
from fsa_jax.model.network import T5Config
from fsa_jax.runtime.run_directory import RunDirectory, absolute, find_checkpoint
from fsa_jax.training import checkpoints
from fsa_jax.training.checkpoints import Checkpoints
from fsa_jax.training.train_step import Program, TrainState


def restore_or_init(
    program: Program,
    config: T5Config,
    saved: Checkpoints,
    *,
    resume_path: str | None,
    initial_path: str | None,
    rng: jax.Array,
    say: Callable[[str], object],
) -> tuple[TrainState, dict[str, int] | None]:
    """Applies the rule above.

    Args:
        program: Whose train state is wanted.
        config: The network.
        saved: The run directory's checkpoints.
        resume_path: A checkpoint of ours, or a run directory.
        initial_path: A checkpoint or run directory, ours or T5X's; a Hugging Face folder or
            ``.safetensors`` file.
        rng: Key of the random parameters.
        say: Gets one line that tells which rule held.

    Returns:
        The train state, and the place in the data or None to begin at its start.

    Raises:
        FileNotFoundError: A path that holds nothing.
        ValueError: Weights of another model.
    """
    latest = saved.latest_step
    if latest is not None:
        say(f"restored: resuming this run from {saved.run.checkpoint(latest)}")
        return saved.restore(latest)
    if resume_path:
        path = _latest(resume_path)
        say(f"restored: whole state (weights, optimizer, place in the data) of {path}")
        state, place = checkpoints.restore_run(path, config, program.abstract)
        return state, place or None
    if initial_path:
        params, found = load_params(initial_path, config, program.abstract.params, say)
        say(f"restored: initial weights of {found}; optimizer and data from their start")
        state = program.init(rng)
        return dataclasses.replace(state, params=params), None
    say("restored: nothing; random weights from the seed")
    return program.init(rng), None


def _latest(path: str) -> epath.Path:
    """A checkpoint itself, or the newest of a run directory."""
    run = RunDirectory(path)
    steps = run.steps()
    return find_checkpoint(path, steps[-1] if steps else None)[0]


def load_params(
    path: str,
    config: T5Config,
    abstract_params: Any,
    say: Callable[[str], object],
    step: int | None = None,
) -> tuple[Any, str]:
    """Reads parameters from whatever ``path`` is, onto the devices of ``abstract_params``.

    Args:
        path: A checkpoint or run directory, ours or T5X's; a Hugging Face folder or file.
        config: The network.
        abstract_params: Shapes, types and shardings.
        say: Gets a line for whatever was adapted.
        step: Which checkpoint of a run directory; None for the best where the run kept one, else
            the latest.

    Returns:
        The parameters, and what they were read from.

    Raises:
        FileNotFoundError: The path holds nothing.
        ValueError: Weights of another model.
    """
    source = absolute(path)
    if not is_huggingface(source):
        found, why = find_checkpoint(path, step)
        return checkpoints.restore_params(found, config, abstract_params), f"{found} ({why})"
    params = network.stack_layers(weights.load_params(source, config, say), config)
    on_devices = jax.tree.map(
        lambda x, like: jax.device_put(jnp.asarray(x, like.dtype), like.sharding),
        params,
        abstract_params,
    )
    return on_devices, f"Hugging Face model {source}"


def is_huggingface(source: epath.Path) -> bool:
    """Whether a path is a Hugging Face model folder, or a file of weights."""
    return source.suffix in (".safetensors", ".json") or (source / "config.json").is_file()

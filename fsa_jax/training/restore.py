"""Where a run's weights come from: one rule decides, and the run prints which.

1. The run directory's latest checkpoint: an interrupted run goes on.
2. An explicit resume path: another run's whole state (weights, optimizer, place in the data).
3. Initial weights: parameters alone, from our checkpoints, T5X's, or a Hugging Face T5.
4. Scratch: random parameters from the seed.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from etils import epath

from fsa_jax.huggingface import weights
from fsa_jax.model import network
from fsa_jax.model.network import T5Config
from fsa_jax.training import checkpoints
from fsa_jax.training.checkpoints import Checkpoints
from fsa_jax.training.train_step import Program, TrainState


def restore_or_init(
    program: Program,
    config: T5Config,
    run: Checkpoints,
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
      run: The run directory's checkpoints.
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
    latest = run.latest_step
    if latest is not None:
        say(f"restored: resuming this run from {run.path(latest)}")
        return run.restore(latest)
    if resume_path:
        path = checkpoints.find_checkpoint(resume_path)
        say(f"restored: whole state (weights, optimizer, place in the data) of {path}")
        state, place = checkpoints.restore_run(path, config, program.abstract)
        return state, place or None
    if initial_path:
        params, found = load_params(initial_path, config, program.abstract.params, say)
        say(f"restored: initial weights of {found}; optimizer and data from their start")
        state = program.init(rng)
        return state.replace(params=params), None
    say("restored: nothing; random weights from the seed")
    return program.init(rng), None


def load_params(
    path: str, config: T5Config, abstract_params: Any, say: Callable[[str], object]
) -> tuple[Any, str]:
    """Reads parameters from whatever ``path`` is, onto the devices of ``abstract_params``.

    Returns:
      The parameters, and what they were read from.
    """
    source = epath.Path(path)
    is_hf = source.suffix in (".safetensors", ".json") or (source / "config.json").is_file()
    if not is_hf:
        found = checkpoints.find_checkpoint(path)
        return checkpoints.restore_params(found, config, abstract_params), str(found)
    params = network.stack_layers(weights.load_params(source, config, say), config)
    on_devices = jax.tree.map(
        lambda x, like: jax.device_put(jnp.asarray(x, like.dtype), like.sharding),
        params,
        abstract_params,
    )
    return on_devices, f"Hugging Face model {source}"

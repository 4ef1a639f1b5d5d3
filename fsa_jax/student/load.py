"""The one way to load a finished student: its size, its parameters, its task.

A run directory tells all that is needed in its ``manifest.json``: the student's size and the task
it was trained on (whose vocabulary it speaks).
"""

import dataclasses
import importlib
import sys
from collections.abc import Callable
from typing import Any

import jax
import seqio

from fsa_jax.data.providers import get_provider
from fsa_jax.huggingface import weights
from fsa_jax.model import flops, network, partitioning
from fsa_jax.model.network import T5Config
from fsa_jax.runtime.run_directory import absolute, find_checkpoint, run_of, step_of
from fsa_jax.training import restore


@dataclasses.dataclass(frozen=True)
class Student:
    """A student ready to answer.

    Attributes:
        params: Its parameters.
        config: Its size and kind, without dropout.
        task: The task or mixture that it speaks the vocabulary of.
        facts: What its run's manifest says; empty for weights of elsewhere.
        step: Updates of the checkpoint that was read; 0 for weights of elsewhere.
    """

    params: Any
    config: T5Config
    task: seqio.Task | seqio.Mixture
    facts: dict[str, Any]
    step: int

    @property
    def parameters(self) -> int:
        """How many numbers it is made of."""
        return flops.count_params(self.params)

    @property
    def vocabulary(self) -> seqio.Vocabulary:
        """The vocabulary of inputs and targets."""
        return self.task.output_features["targets"].vocabulary


def to_stderr(line: str) -> None:
    """Prints a line where it does not mix with answers."""
    print(line, file=sys.stderr)


def load(
    checkpoint: str,
    task: str | None = None,
    *,
    module: str | None = None,
    model: T5Config | None = None,
    step: int | None = None,
    say: Callable[[str], object] = to_stderr,
) -> Student:
    """Reads a student from a run directory, one of its checkpoints, or a Hugging Face folder.

    Args:
        checkpoint: Where it lies.
        task: A registered SeqIO name; None for the one that the run was trained on.
        module: What to import so that the name is registered; None where it is already.
        model: Its size and kind; None for what the run's manifest or the HF config says.
        step: Which checkpoint of a run directory; None for the best where the run kept one, else
            the latest.
        say: Gets one line that tells what was read.

    Returns:
        The student, its parameters on the devices.

    Raises:
        FileNotFoundError: There is no student.
        ValueError: The task is not known or not told, or the weights are those of another model.
    """
    is_huggingface = restore.is_huggingface(absolute(checkpoint))
    if is_huggingface and step is not None:
        raise ValueError(f"step {step}: {checkpoint} is a Hugging Face folder, which holds but one")
    # What is not there is told before anything is loaded.
    at = 0 if is_huggingface else step_of(find_checkpoint(checkpoint, step)[0])
    if module:
        importlib.import_module(module)
    facts = run_of(checkpoint).manifest()
    name = task or facts.get("mixture_or_task_name")
    if not name:
        raise ValueError(f"{checkpoint} does not tell its task: give --task")
    provider = get_provider(name) if task else own_task(checkpoint, name)
    config = (model or _told_config(checkpoint, facts)).without_dropout()
    boxed = jax.eval_shape(lambda: network.init_params(config, jax.random.key(0)))
    abstract = partitioning.abstract(boxed, partitioning.make_mesh(), partitioning.axis_rules())
    params, found = restore.load_params(checkpoint, config, abstract, say, step)
    say(f"restored: weights of {found}")
    return Student(params, config, provider, facts, at)


def identity(checkpoint: str, step: int | None = None) -> list[tuple[str, int, float]]:
    """Tells one student from another, without reading it: its files, their sizes and times.

    What lies beside the checkpoint in its run and says how to read it (its calibration) counts.

    Args:
        checkpoint: As in ``load``.
        step: As in ``load``.

    Raises:
        FileNotFoundError: There is no student.
    """
    folder = absolute(checkpoint)
    if not restore.is_huggingface(folder):
        folder = find_checkpoint(checkpoint, step)[0]
    beside = run_of(checkpoint).path.glob("*.json")
    files = [(str(file), file.stat()) for file in sorted({*folder.iterdir(), *beside})]
    return [(name, int(stat.length), float(stat.mtime)) for name, stat in files]


def own_task(checkpoint: str, name: str) -> seqio.Task | seqio.Mixture:
    """Returns what a run was trained on.

    Args:
        checkpoint: The run, for the message.
        name: What its manifest names; a gin file may have made it, for that run alone.

    Raises:
        ValueError: Nothing of that name is registered.
    """
    try:
        return get_provider(name)
    except ValueError as error:
        raise ValueError(
            f"{checkpoint} was trained on {name}, which is not registered here: give --task with a "
            "registered task of the same vocabulary (it decides how answers are read), or --module "
            "with the module that registers this one"
        ) from error


def _told_config(checkpoint: str, facts: dict[str, Any]) -> T5Config:
    if "model" in facts:
        return T5Config(**facts["model"])
    if restore.is_huggingface(absolute(checkpoint)):
        return weights.config_from_hf(checkpoint)
    find_checkpoint(checkpoint)
    raise ValueError(f"{checkpoint} lacks the run's manifest.json, so its size is not known")

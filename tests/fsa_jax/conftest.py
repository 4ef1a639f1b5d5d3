"""A run that has finished, for all who read one."""

import dataclasses

import echo
import flax.linen as nn
import jax
import pytest
import seqio

import tasks  # noqa: F401 - registers them
from fsa_jax.model import network
from fsa_jax.runtime.run_directory import RunDirectory
from fsa_jax.student.load import Student
from fsa_jax.training import loop


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A finished run of the echo task, with checkpoints after steps 3 and 6, and its task."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    with echo.registered("echo_for_students") as task:
        loop.train(echo.run_config(task, folder, seed=7))
        yield RunDirectory(folder), task


@pytest.fixture
def student(data_dir):
    """A tiny student with random weights."""
    config = dataclasses.replace(echo.MODEL, vocab_size=384)
    params = nn.unbox(network.init_params(config, jax.random.key(0)))
    return Student(params, config, seqio.get_mixture_or_task("tsa_rest14"), {}, 0)

"""Runs of two processes, each a host with one CPU device, that talk to each other over TCP."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import flax.linen as nn
import jax
import numpy as np
import pytest

from fsa_jax.model import network
from fsa_jax.runtime import exits, hosts
from fsa_jax.training import restore

# A whole run on a task made here; what follows on the command line: directory, steps.
PROGRAM = """
import functools, sys
import jax
from fsa_jax.runtime import hosts
hosts.join()
import seqio
import tensorflow as tf
from fsa_jax.data import batches
from fsa_jax.decoding import search
from fsa_jax.model import network
from fsa_jax.training import config, loop, optimizers, schedules

vocabulary = seqio.ByteVocabulary(extra_ids=0)
def examples(split, shuffle_files=False, seed=None):
    words = ["good", "bad", "fine", "poor"] * (12 if split == "train" else 3)
    inputs = [f"{word} {i}" for i, word in enumerate(words)]
    return tf.data.Dataset.from_tensor_slices({"inputs": inputs, "targets": words})
def share_right(targets, predictions):
    pairs = list(zip(targets, predictions, strict=True))
    return {"f1": 100.0 * sum(a == b for a, b in pairs) / len(pairs)}
seqio.TaskRegistry.add(
    "echo_on_hosts",
    source=seqio.FunctionDataSource(examples, splits=("train", "validation")),
    preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
    output_features={n: seqio.Feature(vocabulary, add_eos=True) for n in ("inputs", "targets")},
    metric_fns=[share_right],
)
results = loop.train(loop.RunConfig(
    network.T5Config(264, 16, 2, 8, 32, 1, 1),
    sys.argv[1],
    batches.DataConfig("echo_on_hosts", {"inputs": 32, "targets": 24}, batch_size=8),
    optimizers.rms_scaled_adamw,
    functools.partial(schedules.constant, peak=1e-2),
    total_steps=int(sys.argv[2]),
    evaluation=config.EvaluationConfig(
        period=1000, metrics=True, decoding=search.DecodingConfig(max_length=8, batch_size=2)
    ),
    checkpoint=config.CheckpointConfig(period=1000),
    parallel=config.ParallelConfig(fsdp=True),
    log_period=1,
))
hosts.say(f"devices {jax.device_count()} results {results}")
"""


def start(model_dir, steps, processes):
    """Starts the program as so many hosts; with one, that host has two devices."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    devices = 1 if processes > 1 else 2
    env = os.environ | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices} "
        "--xla_backend_optimization_level=0"
    }
    started = []
    for index in range(processes):
        if processes > 1:
            env |= {
                "JAX_COORDINATOR_ADDRESS": address,
                "JAX_NUM_PROCESSES": str(processes),
                "JAX_PROCESS_ID": str(index),
            }
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(model_dir), str(steps)],
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return started


def finish(processes, status=0):
    """Returns what each has printed, once all have ended as they should."""
    ends = [process.communicate(timeout=240) for process in processes]
    for process, (_, errors) in zip(processes, ends, strict=True):
        assert process.returncode == status, errors[-3000:]
    return [out for out, _ in ends]


def parameters(model_dir, step):
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    config = network.T5Config(264, 16, 2, 8, 32, 1, 1)
    shapes = jax.eval_shape(lambda: network.init_params(config, jax.random.key(0)))
    abstract = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), nn.unbox(shapes)
    )
    path = os.path.join(model_dir, f"checkpoint_{step}")
    params, _ = restore.load_params(path, config, abstract, print)
    return jax.tree.leaves(jax.device_get(params))


def metrics(model_dir):
    lines = (pathlib.Path(model_dir) / "train" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_two_hosts_train_and_evaluate_like_one(tmp_path):
    both, other = finish(start(tmp_path / "two", 4, processes=2))
    (one,) = finish(start(tmp_path / "one", 4, processes=1))
    assert "devices 2 results" in both
    assert both.splitlines()[-1] == one.splitlines()[-1]
    assert "results" not in other  # one host speaks for all
    for got, want in zip(metrics(tmp_path / "two"), metrics(tmp_path / "one"), strict=True):
        assert got["loss"] == pytest.approx(want["loss"], abs=1e-5)
    pairs = zip(parameters(tmp_path / "two", 4), parameters(tmp_path / "one", 4), strict=True)
    for got, want in pairs:
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_sigterm_to_one_host_stops_all_and_another_number_of_hosts_goes_on(tmp_path):
    running = start(tmp_path / "run", 100_000, processes=2)
    log = tmp_path / "run" / "train" / "metrics.jsonl"
    for _ in range(600):
        if log.exists() and log.read_text().count("\n") >= 2:
            break
        assert running[0].poll() is None, running[0].communicate()[1][-3000:]
        time.sleep(0.2)
    running[1].send_signal(signal.SIGTERM)
    out, _ = finish(running, status=exits.STOPPED)
    stopped = int(out.split("stopped at step ")[1].split(";")[0])
    assert (tmp_path / "run" / f"checkpoint_{stopped}" / "state").is_dir()
    (alone,) = finish(start(tmp_path / "run", stopped + 2, processes=1))
    assert f"resuming this run from {tmp_path}/run/checkpoint_{stopped}" in alone
    assert metrics(tmp_path / "run")[-1]["step"] == stopped + 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"JAX_PROCESS_ID": "0"}, "JAX_PROCESS_ID set, but not JAX_COORDINATOR_ADDRESS"),
        (
            {
                "JAX_COORDINATOR_ADDRESS": "here:1",
                "JAX_NUM_PROCESSES": "2",
                "JAX_PROCESS_ID": "2",
            },
            "JAX_PROCESS_ID=2 of JAX_NUM_PROCESSES=2",
        ),
    ],
)
def test_half_a_description_of_the_hosts_is_refused(monkeypatch, settings, message):
    for name in hosts._VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        hosts.join()

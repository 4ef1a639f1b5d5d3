"""Checkpoints come back to the bit, whatever the layout in memory, and the latest survives."""

import dataclasses
import pathlib

import jax
import numpy as np
import pytest

from fsa_jax.model import network, partitioning
from fsa_jax.runtime.run_directory import RunDirectory
from fsa_jax.training import checkpoints, optimizers, train_step

CONFIG = network.T5Config(
    vocab_size=16,
    emb_dim=8,
    num_heads=2,
    head_dim=4,
    mlp_dim=8,
    num_encoder_layers=2,
    num_decoder_layers=2,
)
PLACE = {"window": 3, "row": 5, "examples": 17}


def program_of(config=CONFIG, optimizer=None, model_parallel=1, fsdp=False):
    optimizer = optimizer or optimizers.rms_scaled_adamw(1e-3)
    mesh = partitioning.make_mesh(model_parallel)
    return train_step.make_program(config, optimizer, mesh, fsdp=fsdp)


def manager(folder, program, config=CONFIG, **options):
    return checkpoints.Checkpoints(RunDirectory(folder), config, program.abstract, **options)


def at_step(state, step):
    return state.replace(step=state.step + step)


def assert_equal(actual, expected):
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(actual), jax.device_get(expected))


@pytest.fixture(scope="module")
def program():
    return program_of()


@pytest.fixture(scope="module")
def state(program):
    return program.init(jax.random.key(0))


def test_restores_state_and_place_in_the_data(tmp_path, program, state):
    run = manager(tmp_path, program)
    run.save(at_step(state, 7), PLACE, None)
    run.close()
    restored, place = manager(tmp_path, program).restore(7)
    assert_equal(restored, at_step(state, 7))
    assert place == PLACE
    assert restored.step.dtype == np.int32
    assert restored.opt_state["adam"].count.dtype == np.int32
    assert (tmp_path / "checkpoint_7" / "state").is_dir()


def test_scanned_run_and_other_sharding_read_an_unrolled_one(tmp_path, program, state):
    run = manager(tmp_path, program)
    run.save(at_step(state, 1), PLACE, None)
    run.close()
    config = dataclasses.replace(CONFIG, scan_layers=True)
    other = program_of(config, model_parallel=2, fsdp=True)
    restored, _ = manager(tmp_path, other, config).restore(1)
    assert_equal(network.unstack_layers(restored.params, config), state.params)
    assert_equal(
        network.unstack_layers(restored.opt_state["adam"].mu, config), state.opt_state["adam"].mu
    )
    assert jax.tree.structure(restored) == jax.tree.structure(other.abstract)


def test_scanned_run_saves_the_layout_of_an_unrolled_one(tmp_path, program):
    config = dataclasses.replace(CONFIG, scan_layers=True)
    other = program_of(config, model_parallel=2)
    state = other.init(jax.random.key(0))
    run = manager(tmp_path, other, config)
    run.save(state, PLACE, None)
    run.close()
    params = checkpoints.restore_params(tmp_path / "checkpoint_0", CONFIG, program.abstract.params)
    assert_equal(params, network.unstack_layers(state.params, config))


def test_keeps_the_best_and_never_deletes_the_latest(tmp_path, program, state):
    run = manager(tmp_path, program, keep=1, best_metric="f1")
    for step, f1 in enumerate([10.0, 50.0, 30.0, 20.0], start=1):
        run.save(at_step(state, step), PLACE, {"f1": f1})
    run.close()
    again = manager(tmp_path, program, keep=1, best_metric="f1")
    assert again.latest_step == 4
    assert again.best_step == 2
    kept = sorted(p.name for p in pathlib.Path(tmp_path).iterdir())
    assert kept == ["checkpoint_2", "checkpoint_4"]


def test_another_optimizer_takes_the_parameters_alone(tmp_path, program, state):
    run = manager(tmp_path, program)
    run.save(state, PLACE, None)
    run.close()
    other = program_of(optimizer=optimizers.adafactor(1e-3))
    with pytest.raises(ValueError, match="optimizer differs"):
        manager(tmp_path, other).restore(0)
    params = checkpoints.restore_params(tmp_path / "checkpoint_0", CONFIG, other.abstract.params)
    assert_equal(params, state.params)


def test_checkpoint_of_another_size_lists_the_tensors(tmp_path, program, state):
    run = manager(tmp_path, program)
    run.save(state, PLACE, None)
    run.close()
    wide = dataclasses.replace(CONFIG, mlp_dim=16)
    with pytest.raises(ValueError, match=r"wi/kernel is \(8, 8\), not \(8, 16\)"):
        checkpoints.restore_params(
            tmp_path / "checkpoint_0", wide, program_of(wide).abstract.params
        )


def test_what_a_killed_run_left_half_written_is_removed(tmp_path, program):
    half = tmp_path / "checkpoint_3.orbax-checkpoint-tmp" / "state"
    half.mkdir(parents=True)
    run = manager(tmp_path, program)
    assert run.latest_step is None
    assert not half.exists()
    run.close()


def test_the_run_directory_tells_the_best_step_as_orbax_does(tmp_path, program, state):
    run = manager(tmp_path, program, keep=1, best_metric="f1")
    run.run.write_manifest({"best_metric": "f1"})
    for step, score in ((1, 5.0), (2, 7.0), (3, 7.0), (4, 6.0)):
        run.save(at_step(state, step), PLACE, {"f1": score, "loss": 1.0})
        run.wait()
    assert RunDirectory(tmp_path).best_step() == run.best_step == 3
    assert RunDirectory(tmp_path).steps() == [3, 4]
    run.close()

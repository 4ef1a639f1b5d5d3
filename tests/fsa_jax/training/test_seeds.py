"""Seeds in one program are what they would be alone."""

import dataclasses
import os
import signal

import echo
import numpy as np
import pytest

from fsa_jax.model import seeds_axis
from fsa_jax.runtime.run_directory import RunDirectory, seed_directory
from fsa_jax.training import hooks, loop, optimizers, seeds
from fsa_jax.training.config import CheckpointConfig, ParallelConfig

MODEL = dataclasses.replace(echo.MODEL, dropout_rate=0.1)
SEEDS = (3, 5, 8, 13, 21, 34, 55, 89)


@pytest.fixture(scope="module", autouse=True)
def task():
    with echo.registered("echo_for_seeds") as name:
        yield name


def settings(task, folder, **more):
    plain = {
        "model": MODEL,
        "optimizer": optimizers.adamw,
        "total_steps": 20,
        "evaluation": echo.evaluation(period=10),
        "checkpoint": CheckpointConfig(period=10, keep=1),
    }
    return echo.run_config(task, folder, **(plain | more))


class Spy(hooks.Hook):
    """Keeps what the updates of a run were made of."""

    every = 1

    def __init__(self):
        self.seen = []

    def act(self, moment):
        ids = moment.info.example_ids.tolist()
        self.seen.append((str(moment.run), moment.step, ids, int(moment.state.step)))


def losses(run):
    return [row["loss"] for row in run.training_rows()]


def answers(run):
    """All that an evaluation writes, by file."""
    files = sorted((run.path / "inference_eval").glob("*.jsonl"))
    assert len(files) > 2
    return {file.name: file.read_text() for file in files}


def test_seeds_together_equal_seeds_alone(task, tmp_path):
    together, apart = Spy(), Spy()
    chosen = SEEDS[:3]
    scores = seeds.train_seeds(settings(task, tmp_path / "all", hooks=[together]), chosen)
    for seed in chosen:
        run = seed_directory(str(tmp_path / "alone"), seed)
        config = settings(task, run, seed=seed, hooks=[apart])
        alone = loop.train(config)
        mine = seed_directory(str(tmp_path / "all"), seed)
        np.testing.assert_allclose(losses(mine), losses(run), atol=1e-4)
        assert mine.best_step() == run.best_step()
        assert scores[seed] == pytest.approx(alone, abs=1e-3)
        assert mine.manifest() == run.manifest()
        assert mine.status() == run.status()
        assert mine.evaluations().keys() == run.evaluations().keys()
        assert answers(mine) == answers(run)
    # The same examples in the same order, and dropout of the same keys: the seed and the step.
    by_run = {}
    for folder, step, ids, updates in together.seen:
        by_run.setdefault(RunDirectory(folder).path.name, []).append((step, ids, updates))
    for folder, step, ids, updates in apart.seen:
        assert by_run[RunDirectory(folder).path.name].pop(0) == (step, ids, updates)
    orders = {str(ids) for _, step, ids, _ in apart.seen if step == 1}
    assert len(orders) == len(chosen)


def test_the_seeds_axis_uses_all_devices(task, tmp_path):
    config = settings(task, tmp_path)
    stacked = seeds.Stacked(config, config.optimizer(learning_rate=1e-3), seeds_axis.make_mesh(8))
    spread = stacked.put({"a": np.arange(16.0).reshape(8, 2)})["a"]
    assert len({shard.device for shard in spread.addressable_shards}) == 8
    parts = stacked.unstack({"a": spread})
    np.testing.assert_array_equal([part["a"] for part in parts], np.arange(16.0).reshape(8, 2))


class Kill(hooks.Hook):
    every = 1

    def act(self, moment):
        if moment.step == 13 and moment.run.path.name == "seed_5":
            os.kill(os.getpid(), signal.SIGTERM)


def test_stopped_seeds_go_on_as_if_nothing_had_been(task, tmp_path, capsys):
    chosen = SEEDS[:2]
    with pytest.raises(SystemExit) as stop:
        seeds.train_seeds(settings(task, tmp_path / "halves", hooks=[Kill()]), chosen)
    assert stop.value.code == 3
    for seed in chosen:
        assert seed_directory(str(tmp_path / "halves"), seed).status().state == "stopped"
    # One seed was saved once more than the other, as a kill between the two would leave them.
    gone = seed_directory(str(tmp_path / "halves"), 5).checkpoint(13)
    gone.rmtree()
    again = seeds.train_seeds(settings(task, tmp_path / "halves"), chosen)
    assert "resuming all seeds" in capsys.readouterr().out
    assert again == seeds.train_seeds(settings(task, tmp_path / "whole"), chosen)
    for seed in chosen:
        halves, whole = (seed_directory(str(tmp_path / f), seed) for f in ("halves", "whole"))
        assert losses(halves) == losses(whole)


def test_the_last_checkpoints_are_there_also_without_final_splits(task, tmp_path):
    config = settings(task, tmp_path, evaluation=echo.evaluation(period=20, final_splits=()))
    seeds.train_seeds(config, SEEDS[:3])
    for seed in SEEDS[:3]:
        assert seed_directory(str(tmp_path), seed).steps()[-1] == 20


@pytest.mark.parametrize(
    ("more", "chosen", "message"),
    [
        ({}, (3, 3), "give different numbers"),
        ({"checkpoint": CheckpointConfig(resume_path="x")}, (3, 4), "RESUME_CHECKPOINT_PATH"),
        ({"parallel": ParallelConfig(micro_batches=3)}, (3, 4), "make it a multiple of 3"),
    ],
)
def test_settings_that_do_not_fit_several_seeds_are_refused(task, tmp_path, more, chosen, message):
    with pytest.raises(ValueError, match=message):
        seeds.train_seeds(settings(task, tmp_path, **more), chosen)

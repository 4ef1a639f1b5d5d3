"""Whole training runs on a task made here: resuming, stopping, evaluating, failing clearly."""

import dataclasses
import functools
import json
import os
import signal

import echo
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fsa_jax.data import batches
from fsa_jax.model import network
from fsa_jax.runtime.exits import RunFailedError
from fsa_jax.runtime.run_directory import RunDirectory
from fsa_jax.training import config, hooks, loop, optimizers, restore, schedules

CONFIG = echo.MODEL


@pytest.fixture(scope="module", autouse=True)
def echo_task():
    with echo.registered("echo_for_train") as name:
        yield name


def run(model_dir, task, *, steps=6, metrics=False, packed=True, rate=1e-2, **more):
    lengths = {"inputs": 32, "targets": 24} if packed else {"inputs": None, "targets": None}
    settings = {
        "data": batches.DataConfig(task, lengths, batch_size=8, pack=packed),
        "optimizer": optimizers.rms_scaled_adamw,
        "learning_rate": functools.partial(schedules.cosine, peak=rate),
        "total_steps": steps,
        "evaluation": echo.evaluation() if metrics else config.EvaluationConfig(period=3),
        "checkpoint": config.CheckpointConfig(period=2, keep=None),
        "log_period": 2,
        **more,
    }
    return loop.train(loop.RunConfig(CONFIG, str(model_dir), **settings))


def params_of(model_dir, step):
    abstract = jax.eval_shape(
        lambda: loop.train_step.nn.unbox(network.init_params(CONFIG, jax.random.key(0)))
    )
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    abstract = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), abstract
    )
    path = os.path.join(model_dir, f"checkpoint_{step}")
    return jax.device_get(restore.load_params(path, CONFIG, abstract, print)[0])


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_going_on_equals_never_having_stopped(tmp_path, echo_task, capsys):
    fixed = functools.partial(schedules.cosine, peak=1e-2)

    def schedule(steps):
        return fixed(steps=6)  # the same one, however far this start goes

    run(tmp_path / "whole", echo_task, learning_rate=schedule)
    run(tmp_path / "halves", echo_task, steps=4, learning_rate=schedule)
    run(tmp_path / "halves", echo_task, learning_rate=schedule)
    jax.tree.map(
        np.testing.assert_array_equal,
        params_of(tmp_path / "halves", 6),
        params_of(tmp_path / "whole", 6),
    )
    assert f"resuming this run from {tmp_path}/halves/checkpoint_4" in capsys.readouterr().out


def test_a_run_leaves_the_files_of_its_contract(tmp_path, echo_task):
    results = run(tmp_path, echo_task, metrics=True, packed=False)
    assert {"loss", "f1", "test/f1"} <= results.keys()
    log = rows(tmp_path / "train" / "metrics.jsonl")
    assert [row["step"] for row in log] == [2, 4, 6]
    assert log[-1]["loss"] < log[0]["loss"]
    assert {"mfu", "goodput", "input_wait", "target_tokens_per_second"} <= log[0].keys()
    history = rows(tmp_path / "inference_eval" / f"{echo_task}-metrics.jsonl")
    assert [row["step"] for row in history] == [3, 6]
    predictions = rows(tmp_path / "inference_eval" / f"{echo_task}-000006.jsonl")
    assert len(predictions) == 8
    assert predictions[0]["target"] == "good"
    assert (tmp_path / "inference_eval" / f"{echo_task}-test-metrics.jsonl").exists()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["mixture_or_task_name"] == echo_task
    assert network.T5Config(**manifest["model"]) == CONFIG
    assert list((tmp_path / "train").glob("events.out.tfevents*"))


def test_initial_weights_come_without_optimizer_and_data(tmp_path, echo_task, capsys):
    run(tmp_path / "first", echo_task, steps=2)
    run(
        tmp_path / "second",
        echo_task,
        steps=1,
        optimizer=optimizers.adamw,
        rate=0.0,
        checkpoint=config.CheckpointConfig(initial_path=str(tmp_path / "first")),
    )
    assert "initial weights of" in capsys.readouterr().out
    jax.tree.map(
        np.testing.assert_array_equal,
        params_of(tmp_path / "second", 1),
        params_of(tmp_path / "first", 2),
    )


class Sigterm(hooks.Hook):
    every = 3

    def act(self, moment):
        if moment.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_saves_and_says_that_the_same_command_goes_on(tmp_path, echo_task, capsys):
    settings = {"checkpoint": config.CheckpointConfig(period=100), "hooks": [Sigterm()]}
    with pytest.raises(SystemExit) as stop:
        run(tmp_path, echo_task, **settings)
    assert stop.value.code == 3
    status = RunDirectory(tmp_path).status()
    assert (status.state, status.step, status.steps) == ("stopped", 3, 6)
    out = capsys.readouterr().out
    assert "stopped at step 3;" in out
    assert "the same command goes on" in out
    assert RunDirectory(tmp_path).steps() == [3]
    run(tmp_path, echo_task, **settings)
    assert RunDirectory(tmp_path).status().state == "finished"


def test_loss_that_is_not_finite_names_step_examples_and_checkpoint(tmp_path, echo_task):
    def schedule(steps):
        return lambda count: jnp.where(count < 3, 1e-3, jnp.inf)

    # The update of step 3 breaks the parameters; its own loss is still finite.
    with pytest.raises(FloatingPointError, match=r"step 3 is not finite: loss [\d.]+, ") as error:
        run(tmp_path, echo_task, learning_rate=schedule)
    assert f"{echo_task}[" in str(error.value)
    assert "checkpoint_2" in str(error.value)
    status = RunDirectory(tmp_path).status()
    assert (status.state, status.step) == ("failed", 4)
    assert "step 3 is not finite" in status.reason


class Spy(hooks.Hook):
    every = 2

    def __init__(self):
        self.calls = []

    def start(self, step):
        self.calls.append(("start", step))

    def see(self, moment):
        self.calls.append(("see", moment.step))

    def act(self, moment):
        names = {"loss", "accuracy", "tokens", "grad_norm", "param_norm"}
        assert names == moment.metrics.keys()
        assert jax.tree.leaves(moment.state.params)[0].shape
        self.calls.append(("act", moment.step, "loss" in (moment.results or ())))

    def close(self):
        self.calls.append("close")


def test_hooks_see_every_update_and_act_every_so_often_and_at_the_end(tmp_path, echo_task):
    spy = Spy()
    run(tmp_path, echo_task, steps=5, hooks=[spy])
    acts = [("act", 2, False), ("act", 4, False), ("act", 5, True)]
    seen = [("see", step) for step in range(1, 6)]
    assert spy.calls[0] == ("start", 0)
    assert spy.calls[-1] == "close"
    assert [call for call in spy.calls if call[0] == "act"] == acts
    assert [call for call in spy.calls if call[0] == "see"] == seen


class Broken(hooks.Hook):
    every = 3

    def act(self, moment):
        raise KeyError("no such thing")


def test_a_hook_that_raises_ends_the_run_in_one_line_and_loses_nothing(tmp_path, echo_task):
    checkpoint = config.CheckpointConfig(period=100)
    with pytest.raises(RunFailedError, match=r"hook Broken failed at step 3: KeyError") as error:
        run(tmp_path, echo_task, hooks=[Broken()], checkpoint=checkpoint)
    assert "\n" not in str(error.value)
    assert RunDirectory(tmp_path).steps() == [3]
    assert RunDirectory(tmp_path).status().state == "failed"
    run(tmp_path, echo_task, checkpoint=checkpoint)
    run(tmp_path / "whole", echo_task, checkpoint=checkpoint)
    jax.tree.map(
        np.testing.assert_array_equal, params_of(tmp_path, 6), params_of(tmp_path / "whole", 6)
    )


def test_a_folder_that_only_looks_like_a_checkpoint_is_passed_over(tmp_path, echo_task, capsys):
    run(tmp_path, echo_task, steps=2)
    (tmp_path / "checkpoint_9").mkdir()
    run(tmp_path, echo_task)
    out = capsys.readouterr().out
    assert f"passed over: {tmp_path}/checkpoint_9.incomplete held no checkpoint" in out
    assert f"resuming this run from {tmp_path}/checkpoint_2" in out
    (tmp_path / "other" / "checkpoint_5").mkdir(parents=True)
    (tmp_path / "other" / "checkpoint_5" / "model.pt").touch()
    with pytest.raises(ValueError, match=r"checkpoint_5 is no checkpoint of ours .*model\.pt"):
        run(tmp_path / "other", echo_task)


def test_a_torn_log_is_mended(tmp_path, echo_task):
    run(tmp_path, echo_task, steps=2)
    log = RunDirectory(tmp_path).training_log
    log.write_text(log.read_text() + '{"step": 3, "lo')
    run(tmp_path, echo_task)
    assert [row["step"] for row in RunDirectory(tmp_path).training_rows()] == [2, 4, 6]


def test_profile_steps_leave_a_trace(tmp_path, echo_task):
    run(tmp_path, echo_task, profile_steps=(1, 2), steps=2)
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"total_steps": None}, "TRAIN_STEPS or TRAIN_EPOCHS"),
        ({"parallel": config.ParallelConfig(micro_batches=2)}, "multiple of 16"),
    ],
)
def test_settings_that_do_not_fit_end_in_one_line(tmp_path, echo_task, settings, message):
    with pytest.raises(ValueError, match=message):
        run(tmp_path, echo_task, **settings)


def test_epochs_and_examples_become_steps_and_rows_that_are_printed(tmp_path, echo_task, capsys):
    data = batches.DataConfig(echo_task, {"inputs": 32, "targets": 24}, examples_per_batch=16)
    run(tmp_path, echo_task, data=data, total_steps=None, epochs=2)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "epochs of" in line]
    # Eight devices: rows of two or three examples come in eights.
    steps, mean = line.split("] ")[-1].split(" steps of ")
    steps, mean = int(steps.split()[-1]), float(mean.split()[0])
    assert steps == round(2 * 48 / mean)
    assert (tmp_path / f"checkpoint_{steps}").is_dir()


# ---- what a run needs later is checked before its first step ---------------------------------


FINAL = ("test", "test_original", "test_hard")


def fine_tune(folder, task, period=3, split="validation", final=FINAL, **more):
    evaluation = echo.evaluation(period=period, split=split, final_splits=final)
    return run(folder, task, steps=3, packed=False, evaluation=evaluation, **more)


def test_devices_change_neither_steps_nor_losses(tmp_path, echo_task, monkeypatch):
    """Ten examples a step are as many rows on one device as on eight, which empty rows fill up."""
    data = batches.DataConfig(echo_task, {"inputs": 32, "targets": 24}, examples_per_batch=10)
    off = config.EvaluationConfig(period=0)
    settings = {"data": data, "evaluation": off, "log_period": 1}
    run(tmp_path / "eight", echo_task, steps=8, **settings)
    on_all, one = loop.partitioning.make_mesh, jax.devices()[:1]
    monkeypatch.setattr(loop.partitioning, "make_mesh", lambda model: on_all(model, devices=one))
    run(tmp_path / "one", echo_task, steps=8, **settings)
    eight, alone = (rows(tmp_path / name / "train" / "metrics.jsonl") for name in ("eight", "one"))
    losses = [[row["loss"] for row in run] for run in (eight, alone)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert len(losses[0]) == 8


@pytest.mark.parametrize(
    ("splits", "scored"),
    [
        ({"test": 4}, {"test"}),
        ({"test": 4, "test_hard": 2, "unseen": 3}, {"test", "test_hard"}),
        ({}, set()),
    ],
)
def test_of_the_final_splits_those_that_there_are_are_scored(tmp_path, task_of, splits, scored):
    results = fine_tune(tmp_path, task_of(train=8, validation=4, **splits))
    assert {name.split("/")[0] for name in results if "/" in name} == scored


@pytest.mark.parametrize(
    ("splits", "settings", "message"),
    [
        ({"test": 4}, {}, "no split 'validation'; it has train, test: .*EVAL_PERIOD=0"),
        ({"validation": 4, "test": 4}, {"split": "validatoin"}, "did you mean validation"),
        ({"validation": 4, "test": 4}, {"final": ("tset",)}, "none of the splits tset of FINAL_SP"),
        ({"validation": 0, "test": 4}, {}, "'validation' of task .* holds no examples"),
        ({"validation": 4, "test": 0}, {}, "'test' of task .* holds no examples"),
    ],
)
def test_splits_that_are_missing_later_are_told_before_anything_is_built(
    tmp_path, task_of, splits, settings, message
):
    with pytest.raises(ValueError, match=message) as error:
        fine_tune(tmp_path / "run", task_of(train=8, **splits), **settings)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_a_task_without_validation_trains_without_evaluation(tmp_path, task_of):
    results = fine_tune(tmp_path, task_of(train=8, test=4), period=0)
    assert set(results) == {"test/f1"}
    assert (tmp_path / "checkpoint_3").is_dir()
    assert not (tmp_path / "training_eval").exists()
    assert not run(
        tmp_path / "packed",
        task_of(metrics=False, train=8),
        steps=2,
        evaluation=config.EvaluationConfig(period=0),
    )


def test_an_evaluation_that_does_not_fit_its_rows_is_told_before_the_first_step(
    tmp_path, task_of, capsys
):
    name = task_of(train=48, validation=4)  # those of two digits are the longer ones
    lengths = {"inputs": 7, "targets": 24}
    with pytest.raises(ValueError, match=r"has 8 inputs tokens, but TASK_FEATURE_LENGTHS"):
        run(
            tmp_path,
            name,
            data=batches.DataConfig(name, lengths, 8, split="validation"),
            evaluation=config.EvaluationConfig(split="train"),
        )
    assert "first step" not in capsys.readouterr().out


def test_vocabulary_larger_than_the_embedding_is_refused(tmp_path, echo_task):
    small = dataclasses.replace(CONFIG, vocab_size=128)
    with pytest.raises(ValueError, match="259 ids but the embedding only 128 rows"):
        loop.train(
            loop.RunConfig(
                small,
                str(tmp_path),
                batches.DataConfig(echo_task, {"inputs": 32, "targets": 24}, batch_size=8),
                optimizers.adamw,
                functools.partial(schedules.linear, peak=1e-3),
                total_steps=1,
            )
        )

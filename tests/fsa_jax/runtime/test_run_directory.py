"""The run directory: its paths, what it tells, and what it says to files of other programs."""

import json
import subprocess
import sys

import pytest

from fsa_jax.runtime.run_directory import (
    RunDirectory,
    Status,
    absolute,
    evaluation_of,
    find_checkpoint,
    run_of,
    seed_directory,
    step_of,
)


def make_checkpoints(folder, scores, best_metric="f1"):
    """Complete checkpoints by step, with the score that was given to Orbax with each."""
    run = RunDirectory(folder)
    run.write_manifest({"best_metric": best_metric})
    for step, score in scores.items():
        path = run.checkpoint(step)
        (path / "state").mkdir(parents=True)
        (path / "state" / "_METADATA").touch()
        if score is not None:
            (path / "metrics").mkdir()
            (path / "metrics" / "metrics").write_text(json.dumps({"f1": score, "loss": 1.0}))
    return run


def test_of_a_run_that_keeps_its_best_checkpoint_that_one_is_used(tmp_path):
    run = make_checkpoints(tmp_path, {9: 41.0, 10: 52.5, 12: 47.0})
    assert (run.steps(), run.latest_step(), run.best_step()) == ([9, 10, 12], 12, 10)
    path, why = find_checkpoint(tmp_path)
    assert path == run.checkpoint(10)
    assert why == "the best on dev: f1 52.50; the latest is 12"
    assert find_checkpoint(tmp_path, 12)[0] == run.checkpoint(12)
    assert find_checkpoint(run.checkpoint(9)) == (run.checkpoint(9), "as named")
    with pytest.raises(FileNotFoundError, match="no checkpoint of step 11; of 9, 10, 12"):
        find_checkpoint(tmp_path, 11)


def test_checkpoints_can_be_dropped_and_nothing_else(tmp_path):
    run = make_checkpoints(tmp_path, {9: 41.0, 10: 52.5})
    run.drop_checkpoints()
    assert run.steps() == []
    assert run.manifest() == {"best_metric": "f1"}


def test_without_scores_the_latest_is_used(tmp_path):
    run = make_checkpoints(tmp_path / "a", {9: None, 10: None}, best_metric=None)
    assert (run.best_step(), find_checkpoint(tmp_path / "a")) == (
        None,
        (run.checkpoint(10), "the latest"),
    )
    # Losses stand in checkpoints of a distillation, too, and decide nothing.
    assert make_checkpoints(tmp_path / "b", {9: 1.0}, best_metric=None).best_step() is None


def test_folders_that_hold_no_checkpoint_do_not_count(tmp_path):
    run = make_checkpoints(tmp_path, {9: None}, best_metric=None)
    for name in ("checkpoint_10", "checkpoint_11.orbax-checkpoint-tmp", "checkpoint_x"):
        (tmp_path / name).mkdir()
    assert (run.steps(), run.incomplete()) == ([9], [tmp_path / "checkpoint_10"])
    (tmp_path / "seeds" / "seed_42").mkdir(parents=True)
    (tmp_path / "seeds" / "seed_52").mkdir()
    with pytest.raises(FileNotFoundError, match="runs of seeds: name one, seed_42 or seed_52"):
        find_checkpoint(tmp_path / "seeds")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty: no checkpoint here"):
        find_checkpoint(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match=r"nothing does not exist: .*hf download"):
        find_checkpoint(tmp_path / "nothing")


def test_relative_paths_and_tilde_become_absolute_and_urls_stay(tmp_path, monkeypatch):
    """Orbax finds no metadata under a relative path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(RunDirectory("run")) == str(RunDirectory("~/run")) == f"{tmp_path}/run"
    assert str(absolute("gs://bucket/run")) == "gs://bucket/run"
    assert str(RunDirectory("gs://bucket/run").checkpoint(3)) == "gs://bucket/run/checkpoint_3"


def test_a_checkpoint_knows_its_run(tmp_path):
    run = make_checkpoints(tmp_path / "run", {9: None})
    assert run_of(run.checkpoint(9)).path == run.path
    assert run_of(run.path).path == run.path
    assert (step_of(run.checkpoint(9)), step_of(tmp_path / "my_best")) == (9, 0)


def test_evaluations_come_back_by_task_split_and_step(tmp_path):
    run = make_checkpoints(tmp_path, {1: 10.0, 2: 9.0})
    for step in (1, 2):
        for split in (None, "test"):
            name = run.name("tsa_rest14", split)
            run.write_evaluation(name, step, {"f1": 11.0 - step}, [{"raw": b"a", "step": step}])
    run.write_evaluation("tsa_rest14-test", 2, {"f1": 8.0}, [{"raw": "again"}])
    assert run.metrics("tsa_rest14", "test") == [{"step": 1, "f1": 10.0}, {"step": 2, "f1": 8.0}]
    assert set(run.evaluations()) == {"tsa_rest14", "tsa_rest14-test"}
    best = run.predictions("tsa_rest14", "test")
    assert best == tmp_path / "inference_eval" / "tsa_rest14-test-000001.jsonl"
    assert json.loads(best.read_text()) == {"raw": "a", "step": 1}
    assert "again" in run.predictions("tsa_rest14", "test", 2).read_text()
    with pytest.raises(FileNotFoundError, match="step 3 was not evaluated"):
        run.predictions("tsa_rest14", "test", 3)
    with pytest.raises(FileNotFoundError, match="holds no predictions of asa_rest16"):
        run.predictions("asa_rest16")


def test_the_training_log_outlives_a_kill(tmp_path):
    run = RunDirectory(tmp_path)
    log = run.open_training_log()
    for step in (1, 2):
        log.write({"step": step, "loss": 3.0 - step})
    log.close()
    torn = run.training_log.read_text() + '{"step": 3, "lo'
    run.training_log.write_text(torn)
    assert [row["step"] for row in run.training_rows()] == [1, 2]
    log = run.open_training_log()
    log.write({"step": 2, "loss": 0.5})
    log.close()
    assert run.training_rows() == [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 0.5}]
    run.training_log.write_text(torn + "\n" + torn)
    with pytest.raises(ValueError, match=r"metrics\.jsonl:3: no row with 'step'"):
        run.training_rows()
    with pytest.raises(FileNotFoundError, match="is no run directory"):
        RunDirectory(tmp_path / "other").training_rows()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"state": "run', r"status\.json is no JSON \(is it cut off\?\)"),
        ('["running"]', "holds no JSON object"),
        ('{"state": "running", "step": 1}', "lacks 'steps'"),
        ('{"state": "ready", "step": 1, "steps": 2, "reason": ""}', "'ready' is none of running"),
    ],
)
def test_a_status_of_another_program_or_cut_in_half_is_one_line(tmp_path, text, message):
    (tmp_path / "status.json").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        RunDirectory(tmp_path).status()
    assert "\n" not in str(error.value)


def test_status_and_manifest_come_back(tmp_path):
    run = RunDirectory(tmp_path / "run")
    assert (run.status(), run.manifest()) == (None, {})
    run.write_status(Status("stopped", 3, 9, "SIGTERM"))
    run.write_manifest({"seed": 3})
    run.write_config("a = 1\n")
    assert run.status() == Status("stopped", 3, 9, "SIGTERM")
    assert run.manifest() == {"seed": 3}
    assert {path.name for path in run.path.iterdir()} == {
        "status.json",
        "manifest.json",
        "config.gin",
    }


def test_it_loads_neither_jax_nor_tensorflow():
    code = (
        "import sys, fsa_jax.runtime.run_directory\n"
        "assert not {'jax', 'tensorflow', 'seqio', 'gin'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("tsa_rest14-test-000100.jsonl", ("tsa_rest14-test", 100)),
        ("tsa_rest14-1234567.jsonl", ("tsa_rest14", 1234567)),
        ("tsa_rest14-test-metrics.jsonl", None),
        ("tsa_rest14-42.jsonl", None),
        ("-000100.jsonl", None),
    ],
)
def test_files_of_predictions_tell_their_evaluation(name, found):
    assert evaluation_of(name) == found


def test_the_run_of_a_seed_has_the_configuration_of_its_folder_and_knows_the_others(tmp_path):
    folder = RunDirectory(tmp_path / "runs")
    folder.write_config("A = 1\n")
    first, second = (seed_directory(folder.path, seed) for seed in (42, 52))
    for seed, run in ((52, second), (42, first)):
        run.write_manifest({"seed": seed})
    assert first.config() == "A = 1\n"
    assert list(map(str, second.seeds())) == [str(first), str(second)]
    alone = RunDirectory(tmp_path / "alone")
    alone.write_manifest({"seed": 42})
    assert alone.config() == ""
    assert list(map(str, alone.seeds())) == [str(alone)]

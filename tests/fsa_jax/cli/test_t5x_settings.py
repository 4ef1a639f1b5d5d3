"""What T5X would ignore is refused; paths become what it can take."""

import pytest

from fsa_jax.cli import t5x_settings


def test_t5x_is_given_no_epochs_and_no_examples_a_batch():
    assert t5x_settings.steps(4) == 4
    with pytest.raises(ValueError, match=r"TRAIN_EPOCHS=10: T5X does not know it; give TRAIN_ST"):
        t5x_settings.steps(4, epochs=10)
    with pytest.raises(ValueError, match=r"EXAMPLES_PER_BATCH=100: .* give BATCH_SIZE \(rows\)"):
        t5x_settings.steps(4, examples_per_batch=100)


def test_paths_become_absolute_and_run_directories_checkpoints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert t5x_settings.folder("runs/x") == str(tmp_path / "runs/x")
    assert t5x_settings.folder("gs://bucket/x") == "gs://bucket/x"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert t5x_settings.folder("~/x") == str(tmp_path / "home/x")
    assert t5x_settings.checkpoint(None) is None
    for step in (5, 10):
        (tmp_path / f"run/checkpoint_{step}/state").mkdir(parents=True)
        (tmp_path / f"run/checkpoint_{step}/state/_METADATA").touch()
    newest = str(tmp_path / "run/checkpoint_10")
    assert t5x_settings.checkpoint("run") == newest
    assert t5x_settings.checkpoint(newest) == newest
    with pytest.raises(FileNotFoundError, match="absent"):
        t5x_settings.checkpoint("absent")
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf/config.json").write_text("{}")
    with pytest.raises(ValueError, match="T5X cannot read"):
        t5x_settings.checkpoint("hf")

"""Where weights come from: one rule decides, in its order, and says so."""

import dataclasses
from unittest import mock

import echo
import pytest
from etils import epath

from fsa_jax.training import restore


@dataclasses.dataclass
class State:
    params: str


@pytest.fixture
def sources(monkeypatch):
    """Every source there is; returns ``restored(latest, resume, initial)``: state, place, lines."""
    monkeypatch.setattr(
        restore.checkpoints, "restore_run", lambda path, *_: (State(f"all of {path.name}"), {})
    )
    monkeypatch.setattr(
        restore, "load_params", lambda path, *_: (f"weights of {path}", f"{path} (best)")
    )
    monkeypatch.setattr(restore, "_latest", lambda path: epath.Path(path) / "checkpoint_9")

    def restored(latest=None, resume=None, initial=None):
        lines = []
        saved = mock.Mock(
            latest_step=latest, restore=lambda step: (State(f"own {step}"), {"row": 1})
        )
        program = mock.Mock(init=lambda rng: State("random"))
        state, place = restore.restore_or_init(
            program,
            echo.MODEL,
            saved,
            resume_path=resume,
            initial_path=initial,
            rng=None,
            say=lines.append,
        )
        return state.params, place, lines

    return restored


@pytest.mark.parametrize(
    ("found", "params", "place", "line"),
    [
        ({"latest": 5, "resume": "r", "initial": "i"}, "own 5", {"row": 1}, "resuming this run"),
        ({"latest": 0, "initial": "i"}, "own 0", {"row": 1}, "resuming this run"),
        ({"resume": "r", "initial": "i"}, "all of checkpoint_9", None, "whole state"),
        ({"initial": "i"}, "weights of i", None, "initial weights of i (best); optimizer and"),
        ({}, "random", None, "nothing; random weights from the seed"),
    ],
)
def test_the_first_source_that_is_there_is_taken_and_told(sources, found, params, place, line):
    assert sources(**found)[:2] == (params, place)
    (told,) = sources(**found)[2]
    assert told.startswith("restored: ")
    assert line in told


def test_a_run_to_resume_is_taken_at_its_latest_not_its_best(tmp_path):
    for step in (3, 12):
        (tmp_path / f"checkpoint_{step}" / "state").mkdir(parents=True)
        (tmp_path / f"checkpoint_{step}" / "state" / "_METADATA").touch()
    assert restore._latest(str(tmp_path)).name == "checkpoint_12"
    assert restore._latest(str(tmp_path / "checkpoint_3")).name == "checkpoint_3"
    with pytest.raises(FileNotFoundError):
        restore._latest(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("model.safetensors", True), ("hf", True), ("run", False), ("nowhere", False)],
)
def test_hugging_face_weights_are_known_by_their_files(tmp_path, name, is_one):
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "config.json").touch()
    (tmp_path / "run").mkdir()
    assert restore.is_huggingface(epath.Path(tmp_path / name)) == is_one

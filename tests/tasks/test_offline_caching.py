"""Offline caching with SeqIO's Beam script, in an environment of its own."""

import os
import pathlib
import subprocess
import sys

import pytest
import seqio

import tasks

ROOT = pathlib.Path(tasks.__file__).parent.parent
LENGTHS = {"inputs": 64, "targets": 32}


@pytest.fixture
def beam_python(tmp_path):
    """The interpreter named by FSA_BEAM_PYTHON, or one of a new environment."""
    if os.environ.get("FSA_BEAM_PYTHON"):
        return os.environ["FSA_BEAM_PYTHON"]
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    requirements = ROOT / "tasks" / "beam_requirements.txt"
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", requirements], check=True)
    return str(python)


@pytest.mark.slow
def test_cached_examples_are_those_made_on_the_fly(beam_python, data_dir, corpus_writer, tmp_path):
    rows = [(f"r{i}", f"The wine list {i} .", f"great {i}\nwine") for i in range(12)]
    corpus_writer(data_dir, "lexicon", "anl", "laptop", {"train": rows, "validation": rows[:3]})
    name = "understanding_lexicon_anl_laptop"
    cache = tmp_path / "cache"
    command = [
        beam_python,
        "-m",
        "seqio.scripts.cache_tasks_main",
        "--module_import=tasks",
        f"--tasks={name}",
        f"--output_cache_dir={cache}",
    ]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (cache / name / "COMPLETED").exists()
    task = seqio.get_mixture_or_task(name)
    seqio.utils.set_global_cache_dirs([str(cache)])
    try:
        assert task.cache_dir == str(cache / name)
        cached = task.get_dataset(LENGTHS, "train", use_cached=True, shuffle=False)
        fresh = task.get_dataset(LENGTHS, "train", use_cached=False, shuffle=False)
        found, expected = (
            sorted((e["inputs"].tolist(), e["targets"].tolist()) for e in d.as_numpy_iterator())
            for d in (cached, fresh)
        )
    finally:
        seqio.utils.set_global_cache_dirs([])
        task._cache_dir = None
    assert found == expected
    assert len(found) == 12

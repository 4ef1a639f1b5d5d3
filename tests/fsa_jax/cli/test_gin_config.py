"""Gin files are found from anywhere, and mistakes end with what was meant."""

import pathlib
import subprocess
import sys

import gin
import pytest

from fsa_jax.cli import gin_config
from fsa_jax.model import network
from fsa_jax.training import loop, optimizers, schedules

FOLDER = gin_config.gin_folder()
EXPERIMENTS = sorted(
    str(path.relative_to(FOLDER))
    for path in (*FOLDER.glob("*.gin"), *FOLDER.glob("quickstart/*.gin"))
)
REQUIRED = {
    "MODEL_DIR": "run",
    "CHECKPOINT_PATH": "run",
    "EVAL_OUTPUT_DIR": "out",
    "INFER_OUTPUT_DIR": "out",
    "MIXTURE_OR_TASK_NAME": "tsa_rest14",
}


@pytest.fixture(autouse=True)
def _fresh_gin():
    gin.clear_config()
    yield
    gin.clear_config()


def load(name, *flags):
    gin_config.load([name], gin_config.read_flags(flags), [])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_loads_with_its_required_macros_alone(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # from any directory
    text = (FOLDER / name).read_text()
    run_file = FOLDER / text.split("include 'runs/")[1].split("'")[0].join(("runs/", ""))
    asked = [macro for macro in REQUIRED if f"{macro} = %gin.REQUIRED" in run_file.read_text()]
    load(name, *(f"--gin.{macro}={REQUIRED[macro]}" for macro in asked))
    assert gin.query_parameter("MODEL/macro.value")


def test_the_main_job_has_the_papers_numbers():
    load("distill_anl_rw.gin", "--gin.MODEL_DIR=runs/x")
    bound = gin.get_bindings(loop.RunConfig)
    assert bound["model_dir"] == "runs/x"
    assert bound["total_steps"] == 20_000
    assert bound["data"].mixture_or_task_name == "distill_mixtral_8x7b_anl_rw"
    assert gin.get_bindings(schedules.cosine) == {"peak": 3e-3, "floor": 1e-5}
    assert gin.get_bindings(optimizers.rms_scaled_adamw) == {
        "b1": 0.9,
        "b2": 0.999,
        "eps": 1e-6,
        "weight_decay": 0.0,
        "clip_norm": 1.0,
    }
    assert bound["model"] == network.T5Config(
        vocab_size=32128,
        emb_dim=768,
        num_heads=12,
        head_dim=64,
        mlp_dim=3072,
        num_encoder_layers=12,
        num_decoder_layers=12,
        dtype="bfloat16",
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "MODEL_DIR is not set: give --gin.MODEL_DIR="),
        (["--gin.MODEL_DIR=x", "--gin.TRAIN_STPS=4"], "did you mean TRAIN_STEPS"),
        (["--gin.MODEL_DIR=x", "--gin.T5Config.vocab_sizes=4"], "vocab_sizes"),
        (["--MODEL_DIR=x"], "settings look like --gin.NAME=VALUE"),
    ],
)
def test_mistakes_end_with_what_was_meant(flags, message):
    with pytest.raises(ValueError, match=message) as error:
        load("distill_anl_rw.gin", *flags)
    assert "\n" not in str(error.value)


def test_a_missing_file_names_the_near_ones():
    with pytest.raises(FileNotFoundError, match=r"did you mean distill_anl_rw\.gin"):
        load("distil_anl_rw.gin")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("runs/x", "'runs/x'"),
        ("'runs/x'", "'runs/x'"),
        ("3e-4", "3e-4"),
        ("None", "None"),
        ("@schedules.linear", "@schedules.linear"),
        ("%BATCH_SIZE", "%BATCH_SIZE"),
        ("{'inputs': 64}", "{'inputs': 64}"),
        ("gs://bucket/run", "'gs://bucket/run'"),
        ("[@a.b(), 1]", "[@a.b(), 1]"),
    ],
)
def test_bare_words_need_no_inner_quotes(given, read):
    assert gin_config.quoted(given) == read


def test_an_own_experiment_may_have_own_macros(tmp_path):
    own = tmp_path / "own.gin"
    own.write_text("include 'models/tiny.gin'\nWIDTH = 64\nnetwork.T5Config.emb_dim = %WIDTH\n")
    load(str(own), "--gin.DROPOUT_RATE=0.0")
    assert gin.get_configurable(network.T5Config)().emb_dim == 64


def test_the_wheel_ships_the_gin_files(tmp_path):
    """Built and unpacked: `fsa_jax/gin/` is there, and no top-level `gin/`."""
    root = pathlib.Path(__file__).parents[3]
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", tmp_path, root]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    listing = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", wheel], capture_output=True, text=True, check=True
    ).stdout
    names = [line.split()[0] for line in listing.splitlines()[1:]]
    assert "fsa_jax/gin/distill_anl_rw.gin" in names
    assert "fsa_jax/gin/t5x/runs/pretrain.gin" in names
    assert not [name for name in names if name.startswith("gin/")]

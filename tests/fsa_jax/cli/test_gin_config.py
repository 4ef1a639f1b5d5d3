"""Gin files are found from anywhere, and mistakes end with what was meant."""

import gin
import pytest

from fsa_jax.cli import gin_config, gin_files
from fsa_jax.model import network
from fsa_jax.training import loop, optimizers, schedules

FOLDER = gin_files.gin_folder()
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
    assert bound["total_steps"] is None
    assert bound["epochs"] == 10
    assert bound["data"].examples_per_batch == 100
    assert bound["data"].batch_size is None
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
        dropout_rate=0.1,
        dtype="bfloat16",
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "MODEL_DIR is not set: give --gin.MODEL_DIR="),
        (["--gin.MODEL_DIR=x", "--gin.TRAIN_STPS=4"], "did you mean TRAIN_STEPS"),
        (["--gin.MODEL_DIR=x", "--gin.T5Config.vocab_sizes=4"], "vocab_sizes"),
        (["--gin.MODEL_DIR=x", "--gin.LOSS_NORMALIZING_FACTOR=None"], "nothing reads the macro"),
        (
            ["--gin.MODEL_DIR=x", "--gin.TRAIN_STEPS=9", "--gin.TRAIN_EPOCHS=2"],
            "TRAIN_STEPS=9 and TRAIN_EPOCHS=2 are both given",
        ),
        (
            ["--gin.MODEL_DIR=x", "--gin.BATCH_SIZE=8", "--gin.EXAMPLES_PER_BATCH=50"],
            "BATCH_SIZE=8 and EXAMPLES_PER_BATCH=50 are both given",
        ),
        (["--MODEL_DIR=x"], r"like --gin.NAME=VALUE; did you mean --gin.MODEL_DIR=x\?"),
        (["--verbose"], "settings look like --gin.NAME=VALUE$"),
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


@pytest.mark.parametrize(
    ("experiment", "flags", "steps", "epochs", "rows", "examples"),
    [
        ("distill_anl_rw.gin", [], None, 10, None, 100),
        ("distill_anl_rw.gin", ["--gin.TRAIN_STEPS=7", "--gin.BATCH_SIZE=4"], 7, None, 4, None),
        ("distill_anl_rw.gin", ["--gin.TRAIN_EPOCHS=3"], None, 3, None, 100),
        ("quickstart/distill.gin", [], 2000, None, 1, None),
        ("quickstart/distill.gin", ["--gin.TRAIN_EPOCHS=2"], None, 2, 1, None),
        ("finetune.gin", ["--gin.EXAMPLES_PER_BATCH=20"], None, 20, None, 20),
        ("quickstart/finetune.gin", ["--gin.TRAIN_STEPS=7"], 7, None, 16, None),
    ],
)
def test_of_two_macros_that_say_one_thing_the_later_holds(
    experiment, flags, steps, epochs, rows, examples
):
    load(experiment, "--gin.MODEL_DIR=x", *flags)
    bound = gin.get_bindings(loop.RunConfig)
    assert (bound["total_steps"], bound["epochs"]) == (steps, epochs)
    assert (bound["data"].batch_size, bound["data"].examples_per_batch) == (rows, examples)


def test_a_file_that_says_one_thing_twice_is_named(tmp_path):
    own = tmp_path / "own.gin"
    own.write_text("include 'distill_anl_rw.gin'\nTRAIN_STEPS = 9\nTRAIN_EPOCHS = 2\n")
    with pytest.raises(ValueError, match=rf"both given in {own}"):
        load(str(own), "--gin.MODEL_DIR=x")


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("~/runs/x", "{home}/runs/x"),
        ("'~/runs/x'", "{home}/runs/x"),
        ("20261124", "20261124"),
        ("007", "007"),
        ("1e5", "1e5"),
        ("[1]", "[1]"),
        ("None", None),
        ("a b", "a b"),
        ("gs://bucket/~x", "gs://bucket/~x"),
    ],
)
@pytest.mark.parametrize("name", gin_config._PATHS)
def test_paths_are_text_and_know_home(name, given, path, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    files = {"EVAL_OUTPUT_DIR": "eval.gin", "CHECKPOINT_PATH": "eval.gin"}
    files["INFER_OUTPUT_DIR"] = "infer.gin"
    flags = [f"--gin.{macro}={value}" for macro, value in REQUIRED.items() if macro != name]
    wanted = {"eval.gin": {"CHECKPOINT_PATH", "EVAL_OUTPUT_DIR", "MIXTURE_OR_TASK_NAME"}}
    wanted["infer.gin"] = {"CHECKPOINT_PATH", "INFER_OUTPUT_DIR", "MIXTURE_OR_TASK_NAME"}
    file = files.get(name, "distill_anl_rw.gin")
    flags = [f for f in flags if f[6:].split("=")[0] in wanted.get(file, {"MODEL_DIR"})]
    load(file, f"--gin.{name}={given}", *flags)
    expected = path and path.format(home=tmp_path)
    assert gin.query_parameter(f"{name}/macro.value") == expected


def test_a_file_may_name_home_and_numbers_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    own = tmp_path / "own.gin"
    own.write_text(
        "include 'distill_anl_rw.gin'\nMODEL_DIR = 20261124\nINITIAL_CHECKPOINT_PATH = '~/t5'\n"
    )
    load(str(own))
    assert gin.query_parameter("MODEL_DIR/macro.value") == "20261124"
    assert gin.query_parameter("INITIAL_CHECKPOINT_PATH/macro.value") == str(tmp_path / "t5")


@pytest.mark.parametrize("package", [True, False])
def test_folders_named_as_ours_do_not_get_in_the_way(tmp_path, monkeypatch, package):
    """In the working directory, as the commands have it, and on the path of modules."""
    for name in ("runs", "models"):
        (tmp_path / name).mkdir()
        if package:
            (tmp_path / name / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    load("distill_anl_rw.gin", "--gin.MODEL_DIR=runs/x")
    assert gin.get_bindings(loop.RunConfig)["model_dir"] == "runs/x"


def test_faults_of_gin_name_the_users_own_file(tmp_path):
    own = tmp_path / "own.gin"
    own.write_text("include 'distill_anl_rw.gin'\n\nnetwork.T5Config.hight = 3\n")
    with pytest.raises(ValueError, match=r"T5Config.*hight") as error:
        load(str(own), "--gin.MODEL_DIR=x")
    assert "fsa_jax_gin_" not in str(error.value)
    own.write_text("include 'distill_anl_rw.gin'\nX = = 3\n")
    with pytest.raises(ValueError, match=rf"{own}:2: "):
        load(str(own), "--gin.MODEL_DIR=x")


def test_a_module_that_was_not_imported_is_named(tmp_path):
    own = tmp_path / "mine.gin"
    own.write_text(
        "from __gin__ import dynamic_registration\nfrom fsa_jax.training import loop\n"
        "include 'distill_anl_rw.gin'\nschedules.cosine.peak = 1e-3\n"
    )
    with pytest.raises(ValueError, match=r"'schedules' was not provided by an import .*mine\.gin"):
        load(str(own), "--gin.MODEL_DIR=x")


def test_the_last_size_holds_whole():
    load("distill_anl_rw.gin", "--gin.MODEL_DIR=x")
    assert not gin.get_configurable(network.T5Config)().scan_layers
    gin.clear_config()
    sizes = ["distill_anl_rw.gin", "models/t5_1_1_large.gin", "models/small.gin"]
    gin_config.load(sizes, ["MODEL_DIR = 'x'", "T5Config.num_decoder_layers = 2"], [])
    assert gin.get_configurable(network.T5Config)() == network.T5Config(
        vocab_size=32128,
        emb_dim=512,
        num_heads=8,
        head_dim=64,
        mlp_dim=2048,
        num_encoder_layers=6,
        num_decoder_layers=2,
        dropout_rate=0.1,
        dtype="bfloat16",
    )


def test_an_own_experiment_may_have_own_macros(tmp_path):
    own = tmp_path / "own.gin"
    own.write_text("include 'models/tiny.gin'\nWIDTH = 64\nnetwork.T5Config.emb_dim = %WIDTH\n")
    load(str(own), "--gin.DROPOUT_RATE=0.0")
    assert gin.get_configurable(network.T5Config)().emb_dim == 64


def test_any_mixture_is_named_by_flags():
    load(
        "distill_anl_rw.gin",
        "--gin.MODEL_DIR=x",
        "--gin.MIXTURE_OR_TASK_NAME=@tasks.distill()",
        "--gin.distill.teacher=gpt35",
        "--gin.distill.prompts=anl",
        "--gin.distill.reviews=10000",
    )
    data = gin.get_bindings(loop.RunConfig)["data"]
    assert data.mixture_or_task_name == "distill_gpt35_anl_10k"

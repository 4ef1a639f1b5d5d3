"""The commands as a user types them, in processes of their own."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import warnings

import pytest
from typer.testing import CliRunner

import fsa_jax
from fsa_jax.cli import main

BIN = pathlib.Path(sys.executable).parent
SETTINGS = {
    "T5Config.vocab_size": "1024",
    "T5Config.emb_dim": "32",
    "T5Config.num_heads": "2",
    "T5Config.head_dim": "16",
    "T5Config.mlp_dim": "32",
    "T5Config.num_encoder_layers": "1",
    "T5Config.num_decoder_layers": "1",
    "BATCH_SIZE": "8",
    "LOG_PERIOD": "1",
}


def command(name, *args, cwd=None, env=None):
    return subprocess.run(
        [BIN / name, *map(str, args)],
        cwd=cwd,
        env={**os.environ, "XLA_FLAGS": "--xla_backend_optimization_level=0", **(env or {})},
        capture_output=True,
        text=True,
        timeout=600,
    )


def gin(settings):
    return [f"--gin.{name}={value}" for name, value in settings.items()]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A small sample world with its corpus, made by the commands."""
    folder = tmp_path_factory.mktemp("world")
    data = folder / "data"
    steps = [
        ["sample", "--output-dir", data, "--reviews", 200],
        ["generate", "--teacher", "lexicon", "--prompt", "anl,rw"]
        + ["--reviews", data / "reviews.jsonl", "--output-dir", folder / "ledgers"],
        ["corpus", "build", folder / "ledgers", "--output-dir", data]
        + ["--validation-fraction", "0.1"],
    ]
    for step in steps:
        done = command("fsa", *step)
        assert done.returncode == 0, done.stderr
    return {"FSA_DATA_DIR": str(data), "FSA_VOCABULARY": str(data / "vocabulary.model")}


def distill(model_dir, steps, period):
    settings = {
        **SETTINGS,
        "MODEL_DIR": model_dir,
        "TRAIN_STEPS": steps,
        "CHECKPOINT_PERIOD": period,
        "EVAL_PERIOD": 100,
        "RANDOM_SEED": 3,
    }
    return ["train", "--gin_file=quickstart/distill.gin", *gin(settings)]


def digest(folder):
    """Bytes of all arrays of a checkpoint, read by Orbax."""
    import jax
    import orbax.checkpoint as ocp

    with warnings.catch_warnings(), ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
        warnings.simplefilter("ignore")  # Orbax's, on shardings that it is not told
        tree = reader.restore(folder / "state")
    return [x.tobytes() for x in jax.tree.leaves(jax.device_get(tree))]


def test_killed_and_gone_on_equals_never_stopped(world, tmp_path):
    """Ten steps against five, kill -9, five: identical to the bit."""
    whole = command("t5x", *distill("whole", 10, 5), cwd=tmp_path, env=world)
    assert whole.returncode == 0, whole.stderr
    victim = subprocess.Popen(
        [BIN / "t5x", *distill("killed", 10, 5)],
        cwd=tmp_path,
        env={**os.environ, **world, "XLA_FLAGS": "--xla_backend_optimization_level=0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while not (tmp_path / "killed" / "checkpoint_5").is_dir() and victim.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    again = command("t5x", *distill("killed", 10, 5), cwd=tmp_path, env=world)
    assert again.returncode == 0, again.stderr
    assert "resuming this run" in again.stdout
    assert digest(tmp_path / "killed" / "checkpoint_10") == digest(
        tmp_path / "whole" / "checkpoint_10"
    )
    assert (tmp_path / "whole" / "config.gin").exists()


def test_finetune_evaluate_predict_export_and_report(world, tmp_path):
    settings = {
        **SETTINGS,
        "MODEL_DIR": "run",
        "TRAIN_STEPS": 4,
        "EVAL_PERIOD": 2,
        "FINAL_SPLITS": "('test_hard',)",
    }
    done = command(
        "t5x",
        "train",
        "--gin_file=quickstart/finetune.gin",
        *gin(settings),
        cwd=tmp_path,
        env=world,
    )
    assert done.returncode == 0, done.stderr
    hard = tmp_path / "run" / "inference_eval" / "tsa_rest14_p25-test_hard-metrics.jsonl"
    assert "f1" in json.loads(hard.read_text())

    settings = {key: value for key, value in SETTINGS.items() if key.startswith("T5Config")} | {
        "CHECKPOINT_PATH": "run",
        "EVAL_OUTPUT_DIR": "scores",
        "MIXTURE_OR_TASK_NAME": "tsa_rest14",
        "EVAL_SPLITS": "('test_hard',)",
    }
    done = command(
        "t5x",
        "eval",
        "--gin_file=eval.gin",
        "--gin_file=models/tiny.gin",
        *gin(settings),
        cwd=tmp_path,
        env=world,
    )
    assert done.returncode == 0, done.stderr
    assert "tsa_rest14 test_hard: f1" in done.stdout
    (tmp_path / "texts.txt").write_text("The pizza was great.\n\nThe service was slow.\n")
    (tmp_path / "run" / "checkpoint_9").mkdir()  # somebody's, by hand
    asked = ["predict", "texts.txt", "--checkpoint", "run"]
    done = command("fsa", *asked, cwd=tmp_path, env=world)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    texts = ["The pizza was great.", "", "The service was slow."]
    assert [(row["line"], row["text"]) for row in rows] == list(enumerate(texts, 1))
    done = command("fsa", *asked, "--output=new/deep/p.jsonl", cwd=tmp_path, env=world)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "new" / "deep" / "p.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in written] == rows

    done = command(
        "fsa", "export", "--checkpoint", "run", "--output-dir", "hf", cwd=tmp_path, env=world
    )
    assert done.returncode == 0, done.stderr
    assert {"config.json", "model.safetensors", "README.md"} <= {
        path.name for path in (tmp_path / "hf").iterdir()
    }
    done = command("fsa", "report", "run", "--output", "report.html", cwd=tmp_path, env=world)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text()
    assert page.count("<img") == 2
    assert "the student wrote" in page


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"MIXTURE_OR_TASK_NAME": "distil_lexicon_anl_rw"}, "distill_lexicon_anl_rw"),
        ({"INITIAL_CHECKPOINT_PATH": "nowhere"}, "nowhere does not exist: name a run directory"),
        ({"TRAIN_STEPS": "0"}, "TRAIN_STEPS"),
    ],
)
def test_mistakes_end_in_one_line(world, tmp_path, settings, message):
    flags = gin({**SETTINGS, "MODEL_DIR": "run", **settings})
    done = command(
        "t5x", "train", "--gin_file=quickstart/distill.gin", *flags, cwd=tmp_path, env=world
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert message in done.stderr


def test_help_loads_neither_jax_nor_tensorflow():
    code = (
        "import sys, fsa_jax, fsa_jax.cli.main\n"
        "try:\n    fsa_jax.cli.main.fsa(['--help'])\nexcept SystemExit:\n    pass\n"
        "assert not {'jax', 'tensorflow'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("sample", "generate", "corpus", "benchmark", "score", "predict"):
        assert name in done.stdout


def try_dry_run(folder, *options, **more):
    """A dry run of distilling a tiny student."""
    return command(
        "t5x",
        "train",
        "--gin_file=distill_anl_rw.gin",
        "--gin_file=models/tiny.gin",
        "--gin.MODEL_DIR=x",
        "--gin.TASK_FEATURE_LENGTHS={'inputs': 32, 'targets': 64}",
        "--dry_run",
        *options,
        cwd=folder,
        **more,
    )


def dry_run(folder, *options, **more):
    """What it prints."""
    done = try_dry_run(folder, *options, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_dry_run_counts_parameters_and_bytes_without_data(tmp_path):
    flags = "--xla_backend_optimization_level=0 --xla_force_host_platform_device_count=4"
    options = ("--gin.FSDP=True", "--topology=cpu:4")
    printed = dry_run(tmp_path, *options, env={"XLA_FLAGS": flags})
    assert "4,769,536" in printed
    assert "all-gather" in printed
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("topology", ["v4:2x2x1", "v5e:2x2"])
def test_dry_run_compiles_for_a_slice_that_is_not_here(tmp_path, topology):
    pytest.importorskip("libtpu", reason="pip install libtpu")
    assert f"4 × TPU {topology[:2]}" in dry_run(tmp_path, f"--topology={topology}")


def test_dry_run_says_in_one_line_that_a_step_does_not_fit(tmp_path):
    pytest.importorskip("libtpu", reason="pip install libtpu")
    done = try_dry_run(tmp_path, "--topology=v5e:2x2", "--gin.BATCH_SIZE=1048576")
    assert done.returncode == 2
    assert "does not fit a device: Ran out of memory" in done.stderr
    assert "raise MICRO_BATCHES" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (EOFError("Compressed file ended"), 2, "a file ends too early (Compressed file ended)"),
        (EOFError(), 2, "a file ends too early"),
        (NotADirectoryError("x is no folder"), 2, "x is no folder"),
        (ConnectionError("the service is gone"), 1, "the service is gone"),
    ],
)
@pytest.mark.parametrize("app", ["fsa", "t5x"])
def test_no_fault_is_told_as_aborted(app, error, code, words, monkeypatch, capsys):
    def fail(*arguments, **more):
        raise error

    if app == "fsa":
        monkeypatch.setattr("fsa_jax.cli.report.report", lambda: fail())
        monkeypatch.setattr(sys, "argv", ["fsa", "report"])
    else:
        monkeypatch.setattr(main, "_load", fail)
        monkeypatch.setattr(sys, "argv", ["t5x", "train", "--gin_file=x.gin"])
    with pytest.raises(SystemExit) as ended:
        getattr(main, f"{app}_main")()
    assert ended.value.code == code
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert words in told


def test_home_is_expanded_behind_an_option_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "p.jsonl").write_text('{"task": "tsa_x", "raw": "", "gold": []}\n')
    for place in ("--output=~/a/s.json", "~/b/s.json"):
        words = ["--output", place] if place[0] == "~" else [place]
        done = command("fsa", "score", "~/p.jsonl", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a" / "s.json").exists()
    assert (tmp_path / "b" / "s.json").exists()
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("name", ["fsa", "t5x"])
def test_both_commands_tell_their_version(name):
    done = command(name, "--version")
    assert (done.returncode, done.stdout) == (0, f"fsa_jax {fsa_jax.__version__}\n"), done.stderr


def test_help_shows_shell_completion_once_at_the_top():
    def help_of(*words):
        return CliRunner().invoke(main.fsa, [*words, "--help"]).output

    assert "--install-completion" in help_of()
    groups = ["corpus", "reviews", "humaneval", "benchmark", "experiment", "generate", "score"]
    assert [name for name in groups if "--install-completion" in help_of(name)] == []
    assert all("Usage" in help_of(name) for name in groups)


@pytest.mark.parametrize("name", ["fsa", "t5x"])
def test_completion_is_installed_for_the_shell_that_asks(name, tmp_path):
    words = f"{BIN / name} --install-completion; true"
    env = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-c", words], env=env, capture_output=True, text=True)
    assert "bash completion installed" in done.stdout, done.stderr
    assert f"{name}.sh" in (tmp_path / ".bashrc").read_text()


@pytest.mark.parametrize(
    ("words", "offered"),
    [("fsa pre", "predict"), ("fsa corpus b", "build"), ("fsa corpus build --al", "--allow-in")],
)
def test_commands_and_options_are_completed(words, offered):
    asked = {"_FSA_COMPLETE": "complete_bash", "COMP_WORDS": words}
    done = command("fsa", env=asked | {"COMP_CWORD": str(len(words.split()) - 1)})
    assert offered in done.stdout, done.stderr


def test_a_command_that_is_none_is_told_with_its_neighbour():
    done = CliRunner().invoke(main.fsa, ["predcit", "a.txt"])
    assert done.exit_code == 2
    assert "Did you mean 'predict'" in done.output

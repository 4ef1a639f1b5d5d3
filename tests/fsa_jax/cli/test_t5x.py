"""T5X beside us: the same loss, gradients, updates and checkpoints, and the same experiment files.

T5X has no package in a registry. With its source (and that of airio and jestimator) on
PYTHONPATH these tests run; without, those that need it are skipped.
"""

import json
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import optax
import pytest
from flax import traverse_util
from flax.linen import meta
from gin import config_parser

from fsa_jax.model import network, partitioning
from fsa_jax.runtime.run_directory import RunDirectory
from fsa_jax.training import checkpoints, optimizers, schedules, train_step

REASON = "T5X is not importable: put its source, airio's and jestimator's on PYTHONPATH"
KINDS = {
    "t5_1_0": {"mlp_activations": ("relu",), "logits_via_embedding": True},
    "t5_1_1": {"mlp_activations": ("gelu", "linear"), "logits_via_embedding": False},
}
SIZE = {
    "vocab_size": 64,
    "emb_dim": 16,
    "num_heads": 2,
    "head_dim": 8,
    "mlp_dim": 32,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
}


@pytest.fixture(scope="module")
def t5x():
    """The package, with the modules that the tests use."""
    package = pytest.importorskip("t5x", reason=REASON)
    pytest.importorskip("t5x.examples.t5.network", reason=REASON)
    return package


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return KINDS[request.param]


def optimizer(learning_rate=3e-3):
    schedule = schedules.cosine(learning_rate, steps=20, floor=1e-5)
    return optimizers.rms_scaled_adamw(schedule, clip_norm=1.0)


@pytest.fixture(scope="module")
def their_model(t5x, kind):
    """T5X's model with the loss and the optimizer that ``gin/t5x`` binds."""
    from t5x.examples.t5 import network as their_network

    return t5x.models.EncoderDecoderModel(
        module=their_network.Transformer(
            config=their_network.T5Config(**SIZE, **kind, dtype="float32", dropout_rate=0.0)
        ),
        input_vocabulary=None,
        output_vocabulary=None,
        optimizer_def=t5x.optimizers.OptaxWrapper(optimizer()),
        z_loss=0.0,
        loss_normalizing_factor="NUM_REAL_TARGET_TOKENS",
    )


@pytest.fixture(scope="module")
def config(kind):
    return network.T5Config(**SIZE, **kind)


@pytest.fixture(scope="module")
def params(config):
    params = meta.unbox(network.init_params(config, jax.random.key(1)))
    rng = np.random.default_rng(1)

    def shake(leaf):
        return np.asarray(leaf) + 0.2 * rng.normal(size=leaf.shape).astype(np.float32)

    return jax.tree.map(shake, params)


def batches(count):
    """Padded, unpacked batches as SeqIO's feature converter makes them."""
    rng = np.random.default_rng(2)
    for _ in range(count):
        inputs = rng.integers(3, 64, size=(4, 10)).astype(np.int32)
        targets = rng.integers(3, 64, size=(4, 8)).astype(np.int32)
        for row, (source, target) in enumerate(zip([10, 4, 7, 2], [8, 3, 5, 1], strict=True)):
            inputs[row, source:] = targets[row, target:] = 0
        yield {
            "encoder_input_tokens": inputs,
            "decoder_input_tokens": np.pad(targets[:, :-1], ((0, 0), (1, 0))),
            "decoder_target_tokens": targets,
            "decoder_loss_weights": (targets > 0).astype(np.float32),
        }


def worst(ours, theirs):
    ours, theirs = (traverse_util.flatten_dict(tree, sep="/") for tree in (ours, theirs))
    assert ours.keys() == theirs.keys()
    return max((np.linalg.norm(ours[k] - theirs[k]) / np.linalg.norm(theirs[k]), k) for k in theirs)


def test_parameter_tree_is_that_of_t5x(their_model, params):
    shapes = {"encoder_input_tokens": (1, 4), "decoder_input_tokens": (1, 4)}
    theirs = jax.eval_shape(
        lambda: their_model.get_initial_variables(jax.random.key(0), shapes)["params"]
    )
    ours = traverse_util.flatten_dict(params, sep="/")
    theirs = traverse_util.flatten_dict(meta.unbox(theirs), sep="/")
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_first_step_has_the_loss_and_gradients_of_t5x(their_model, config, params):
    batch = next(batches(1))
    grads, metrics = jax.jit(train_step.gradients, static_argnums=(3, 4))(
        params, batch, jax.random.key(0), config, train_step.LossConfig()
    )
    their_loss, their_grads = jax.jit(
        jax.value_and_grad(lambda params: their_model.loss_fn(params, batch, None)[0])
    )(params)
    norm, their_norm = optax.tree.norm(grads), optax.tree.norm(their_grads)
    print("loss", metrics["loss"], their_loss, "gradient norm", norm, their_norm)
    assert float(metrics["loss"]) == pytest.approx(float(their_loss), abs=1e-4)
    assert float(norm) == pytest.approx(float(their_norm), rel=1e-4)
    difference, path = worst(grads, their_grads)
    assert difference <= 1e-3, path


def test_five_updates_through_optax_wrapper_are_ours(t5x, their_model, params):
    """T5X's own optimizer interface: state as a dict, restored, with logical axes derived."""
    ours, their_params = optimizer(), params
    state = ours.init(params)
    theirs = their_model.optimizer_def.create(params)
    axes = jax.tree.map(
        lambda leaf: t5x.partitioning.PartitionSpec(*("embed",) * leaf.ndim), params
    )
    derived = their_model.optimizer_def.derive_logical_axes(theirs, axes)
    assert derived.state.param_states["adam"].mu == axes
    assert derived.state.param_states["adam"].count is None

    grad = jax.jit(jax.grad(lambda params, batch: their_model.loss_fn(params, batch, None)[0]))
    for batch in batches(5):
        grads = grad(their_params, batch)
        updates, state = ours.update(grads, state, their_params)
        their_params = optax.apply_updates(their_params, updates)
        theirs = theirs.apply_gradient(grads, learning_rate=0.0)
        # What T5X does at each save and restore.
        theirs = theirs.restore_state(theirs.state_dict())
        jax.tree.map(np.testing.assert_array_equal, theirs.target, their_params)
    saved = theirs.state_dict()["state"]["param_states"]
    assert set(saved) == {"adam", "learning_rate"}
    assert saved["adam"]["count"].dtype == np.int32
    assert int(saved["learning_rate"]["count"]) == 5


# ---- the gin files --------------------------------------------------------------------------

GIN = pathlib.Path(__file__).parents[3] / "gin"
PARTS = sorted(
    p.relative_to(GIN) for part in ("models", "runs") for p in (GIN / part).glob("*.gin")
)
TWINS = sorted(p.relative_to(GIN / "t5x") for p in (GIN / "t5x").rglob("*.gin"))
# What T5X cannot do as the built-in engine does, or needs spelt out; each file's header says so.
OWN_VALUES = {
    "runs/pretrain.gin": {"TRAIN_STEPS", "TRAIN_EPOCHS", "EXAMPLES_PER_BATCH", "BATCH_SIZE"},
    "runs/finetune.gin": {
        *("TRAIN_STEPS", "TRAIN_EPOCHS", "EVAL_PERIOD", "TASK_FEATURE_LENGTHS", "KEEP_CHECKPOINTS")
    },
    "runs/eval.gin": set(),
    "runs/infer.gin": set(),
}


class _Reader(config_parser.ParserDelegate):
    """Reads gin values without looking up what they refer to."""

    def configurable_reference(self, scoped_name, evaluate):
        return f"@{scoped_name}"

    def macro(self, scoped_name):
        return f"%{scoped_name}"


def bindings(path):
    """Returns macros by name and arguments by ``configurable.argument`` of one gin file."""
    found = {}
    for statement in config_parser.ConfigParser(path.read_text(), _Reader()):
        if isinstance(statement, config_parser.BindingStatement):
            found[f"{statement.selector}.{statement.arg_name}".strip(".")] = statement.value
    return found


def imports_the_engine(path):
    """Whether a gin file names what one engine alone has: any module but the tasks' own."""
    statements = config_parser.ConfigParser((GIN / path).read_text(), _Reader())
    modules = [s.module for s in statements if isinstance(s, config_parser.ImportStatement)]
    return any(not module.startswith(("__gin__", "tasks")) for module in modules)


def test_what_names_an_engine_has_a_twin_for_t5x_and_nothing_else_has():
    needed = [path for path in PARTS if imports_the_engine(path)]
    assert len(needed) == 5
    assert needed == TWINS, (
        "T5X reads gin/t5x first, then gin: a file without an engine serves both"
    )


def test_each_number_of_a_size_stands_once():
    sizes = [path for path in PARTS if "EMB_DIM" in bindings(GIN / path)]
    assert len(sizes) == 11
    for path in sizes:
        text = (GIN / path).read_text()
        assert "import" not in text
        assert {"EMB_DIM", "NUM_HEADS", "HEAD_DIM", "MLP_DIM", "NUM_LAYERS"} <= set(
            bindings(GIN / path)
        )
    elsewhere = [path for path in PARTS if path not in sizes]
    numbers = {"EMB_DIM", "NUM_HEADS", "HEAD_DIM", "MLP_DIM", "NUM_LAYERS"}
    assert not [path for path in elsewhere if numbers & set(bindings(GIN / path))]


def test_the_network_twins_hand_on_the_same_numbers():
    ours, theirs = (bindings(GIN / part / "models/network.gin") for part in (".", "t5x"))
    ours, theirs = (
        {key: value for key, value in found.items() if key.startswith("network.T5Config.")}
        for found in (ours, theirs)
    )
    assert {ours.pop(f"network.T5Config.{name}") for name in ("scan_layers", "remat_policy")} == {
        "%SCAN_LAYERS",
        "%REMAT_POLICY",
    }
    assert theirs.pop("network.T5Config.float32_attention_logits") is True
    assert ours == theirs
    assert all(str(value).startswith("%") for value in ours.values())


@pytest.mark.parametrize("path", [p for p in TWINS if p.parts[0] == "runs"], ids=str)
def test_run_twins_have_the_same_macros_optimizers_and_schedules(path):
    ours, theirs = bindings(GIN / path), bindings(GIN / "t5x" / path)
    engines = "train_script.", "eval_script.", "infer_script."  # how each engine is called
    shared = {key for key in ours.keys() & theirs.keys() if not key.startswith(engines)}
    shared -= OWN_VALUES[str(path)]
    assert {key: ours[key] for key in shared} == {key: theirs[key] for key in shared}
    assert "MIXTURE_OR_TASK_NAME" in shared
    numbers = {key for key in ours if key.startswith(("optimizers.", "schedules."))}
    assert numbers <= shared


# ---- T5X's own command on our experiment files ----------------------------------------------

TINY = [
    "--gin_file=models/tiny.gin",
    "--gin.VOCAB_SIZE=1152",
    "--gin.network.T5Config.emb_dim=16",
]
SHORT = ["--gin.BATCH_SIZE=4", "--gin.EVAL_STEPS=1"]


@pytest.fixture(scope="module")
def world(t5x, tmp_path_factory):
    """The sample world's benchmark and vocabulary, and a small corpus of all four kinds."""
    pytest.importorskip("t5x.main", reason=REASON)
    from generation.corpus import build, released
    from generation.world import sample

    root = tmp_path_factory.mktemp("world")
    sample.write_sample(root, reviews=40)
    for path in (root / "fsa/atsa/rest14").glob("*.json"):  # few sentences: T5X decodes slowly
        path.write_text(json.dumps(json.loads(path.read_text("utf-8-sig"))[:8]))
    rows = [
        {"ID": f"r{i}", "Text": f"The food was good {i}.", "Overall": 4.0, "mixtral_response": text}
        for i, text in enumerate([' Opinion Target 1: "food"\nSentiment: positive'] * 60)
    ]
    file = root / "released.json"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    settings = build.Settings(root=root, overwrite=True, validation_fraction=0.2)
    for domain in ("restaurant", "laptop"):
        for prompt in ("anl", "rw"):
            released.import_released([file], "mixtral_8x7b", domain, prompt, settings, 0.0)
    return root


def run_t5x(mode, world, folder, *arguments):
    """Runs T5X's main in ``folder``; its flags want strings quoted."""
    mode = f"--run_mode={mode}", f"--gin_search_paths={GIN / 't5x'},{GIN}"
    return run(world, folder, "-m", "t5x.main", *mode, *arguments)


def run(world, folder, *arguments):
    """Runs Python in ``folder`` on the data of ``world``, one device; returns its log."""
    environment = os.environ | {
        "FSA_DATA_DIR": str(world),
        "FSA_VOCABULARY": str(world / "vocabulary.model"),
        "PYTHONPATH": os.pathsep.join([str(GIN.parent), *filter(None, sys.path)]),
    }
    environment.pop("XLA_FLAGS", None)
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


@pytest.fixture(scope="module")
def distilled(world, tmp_path_factory):
    """A folder in which T5X has trained four steps of ``distill_anl_rw.gin`` into ``distill``."""
    folder = tmp_path_factory.mktemp("t5x_runs")
    run_t5x(
        "train",
        world,
        folder,
        "--gin_file=distill_anl_rw.gin",
        *TINY,
        *SHORT,
        "--gin.MODEL_DIR='distill'",
        "--gin.TRAIN_STEPS=4",
        "--gin.EVAL_PERIOD=2",
        "--gin.CHECKPOINT_PERIOD=2",
        "--gin.TASK_FEATURE_LENGTHS={'inputs': 32, 'targets': 64}",
    )
    return folder


@pytest.fixture
def program():
    """The built-in engine on the model of ``TINY``, with the optimizer of distillation."""
    macros = bindings(GIN / "models/t5.gin") | bindings(GIN / "models/tiny.gin")
    numbers = {
        key.removeprefix("network.T5Config."): macros.get(value[1:], value)
        for key, value in bindings(GIN / "models/network.gin").items()
        if key.startswith("network.T5Config.") and value != "%DROPOUT_RATE"
    }
    tiny = network.T5Config(**numbers | {"vocab_size": 1152, "emb_dim": 16})
    schedule = schedules.cosine(3e-3, steps=4, floor=1e-5)
    mesh = partitioning.make_mesh(1, jax.devices()[:1])
    return tiny, train_step.make_program(tiny, optimizers.rms_scaled_adamw(schedule), mesh)


def scalars(folder):
    """Returns the values of each TensorBoard tag in a folder, by step."""
    import tensorflow as tf
    from tensorboard.backend.event_processing import event_accumulator

    events = event_accumulator.EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: {e.step: float(tf.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)}
        for tag in events.Tags()["tensors"]
        if "config" not in tag
    }


@pytest.mark.slow
def test_t5x_distils_with_our_optimizer_and_the_built_in_engine_reads_it(distilled, program):
    """The whole state goes over: parameters, moments, and counters as int32."""
    tiny, compiled = program
    path = distilled / "distill" / "checkpoint_4"
    state, place = checkpoints.restore_run(path, tiny, compiled.abstract)
    assert not place
    counts = (state.step, state.opt_state["adam"].count, state.opt_state["learning_rate"].count)
    assert [(int(c), c.dtype) for c in counts] == [(4, np.int32)] * 3
    assert float(optax.tree.norm(state.opt_state["adam"].mu)) > 0
    before, _ = checkpoints.restore_run(distilled / "distill/checkpoint_2", tiny, compiled.abstract)
    moved = jax.tree.map(lambda a, b: float(abs(a - b).max()), state.params, before.params)
    assert min(jax.tree.leaves(moved)) > 0


@pytest.mark.slow
def test_t5x_logs_the_rate_that_its_updates_use(distilled):
    logged = scalars(distilled / "distill/train")["learning_rate/current"]
    schedule = schedules.cosine(3e-3, steps=4, floor=1e-5)
    # A step's rate is that of the updates made before it.
    for step, rate in logged.items():
        assert rate == pytest.approx(float(schedule(step - 1)), rel=1e-5)
    assert set(logged) == {2, 4}


@pytest.mark.slow
def test_t5x_resumes_the_whole_state_of_the_built_in_engine(world, program, tmp_path):
    tiny, compiled = program
    state = compiled.init(jax.random.key(0))
    for batch in batches(2):
        state, _ = compiled.step(state, batch, jax.random.key(1))
    run = checkpoints.Checkpoints(RunDirectory(tmp_path / "ours"), tiny, compiled.abstract)
    run.save(state, {"position": 2}, None)
    run.close()
    log = run_t5x(
        "train",
        world,
        tmp_path,
        "--gin_file=distill_anl_rw.gin",
        *TINY,
        *SHORT,
        "--gin.MODEL_DIR='ours'",
        "--gin.TRAIN_STEPS=3",
        "--gin.EVAL_PERIOD=1",
        "--gin.CHECKPOINT_PERIOD=1",
        "--gin.TASK_FEATURE_LENGTHS={'inputs': 32, 'targets': 64}",
    )
    assert "Initializing parameters from scratch" not in log
    after, _ = checkpoints.restore_run(tmp_path / "ours/checkpoint_3", tiny, compiled.abstract)
    assert int(after.step) == int(after.opt_state["adam"].count) == 3
    # One step of the last, least rate moves the parameters only a little from where they were.
    difference, path = worst(after.params, state.params)
    assert difference < 0.01, path


@pytest.mark.slow
def test_t5x_tunes_scores_and_answers(world, distilled):
    """Fine-tuning with another optimizer, from a run directory, by relative paths."""
    run_t5x(
        "train",
        world,
        distilled,
        "--gin_file=finetune.gin",
        *TINY,
        *SHORT,
        "--gin.MODEL_DIR='tuned'",
        "--gin.INITIAL_CHECKPOINT_PATH='distill'",
        "--gin.TRAIN_STEPS=2",
        "--gin.EVAL_PERIOD=2",
        "--gin.EVAL_FEATURE_LENGTHS={'targets': 8}",
    )
    metrics = distilled / "tuned/inference_eval/tsa_rest14-metrics.jsonl"
    assert [json.loads(line)["step"] for line in metrics.read_text().splitlines()] == [2]

    run_t5x(
        "eval",
        world,
        distilled,
        "--gin_file=eval.gin",
        *TINY,
        "--gin.CHECKPOINT_PATH='tuned'",
        "--gin.EVAL_OUTPUT_DIR='scored'",
        "--gin.MIXTURE_OR_TASK_NAME='tsa_rest14'",
        "--gin.EVAL_FEATURE_LENGTHS={'targets': 8}",
    )
    rows = (distilled / "scored/inference_eval/tsa_rest14-000002.jsonl").read_text().splitlines()
    assert {"id", "task", "raw", "parsed"} <= json.loads(rows[0])["prediction"].keys()

    # The same through our own command, which finds the gin files and quotes the words.
    # Folders that Python takes for packages do not get in the way.
    for name in ("runs", "models"):
        (distilled / name).mkdir()
    run(
        world,
        distilled,
        "-c",
        "from fsa_jax.cli.main import t5x_main; t5x_main()",
        "infer",
        "--engine=t5x",
        "--gin_file=infer.gin",
        *TINY,
        "--gin.CHECKPOINT_PATH=distill",
        "--gin.INFER_OUTPUT_DIR=answers",
        "--gin.MIXTURE_OR_TASK_NAME=understanding_mixtral_8x7b_anl_restaurant",
        "--gin.TASK_FEATURE_LENGTHS={'inputs': 32, 'targets': 8}",
    )
    task = "understanding_mixtral_8x7b_anl_restaurant"
    answers = (distilled / f"answers/{task}-predict.jsonl-00000-of-00001").read_text().splitlines()
    assert len(answers) > 0
    assert all("prediction" in json.loads(line) for line in answers)

"""T5X beside us: the same loss, gradients, updates and checkpoints, and the same experiment files.

T5X has no package in a registry. With its source (and that of airio and jestimator) on
PYTHONPATH these tests run; without, those that need it are skipped.
"""

import jax
import numpy as np
import optax
import pytest
from flax import traverse_util
from flax.linen import meta

from fsa_jax import network, optimizers, schedules, train_step

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
    norm, their_norm = optax.global_norm(grads), optax.global_norm(their_grads)
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

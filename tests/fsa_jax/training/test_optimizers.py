"""Optimizers against slow float64 NumPy ones written from the formulas, and under a layer stack."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fsa_jax.training import optimizers, schedules

pytestmark = pytest.mark.numeric

STEPS = 50
LAYERS = 3


def random_tree(rng, scale=1.0):
    """Two unrolled layers' worth of tensors of very different sizes, as a model has."""

    def tensor(*shape, size=1.0):
        return rng.normal(scale=scale * size, size=shape)

    return {
        "token_embedder": {"embedding": tensor(40, 8)},
        "encoder": {
            f"layers_{i}": {
                "attention": {"query": {"kernel": tensor(8, 12, size=10.0**-i)}},
                "pre_mlp_layer_norm": {"scale": tensor(8)},
                "tiny": {"kernel": tensor(4, 4, size=1e-6)},
            }
            for i in range(LAYERS)
        },
    }


def stack(tree):
    """Returns the same tree with its layers stacked on axis 0 under `layers`."""
    layers = [tree["encoder"][f"layers_{i}"] for i in range(LAYERS)]
    return tree | {"encoder": {"layers": jax.tree.map(lambda *x: np.stack(x), *layers)}}


def by_path(tree):
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {"/".join(k.key for k in path): np.asarray(leaf, np.float64) for path, leaf in leaves}


def clip(grads, norm):
    total = np.sqrt(sum(np.sum(g**2) for g in grads.values()))
    return {k: g * min(1.0, norm / total) for k, g in grads.items()}


def rms_scaled_adamw_in_numpy(params, all_grads, rate, decay, norm, b1=0.9, b2=0.999, eps=1e-6):
    m = {k: np.zeros_like(p) for k, p in params.items()}
    v = {k: np.zeros_like(p) for k, p in params.items()}
    for t, grads in enumerate(all_grads, start=1):
        for k, g in clip(grads, norm).items():
            p, lr = params[k], rate(t - 1)
            m[k] = b1 * m[k] + (1 - b1) * g
            v[k] = b2 * v[k] + (1 - b2) * g * g
            size = max(1e-3, np.linalg.norm(p) / np.sqrt(p.size))
            p = p - lr * np.sqrt(1 - b2**t) / (1 - b1**t) * size * m[k] / (np.sqrt(v[k]) + eps)
            params[k] = p if k.endswith("layer_norm/scale") else p - lr * decay * p
    return params, m, v


def adamw_in_numpy(params, all_grads, rate, decay, norm, b1=0.9, b2=0.999, eps=1e-6):
    m = {k: np.zeros_like(p) for k, p in params.items()}
    v = {k: np.zeros_like(p) for k, p in params.items()}
    for t, grads in enumerate(all_grads, start=1):
        for k, g in clip(grads, norm).items():
            m[k] = b1 * m[k] + (1 - b1) * g
            v[k] = b2 * v[k] + (1 - b2) * g * g
            m_hat, v_hat = m[k] / (1 - b1**t), v[k] / (1 - b2**t)
            params[k] = params[k] * (1 - rate(t - 1) * decay) - rate(t - 1) * m_hat / (
                np.sqrt(v_hat) + eps
            )
    return params, m, v


def train(optimizer, params, all_grads):
    params = jax.tree.map(jnp.asarray, params)
    state = optimizer.init(params)

    @jax.jit
    def step(params, state, grads):
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    for grads in all_grads:
        params, state = step(params, state, jax.tree.map(jnp.asarray, grads))
    return params, state


def worst_difference(ours, theirs):
    ours = by_path(ours)
    return max(np.linalg.norm(ours[k] - theirs[k]) / np.linalg.norm(theirs[k]) for k in theirs)


def cosine_in_numpy(t):
    return 1e-5 + (3e-3 - 1e-5) * (1 + np.cos(np.pi * t / STEPS)) / 2


ALL = [optimizers.rms_scaled_adamw, optimizers.adamw, optimizers.adafactor]
VARIANTS = {
    "rms_scaled_adamw": (optimizers.rms_scaled_adamw, rms_scaled_adamw_in_numpy),
    "adamw": (optimizers.adamw, adamw_in_numpy),
}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("x64", [True, False], ids=["float64", "float32"])
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_fifty_steps_agree_with_numpy(name, x64, decay):
    ours, theirs = VARIANTS[name]
    rng = np.random.default_rng(0)
    params = random_tree(rng)
    all_grads = [random_tree(rng, scale=10.0 ** rng.uniform(-3, 0)) for _ in range(STEPS)]
    expected, m, v = theirs(
        by_path(params), list(map(by_path, all_grads)), cosine_in_numpy, decay, norm=1.0
    )
    with jax.enable_x64(x64):
        optimizer = ours(schedules.cosine(3e-3, STEPS, 1e-5), weight_decay=decay, clip_norm=1.0)
        params, state = train(optimizer, params, all_grads)
        figures = {
            "params": worst_difference(params, expected),
            "mu": worst_difference(state["adam"].mu, m),
            "nu": worst_difference(state["adam"].nu, v),
        }
    print(name, "float64" if x64 else "float32", decay, figures)
    # The rate itself is a float32 number; float32 parameters lose 6e-8 of themselves at each step.
    assert max(figures.values()) <= (1e-7 if x64 else STEPS * 2**-24)


@pytest.mark.parametrize(
    "make", [optimizers.rms_scaled_adamw, optimizers.adamw, optimizers.adafactor]
)
def test_stacked_layers_train_like_unrolled_ones(make):
    rng = np.random.default_rng(1)
    params = random_tree(rng)
    all_grads = [random_tree(rng) for _ in range(5)]
    optimizer = make(1e-2, weight_decay=0.1, clip_norm=1.0)
    unrolled, _ = train(optimizer, params, all_grads)
    scanned, _ = train(optimizer, stack(params), [stack(g) for g in all_grads])
    assert worst_difference(scanned, by_path(stack(jax.device_get(unrolled)))) <= 1e-6


def test_stacked_layers_would_differ_with_one_rms_for_all():
    """Guards the test above: its layers must be of different sizes for it to mean anything."""
    params = stack(random_tree(np.random.default_rng(1)))
    kernel = params["encoder"]["layers"]["attention"]["query"]["kernel"]
    sizes = np.sqrt(np.mean(kernel**2, axis=(1, 2)))
    assert sizes.max() > 50 * sizes.min()


def test_decay_spares_layer_norms_in_the_rms_variant_only():
    params = jax.tree.map(jnp.asarray, random_tree(np.random.default_rng(2)))
    zeros = jax.tree.map(jnp.zeros_like, params)
    for make, spares in ((optimizers.rms_scaled_adamw, True), (optimizers.adamw, False)):
        after, _ = train(make(0.1, weight_decay=0.5, clip_norm=None), params, [zeros])
        before = by_path(params)
        for key, value in by_path(after).items():
            kept = 1.0 if spares and key.endswith("scale") else 0.95
            np.testing.assert_allclose(value, kept * before[key], rtol=1e-6, err_msg=key)


def test_rms_variant_moves_tiny_tensors_by_the_least_rms():
    params = {"kernel": jnp.full((4, 4), 1e-9)}
    after, _ = train(
        optimizers.rms_scaled_adamw(1.0, eps=0.0, clip_norm=None),
        params,
        [{"kernel": np.ones((4, 4))}],
    )
    np.testing.assert_allclose(after["kernel"] - params["kernel"], -1e-3, rtol=1e-5)


def test_clipping_bounds_the_global_norm_and_can_be_off():
    grads = {"a": np.full((3,), 30.0), "b": np.full((4,), 40.0)}
    params = jax.tree.map(np.ones_like, grads)
    norm = np.sqrt(3 * 30.0**2 + 4 * 40.0**2)
    for clip_norm, factor in ((1.0, 1.0 / norm), (1e6, 1.0), (None, 1.0)):
        _, state = train(optimizers.rms_scaled_adamw(1e-3, clip_norm=clip_norm), params, [grads])
        np.testing.assert_allclose(state["adam"].mu["a"], 0.1 * 30.0 * factor, rtol=1e-5)
    with pytest.raises(ValueError, match="clip_norm must be positive"):
        optimizers.adamw(1e-3, clip_norm=0.0)


def test_adafactor_is_optaxs():
    rng = np.random.default_rng(3)
    params = {"big": rng.normal(size=(130, 140)), "small": rng.normal(size=(7,))}
    all_grads = [jax.tree.map(lambda p: rng.normal(size=p.shape), params) for _ in range(5)]
    ours, state = train(
        optimizers.adafactor(schedules.rsqrt(1e-2, warmup_steps=3)), params, all_grads
    )
    theirs, _ = train(optax.adafactor(schedules.rsqrt(1e-2, warmup_steps=3)), params, all_grads)
    assert worst_difference(ours, by_path(theirs)) <= 1e-6
    assert state["factored"].v_row["big"].size + state["factored"].v_col["big"].size == 270


@pytest.mark.parametrize(
    "make", [optimizers.rms_scaled_adamw, optimizers.adamw, optimizers.adafactor]
)
def test_state_is_named_by_meaning_with_int32_counters(make):
    params = jax.tree.map(jnp.asarray, random_tree(np.random.default_rng(4)))
    _, state = train(make(schedules.constant(1e-3)), params, [params, params])
    assert type(state) is dict
    assert {"clip", "learning_rate"} < set(state)
    assert state["clip"] == optax.EmptyState()
    assert state["learning_rate"].count.dtype == jnp.int32
    assert int(state["learning_rate"].count) == 2
    without_clip = make(schedules.constant(1e-3), clip_norm=None).init(params)
    assert jax.tree.structure(without_clip) == jax.tree.structure(state)


def test_integers_come_back_from_a_float_restore():
    params = {"kernel": jnp.ones((2, 2))}
    optimizer = optimizers.rms_scaled_adamw(1e-3)
    _, state = train(optimizer, params, [params] * 3)
    floats = jax.tree.map(lambda x: x.astype(jnp.float32), state)
    restored = optimizers.restore_integers(floats, jax.eval_shape(optimizer.init, params))
    assert restored["adam"].count.dtype == restored["learning_rate"].count.dtype == jnp.int32
    assert restored["adam"].mu["kernel"].dtype == jnp.float32
    jax.tree.map(np.testing.assert_array_equal, restored, state)
    after = optimizer.update(params, restored, params)[1]
    assert after["adam"].count.dtype == jnp.int32
    assert int(after["adam"].count) == 4


def test_moments_are_sharded_like_their_parameters():
    mesh = jax.make_mesh((jax.device_count(),), ("data",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    params = {"kernel": jax.device_put(jnp.ones((8, 2)), sharding)}
    state = optimizers.rms_scaled_adamw(1e-3).init(params)
    assert state["adam"].mu["kernel"].sharding.is_equivalent_to(sharding, 2)
    assert state["adam"].nu["kernel"].dtype == jnp.float32

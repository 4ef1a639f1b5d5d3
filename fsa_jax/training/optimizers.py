"""Optimizers: optax transformations with clipping inside and state named by meaning.

Each function returns a chain of named steps. Its state is a plain dict from the step's name to
optax's own state type, for example ``{"clip": EmptyState(), "adam": ScaleByAdamState(count, mu,
nu), ...}``. So a checkpoint key says what it holds and does not move when a step is added, and
T5X's ``OptaxWrapper`` accepts the state (Adafactor's aside, for which T5X brings its own class).
Moments have the tree, shapes, type (float32) and sharding of the parameters.

*Layer stack*: parameters below a key ``layers`` are those of all layers, stacked on axis 0 by a
scan. Whatever an optimizer computes per tensor it computes there per layer, so that scanned and
unrolled models train alike.
"""

import math
from typing import Any, Protocol, TypeAlias

import jax
import jax.numpy as jnp
import optax

Path: TypeAlias = tuple[Any, ...]  # of keys, as in ``jax.tree_util.KeyPath``

LearningRate: TypeAlias = float | optax.Schedule


class OptimizerFactory(Protocol):
    """What makes an optimizer: one of the functions here, other settings bound by gin."""

    def __call__(self, *, learning_rate: LearningRate) -> optax.GradientTransformation:
        """Returns an optimizer that clips by itself."""


LAYER_STACK = "layers"
NORM_SCALE = "scale"
MIN_RMS = 1e-3


def rms_scaled_adamw(
    learning_rate: LearningRate,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    clip_norm: float | None = 1.0,
) -> optax.GradientTransformation:
    """AdamW whose step is proportional to the root mean square of the tensor it changes.

    For a tensor p at update t, with gradient g after clipping:

        m = b1 m + (1 - b1) g
        v = b2 v + (1 - b2) g²
        p = p - lr · sqrt(1 - b2^t) / (1 - b1^t) · max(1e-3, rms(p)) · m / (sqrt(v) + eps)
        p = p - lr · weight_decay · p        (not for layer norms; on the p just updated)

    ``rms(p)`` is taken before the update, one per layer in a layer stack. ``eps`` stands outside
    the bias correction, unlike in ``optax.scale_by_adam``. The paper distils with it: lr 3e-3,
    clip 1.0, no decay.

    Args:
        learning_rate: A rate, or a schedule of the update count.
        b1: Decay of the first moment.
        b2: Decay of the second moment.
        eps: Added to the square root of the second moment.
        weight_decay: Decoupled decay per unit of learning rate.
        clip_norm: Largest global norm of the gradients, or None for no clipping.

    Returns:
        A transformation with the state ``clip``, ``adam``, ``rms_scale``, ``learning_rate``.
    """
    return chain(
        clip=_clip(clip_norm),
        adam=_scale_by_adam(b1, b2, eps, late_eps=True),
        rms_scale=_scale_by_param_rms(),
        learning_rate=_descend(learning_rate, weight_decay),
    )


def adamw(
    learning_rate: LearningRate,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-6,
    weight_decay: float = 0.01,
    clip_norm: float | None = 1.0,
) -> optax.GradientTransformation:
    """Plain AdamW: decoupled decay on every parameter, layer norms included.

    The paper fine-tunes with it: lr 3e-4 falling linearly to 0, decay 0.01, clip 1.0.

    Args:
        learning_rate: A rate, or a schedule of the update count.
        b1: Decay of the first moment.
        b2: Decay of the second moment.
        eps: Added to the square root of the bias-corrected second moment.
        weight_decay: Decoupled decay per unit of learning rate.
        clip_norm: Largest global norm of the gradients, or None for no clipping.

    Returns:
        A transformation with the state ``clip``, ``adam``, ``decay``, ``learning_rate``.
    """
    return chain(
        clip=_clip(clip_norm),
        adam=_scale_by_adam(b1, b2, eps, late_eps=False),
        decay=optax.add_decayed_weights(weight_decay),
        learning_rate=_descend(learning_rate, 0.0),
    )


def adafactor(
    learning_rate: LearningRate,
    decay_rate: float = 0.8,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
    update_clip_rms: float = 1.0,
) -> optax.GradientTransformation:
    """Adafactor with steps scaled by each tensor's root mean square, as T5 was trained.

    The same steps as ``optax.adafactor``, with the root mean squares per layer in a layer stack.
    Memory is saved on tensors that have two axes of 128 or more.

    Args:
        learning_rate: A rate relative to the size of the parameters, or a schedule of the update
            count.
        decay_rate: Exponent of the second moment's decay, ``1 - t^-decay_rate``.
        weight_decay: Share of each parameter (layer norms included) taken off per unit of learning
            rate.
        clip_norm: Largest global norm of the gradients, or None for no clipping.
        update_clip_rms: Largest root mean square of one tensor's normalised update.

    Returns:
        A transformation with the state ``clip``, ``factored``, ``update_clip``, ``rms_scale``,
        ``decay``, ``learning_rate``.

    Source: Shazeer and Stern, Adafactor, https://arxiv.org/abs/1804.04235
    """
    return chain(
        clip=_clip(clip_norm),
        factored=optax.scale_by_factored_rms(decay_rate=decay_rate),
        update_clip=_clip_update_rms(update_clip_rms),
        rms_scale=_scale_by_param_rms(),
        decay=optax.add_decayed_weights(weight_decay),
        learning_rate=_descend(learning_rate, 0.0),
    )


def restore_integers(state: Any, like: Any) -> Any:
    """Returns ``state`` with the leaves that are integers in ``like`` cast back to that type.

    Orbax restores counters of T5X's checkpoints as float32. A count in float32 sticks at 2^24 and
    changes the type that a compiled step expects, so whatever restores an optimizer state calls
    this once.

    Args:
        state: A restored tree of arrays.
        like: A tree of the same structure, of arrays or ``jax.ShapeDtypeStruct``.
    """

    def cast(leaf: Any, reference: Any) -> Any:
        if jnp.issubdtype(reference.dtype, jnp.integer) and leaf.dtype != reference.dtype:
            return leaf.round().astype(reference.dtype)
        return leaf

    return jax.tree.map(cast, state, like)


def chain(**steps: optax.GradientTransformation) -> optax.GradientTransformation:
    """Chains named steps; the state is a plain dict by name.

    ``optax.named_chain`` keeps an OrderedDict, which flax's serialization (and with it T5X) does
    not descend into.
    """
    named = optax.named_chain(*steps.items())

    def update(
        updates: optax.Updates, state: optax.OptState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, optax.OptState]:
        updates, state = named.update(updates, state, params)
        return updates, dict(state)

    return optax.GradientTransformation(lambda params: dict(named.init(params)), update)


def _clip(clip_norm: float | None) -> optax.GradientTransformation:
    if clip_norm is None:
        return optax.identity()
    if clip_norm <= 0:
        raise ValueError(
            f"optimizer: clip_norm must be positive, got {clip_norm}; None turns clipping off."
        )
    return optax.clip_by_global_norm(clip_norm)


def _scale_by_adam(
    b1: float, b2: float, eps: float, late_eps: bool
) -> optax.GradientTransformation:
    """Adam's direction: ``eps`` beside the bias-corrected root or, ``late_eps``, the plain one.

    Not ``optax.scale_by_adam``: it has no late eps, and its bias correction is off by 1e-5 at
    first.
    """

    def init(params: optax.Params) -> optax.OptState:
        zeros = jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params)
        return optax.ScaleByAdamState(jnp.zeros([], jnp.int32), *zeros)

    def update(
        grads: optax.Updates, state: Any, params: optax.Params | None = None
    ) -> tuple[optax.Updates, optax.OptState]:
        del params
        # Keeps the type of a count that T5X restored as a float: its compiled step expects it back.
        count = optax.safe_increment(state.count)
        mu = jax.tree.map(lambda g, m: b1 * m + (1 - b1) * g, grads, state.mu)
        nu = jax.tree.map(lambda g, v: b2 * v + (1 - b2) * jnp.square(g), grads, state.nu)
        root = jnp.sqrt(_one_minus_power(b2, count))
        factor = root / _one_minus_power(b1, count)
        own_eps = eps if late_eps else eps * root

        def direction(m: jax.Array, v: jax.Array) -> jax.Array:
            return (factor * m / (jnp.sqrt(v) + own_eps)).astype(m.dtype)

        updates = jax.tree.map(direction, mu, nu)
        return updates, optax.ScaleByAdamState(count=count, mu=mu, nu=nu)

    return optax.GradientTransformation(init, update)


def _one_minus_power(base: float, exponent: jax.Array) -> jax.Array:
    """Returns 1 - base^exponent; taken literally it loses four digits at 0.999 and small counts."""
    if base == 0.0:
        return jnp.ones_like(exponent, dtype=jnp.result_type(float))
    return -jnp.expm1(exponent * math.log(base))


def _scale_by_param_rms() -> optax.GradientTransformation:
    def scale(path: Path, update: jax.Array, param: jax.Array) -> jax.Array:
        rms = _rms(path, param)
        return update * jnp.maximum(rms, MIN_RMS)

    return optax.stateless(
        lambda updates, params: jax.tree_util.tree_map_with_path(scale, updates, params)
    )


def _clip_update_rms(threshold: float) -> optax.GradientTransformation:
    def clip(path: Path, update: jax.Array) -> jax.Array:
        return update / jnp.maximum(1.0, _rms(path, update) / threshold)

    return optax.stateless(lambda updates, _: jax.tree_util.tree_map_with_path(clip, updates))


def _rms(path: Path, x: jax.Array) -> jax.Array:
    """Returns the root mean square of ``x`` (…): a scalar, or (layers, 1, …) in a layer stack."""
    first = 1 if LAYER_STACK in _keys(path) else 0
    return jnp.sqrt(jnp.mean(jnp.square(x), axis=tuple(range(first, x.ndim)), keepdims=True))


def _descend(learning_rate: LearningRate, decay_after: float) -> optax.GradientTransformation:
    """Multiplies by minus the rate, then decays what the parameters will be by then."""
    schedule: optax.Schedule = (
        learning_rate if callable(learning_rate) else optax.constant_schedule(learning_rate)
    )

    def init(params: optax.Params) -> optax.OptState:
        del params
        return optax.ScaleByScheduleState(count=jnp.zeros([], jnp.int32))

    def update(
        updates: optax.Updates, state: Any, params: optax.Params | None = None
    ) -> tuple[optax.Updates, optax.OptState]:
        rate = jnp.asarray(schedule(state.count))

        def step(path: Path, u: jax.Array, p: jax.Array) -> jax.Array:
            u = -rate.astype(u.dtype) * u
            decays = decay_after and _keys(path)[-1] != NORM_SCALE
            return u - rate.astype(u.dtype) * decay_after * (p + u) if decays else u

        updates = jax.tree_util.tree_map_with_path(step, updates, params)
        return updates, optax.ScaleByScheduleState(count=optax.safe_increment(state.count))

    return optax.GradientTransformation(init, update)


def _keys(path: Path) -> tuple[str, ...]:
    """Returns the names along a path into a parameter tree."""
    return tuple(str(getattr(key, "key", key)) for key in path)

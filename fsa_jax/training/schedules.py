"""Learning rate schedules: functions of the update count, each with a warm-up.

Every schedule is an ``optax.Schedule``: it maps the number of updates made so far (an int or float
scalar, on the host or traced) to a learning rate. The optimizer and the log call the same
function, so they cannot disagree.

*Peak* is the highest rate, *floor* the rate that a decay ends at and then keeps, *steps* the
length of training in updates with the warm-up included. A warm-up of ``W`` updates rises on a
straight line from 0 at update 0 to the peak at update ``W``; ``W = 0`` starts at the peak.
"""

from typing import Protocol

import jax
import jax.numpy as jnp
import optax


class ScheduleFactory(Protocol):
    """What makes a schedule: one of the functions here, other settings bound by gin."""

    def __call__(self, *, steps: int) -> optax.Schedule:
        """Returns the schedule of a run of so many updates."""


def constant(peak: float, steps: int | None = None, warmup_steps: int = 0) -> optax.Schedule:
    """Returns a schedule that stays at ``peak`` after the warm-up.

    Args:
        peak: The learning rate.
        steps: Updates in all, as every schedule is told; does not matter here.
        warmup_steps: Updates of linear warm-up.

    Raises:
        ValueError: A negative warm-up.
    """
    del steps
    return _after_warmup(optax.constant_schedule(peak), peak, warmup_steps)


def linear(peak: float, steps: int, floor: float = 0.0, warmup_steps: int = 0) -> optax.Schedule:
    """Returns a schedule that falls on a straight line from ``peak`` to ``floor``.

    The paper's fine-tuning: ``peak`` 3e-4, ``floor`` 0, no warm-up.

    Args:
        peak: The highest learning rate.
        steps: Updates in all, the warm-up included; later updates keep ``floor``.
        floor: The last learning rate.
        warmup_steps: Updates of linear warm-up.

    Raises:
        ValueError: A negative warm-up, or one that leaves no updates to decay over.
    """
    decay_steps = _decay_steps(steps, warmup_steps)
    return _after_warmup(optax.linear_schedule(peak, floor, decay_steps), peak, warmup_steps)


def cosine(
    peak: float,
    steps: int,
    floor: float = 0.0,
    warmup_steps: int = 0,
    half_start: bool = False,
) -> optax.Schedule:
    """Returns a schedule that falls along half a cosine from ``peak`` to ``floor`` and stays there.

    The paper's distillation: ``peak`` 3e-3, ``floor`` 1e-5, no warm-up. The reference
    implementation means the same but chains a ``LinearLR`` of zero steps before the cosine, which
    halves the rate that the cosine starts from (``half_start``): 1.5e-3 to 1e-5.

    Args:
        peak: The highest learning rate.
        steps: Updates in all, the warm-up included; later updates keep ``floor``.
        floor: The last learning rate.
        warmup_steps: Updates of linear warm-up.
        half_start: Start the decay at ``peak / 2``, as the reference does; without warm-up only.

    Raises:
        ValueError: A negative warm-up, one that leaves no updates to decay over, or one together
            with ``half_start``.
    """
    if half_start and warmup_steps:
        raise ValueError(
            "cosine: half_start is the reference's schedule without warm-up, got "
            f"warmup_steps={warmup_steps}; set one of the two."
        )
    decay_steps = _decay_steps(steps, warmup_steps)
    start = peak / 2 if half_start else peak

    def decay(count: jax.typing.ArrayLike) -> jax.typing.ArrayLike:
        progress = jnp.clip(count / decay_steps, 0.0, 1.0)
        return floor + (start - floor) * 0.5 * (1.0 + jnp.cos(jnp.pi * progress))

    return _after_warmup(decay, peak, warmup_steps)


def rsqrt(peak: float, steps: int | None = None, warmup_steps: int = 10_000) -> optax.Schedule:
    """Returns a schedule that decays with the inverse square root of the update count.

    After the warm-up the rate is ``peak * sqrt(warmup_steps / count)``. T5 was pre-trained this
    way; with ``peak`` 0.01 and 10,000 warm-up steps it has T5's decay ``1 / sqrt(count)``.

    Args:
        peak: The learning rate at the end of the warm-up.
        steps: Updates in all, as every schedule is told; does not matter here.
        warmup_steps: Updates of linear warm-up; they also set the time scale of the decay (1 where
            it is 0).

    Raises:
        ValueError: A negative warm-up.
    """
    del steps
    scale = max(warmup_steps, 1)

    def decay(count: jax.typing.ArrayLike) -> jax.typing.ArrayLike:
        return peak * jnp.sqrt(scale / jnp.maximum(count + warmup_steps, scale))

    return _after_warmup(decay, peak, warmup_steps)


def _decay_steps(steps: int, warmup_steps: int) -> int:
    """Returns the updates left after the warm-up, at least one."""
    if steps <= warmup_steps:
        raise ValueError(
            f"schedule: steps={steps} leaves nothing to decay over after "
            f"warmup_steps={warmup_steps}; raise the steps or shorten the warm-up."
        )
    return steps - warmup_steps


def _after_warmup(schedule: optax.Schedule, peak: float, warmup_steps: int) -> optax.Schedule:
    """Returns ``schedule`` shifted behind a linear warm-up to ``peak``."""
    if warmup_steps < 0:
        raise ValueError(f"schedule: warmup_steps must not be negative, got {warmup_steps}.")
    if warmup_steps == 0:
        return schedule
    return optax.join_schedules(
        [optax.linear_schedule(0.0, peak, warmup_steps), schedule], [warmup_steps]
    )

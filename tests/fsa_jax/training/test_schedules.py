"""Learning rate schedules: end points, warm-up, and agreement with PyTorch's."""

import jax
import numpy as np
import pytest

from fsa_jax.training import schedules

pytestmark = pytest.mark.numeric


def rates(schedule, steps):
    return np.array([float(schedule(step)) for step in steps])


def test_cosine_falls_to_its_floor_and_stays_there():
    schedule = schedules.cosine(3e-3, steps=1000, floor=1e-5)
    np.testing.assert_allclose(
        rates(schedule, [0, 500, 1000, 1001, 2000, 10_000]),
        [3e-3, (3e-3 + 1e-5) / 2, 1e-5, 1e-5, 1e-5, 1e-5],
        rtol=1e-5,
    )
    assert np.all(np.diff(rates(schedule, range(0, 1001, 50))) < 0)


@pytest.mark.parametrize("half_start", [False, True])
def test_cosine_is_the_one_of_pytorch(half_start):
    """The half start is PyTorch's own, when a LinearLR of zero steps is chained before."""
    torch = pytest.importorskip("torch")
    scheduling = torch.optim.lr_scheduler
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-3)
    parts = [scheduling.CosineAnnealingLR(optimizer, T_max=40, eta_min=1e-5)]
    if half_start:
        parts.insert(
            0, scheduling.LinearLR(optimizer, start_factor=0.5, end_factor=1.0, total_iters=0)
        )
    scheduler = scheduling.ChainedScheduler(parts, optimizer=optimizer)
    expected = []
    for _ in range(40):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert expected[0] == pytest.approx(1.5e-3 if half_start else 3e-3)
    schedule = schedules.cosine(3e-3, steps=40, floor=1e-5, half_start=half_start)
    np.testing.assert_allclose(rates(schedule, range(40)), expected, rtol=1e-4, atol=1e-9)


def test_linear_and_constant():
    np.testing.assert_allclose(
        rates(schedules.linear(3e-4, steps=100), [0, 25, 50, 100, 150]),
        [3e-4, 2.25e-4, 1.5e-4, 0, 0],
        rtol=1e-5,
    )
    np.testing.assert_allclose(rates(schedules.constant(1e-3), [0, 1, 10**6]), [1e-3] * 3)


def test_rsqrt_is_t5s_decay():
    schedule = schedules.rsqrt(0.01, warmup_steps=10_000)
    np.testing.assert_allclose(
        rates(schedule, [0, 5000, 10_000, 40_000, 1_000_000]),
        [0, 0.005, 0.01, 0.005, 0.001],
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        rates(schedules.rsqrt(1.0, warmup_steps=0), [0, 1, 4]), [1, 1, 0.5], rtol=1e-6
    )


@pytest.mark.parametrize(
    "schedule",
    [
        schedules.constant(2.0, warmup_steps=10),
        schedules.linear(2.0, steps=30, warmup_steps=10),
        schedules.cosine(2.0, steps=30, warmup_steps=10),
        schedules.rsqrt(2.0, warmup_steps=10),
    ],
    ids=["constant", "linear", "cosine", "rsqrt"],
)
def test_every_schedule_warms_up_from_zero_to_its_peak(schedule):
    np.testing.assert_allclose(
        rates(schedule, [0, 1, 5, 9, 10]), [0.0, 0.2, 1.0, 1.8, 2.0], rtol=1e-6
    )


def test_decays_end_at_the_last_step_with_warmup_included():
    for schedule in (schedules.linear, schedules.cosine):
        last = rates(schedule(2.0, steps=30, floor=0.5, warmup_steps=10), [20, 30, 31])
        np.testing.assert_allclose(last, [1.25, 0.5, 0.5], rtol=1e-6)


def test_traced_host_and_float_counts_agree():
    schedule = schedules.cosine(3e-3, steps=77, floor=1e-5, warmup_steps=7)
    for step in (0, 3, 7, 40, 90):
        traced = jax.jit(schedule)(np.int32(step))
        assert float(traced) == pytest.approx(float(schedule(step)), rel=1e-6)
        assert float(schedule(np.float32(step))) == pytest.approx(float(schedule(step)), rel=1e-6)


def test_impossible_lengths_are_refused():
    with pytest.raises(ValueError, match="steps=10 leaves nothing to decay over"):
        schedules.cosine(1.0, steps=10, warmup_steps=10)
    with pytest.raises(ValueError, match="must not be negative"):
        schedules.constant(1.0, warmup_steps=-1)
    with pytest.raises(ValueError, match="half_start"):
        schedules.cosine(1.0, steps=10, warmup_steps=2, half_start=True)


@pytest.mark.parametrize("name", ["constant", "linear", "cosine", "rsqrt"])
def test_training_can_be_given_any_schedule(name):
    """`train` calls every schedule with the number of steps."""
    schedule = getattr(schedules, name)(peak=1e-3, steps=100)
    assert 0 <= float(schedule(50)) <= 1e-3

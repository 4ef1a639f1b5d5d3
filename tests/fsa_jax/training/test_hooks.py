import types
from unittest import mock

import numpy as np
import pytest

from fsa_jax.runtime.exits import RunFailedError
from fsa_jax.training import hooks


def moment(step, last=False, **values):
    metrics = {"loss": 1.0, "param_norm": 1.0, "tokens": 1, **values.pop("metrics", {})}
    info = types.SimpleNamespace(example_ids=np.arange(9), examples=9, target_tokens=20, state={})
    parts = {"run": None, "monitor": mock.MagicMock(), "state": mock.Mock(), "waited": 0.5}
    return hooks.Moment(step=step, last=last, metrics=metrics, info=info, **{**parts, **values})


@pytest.fixture
def saved():
    checkpoints = mock.Mock(latest_step=4)
    checkpoints.run.checkpoint = "checkpoint_{}".format
    return checkpoints


@pytest.mark.parametrize(("every", "due"), [(2, [2, 4, 5]), (None, [5]), (0, [5])])
def test_a_hook_is_due_every_so_often_and_at_the_end(every, due):
    hook = hooks.Hook()
    hook.every = every
    assert [step for step in range(1, 6) if hook.is_due(moment(step, last=step == 5))] == due


@pytest.mark.parametrize("metric", ["loss", "param_norm"])
@pytest.mark.parametrize("read", [True, False])
def test_what_is_not_finite_is_told_at_once_where_read_else_one_update_late(saved, metric, read):
    batches = mock.Mock()
    batches.describe = lambda ids: [f"task[{i}]" for i in ids]
    check = hooks.FiniteCheck(batches, saved)
    check.see(moment(5))
    broken = moment(6, metrics={metric: float("nan")}, is_read=read)
    if not read:
        check.see(broken)
    with pytest.raises(
        FloatingPointError, match=r"step 5 is not finite.*task\[3\], … \(9"
    ) as error:
        check.see(broken if read else moment(7))
    assert "last good checkpoint: checkpoint_4" in str(error.value)


def test_logged_means_weigh_updates_by_their_target_tokens_and_begin_anew():
    log = hooks.Log(2, lambda step: 0.1 * step, started=0.0)
    for step, (loss, tokens) in enumerate([(1.0, 30), (5.0, 10), (7.0, 1)], start=1):
        now = moment(step, metrics={"loss": loss, "tokens": tokens})
        log.see(now)
        if step > 1:
            log.act(now)
            _, scalars, waited = now.monitor.log.call_args.args
            assert scalars["loss"] == {2: 2.0, 3: 7.0}[step]
            assert scalars["learning_rate"] == pytest.approx(0.1 * (step - 1))
            assert waited == 0.5


def test_results_of_an_evaluation_are_saved_with_its_step(saved):
    now = moment(3)
    hooks.Evaluate(3, mock.Mock(**{"run.return_value": {"f1": 50.0}})).act(now)
    save = hooks.Save(2, saved, best_every=3)
    assert [step for step in range(1, 7) if save.is_due(moment(step))] == [2, 3, 4, 6]
    save.act(now)
    saved.save.assert_called_once_with(now.state, now.info.state, {"f1": 50.0})


@pytest.mark.parametrize("method", ["see", "act"])
def test_the_state_is_saved_before_a_users_hook_ends_the_run(saved, method):
    hook = hooks.Hook()
    setattr(hook, method, mock.Mock(side_effect=KeyError("gone")))
    now = moment(3)
    with pytest.raises(RunFailedError, match=r"hook Hook failed at step 3: KeyError.*checkpoint_3"):
        getattr(hooks.Guarded(hook, saved), method)(now)
    assert [call[0] for call in saved.method_calls] == ["save", "wait"]
    saved.save.assert_called_once_with(now.state, now.info.state, None)

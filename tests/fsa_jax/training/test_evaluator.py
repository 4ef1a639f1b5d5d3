"""What evaluations will need is checked before anything is built."""

import echo
import pytest

from fsa_jax.data.batches import DataConfig
from fsa_jax.training.evaluator import settle

LENGTHS = {"inputs": 32, "targets": 24}


def settled(task, **asked):
    data = DataConfig(task, LENGTHS, batch_size=8)
    return settle(echo.evaluation(**{"split": "validation"} | asked), data)


def test_of_the_final_splits_those_stay_that_the_task_has(task_of):
    task = task_of(train=8, validation=4, test=4)
    found = settled(task, final_splits=("test", "test_hard"))
    assert found.final_splits == ("test",)
    assert found.best_metric == "f1"
    assert settled(task, final_splits=()).final_splits == ()


def test_a_task_with_nothing_else_to_score_has_no_final_splits(task_of):
    task = task_of(train=8, validation=4)
    assert settled(task, final_splits=("test", "test_hard")).final_splits == ()


def test_final_splits_of_other_names_are_a_mistake(task_of):
    task = task_of(train=8, validation=4, test=4)
    with pytest.raises(ValueError, match="none of the splits hard of FINAL_SPLITS"):
        settled(task, final_splits=("hard",))


def test_without_evaluation_nothing_tells_the_best(task_of):
    task = task_of(train=8, test=4)
    assert settled(task, period=0).best_metric is None
    with pytest.raises(ValueError, match="train without evaluation by EVAL_PERIOD=0"):
        settled(task, period=3)


def test_losses_alone_need_no_metrics_but_their_split(task_of):
    task = task_of(metrics=False, train=8, validation=4)
    losses = {"metrics": False, "best_metric": None, "final_splits": ()}
    assert settled(task, **losses).split == "validation"
    with pytest.raises(ValueError, match="did you mean validation"):
        settled(task, **losses, split="validatoin")
    with pytest.raises(ValueError, match="no task with metrics: it is for training only"):
        settled(task)


def test_empty_splits_are_told(task_of):
    task = task_of(train=8, validation=0, test=4)
    with pytest.raises(ValueError, match=r"'validation' .* holds no examples"):
        settled(task)


def test_a_best_metric_that_no_evaluation_gives_is_told(task_of):
    task = task_of(train=8, validation=4)
    assert settled(task, best_metric="loss").best_metric == "loss"
    told = r"BEST_METRIC is 'f2', but evaluations on validation give f1, loss$"
    with pytest.raises(ValueError, match=told):
        settled(task, best_metric="f2")
    with pytest.raises(ValueError, match=r"BEST_METRIC is 'f1', .* give loss$"):
        settled(task, metrics=False, final_splits=())


def test_metrics_that_only_the_data_or_the_student_can_tell_are_not_refused():
    def by_word(targets, predictions):
        return {f"{word}_f1": 100.0 for word in targets}

    with echo.registered("by_word", metrics=(by_word,)) as task:
        assert settled(task, best_metric="poor_f1").best_metric == "poor_f1"
        with pytest.raises(ValueError, match="bad_f1, fine_f1, good_f1, loss, poor_f1"):
            settled(task, best_metric="great_f1")

    def of_a_student(targets, predictions):
        raise ZeroDivisionError

    with echo.registered("of_a_student", metrics=(of_a_student,)) as task:
        assert settled(task, best_metric="any").best_metric == "any"

import pytest

from fsa_jax.training.config import check_length


@pytest.mark.parametrize(
    ("total_steps", "epochs", "message"),
    [
        (None, None, "give TRAIN_STEPS or TRAIN_EPOCHS"),
        (0, None, "TRAIN_STEPS is 0"),
        (3, 2, "TRAIN_STEPS=3 and TRAIN_EPOCHS=2 are both given"),
        (None, 0, "TRAIN_EPOCHS is 0"),
        (None, float("nan"), "TRAIN_EPOCHS is nan"),
    ],
)
def test_a_length_that_is_missing_double_or_nothing_is_refused(total_steps, epochs, message):
    with pytest.raises(ValueError, match=message) as error:
        check_length(total_steps, epochs)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("total_steps", "epochs"), [(1, None), (None, 0.5)])
def test_one_step_or_part_of_an_epoch_is_a_length(total_steps, epochs):
    check_length(total_steps, epochs)

"""What a user mends by other input ends with 2; the machine's faults, and runs', with 1."""

import pytest

from fsa_jax.runtime import exits


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("TRAIN_STEPS is -1"), 2),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), 2),
        (FileNotFoundError(2, "No such file"), 2),
        (PermissionError(13, "Permission denied"), 2),
        (NotADirectoryError(20, "Not a directory"), 2),
        (OSError(28, "No space left on device"), 1),
        (ConnectionResetError(104, "reset"), 1),
        (FloatingPointError("loss is nan"), 1),
        (exits.RunFailedError("a hook raised"), 1),
    ],
)
def test_codes(error, code):
    assert isinstance(error, exits.TOLD_IN_ONE_LINE)
    assert exits.code_of(error) == code


def test_a_bug_is_not_told_in_one_line():
    for bug in (KeyError, TypeError, AssertionError, RuntimeError):
        assert not issubclass(bug, exits.TOLD_IN_ONE_LINE)


def test_a_stop_is_no_end():
    assert len({exits.FINISHED, exits.FAILED, exits.USAGE, exits.STOPPED}) == 4
    assert exits.FINISHED == 0
    assert exits.STOPPED == 3

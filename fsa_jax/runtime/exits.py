"""How a command ended: its exit code, for users, job scripts and experiments alike."""

FINISHED = 0
FAILED = 1  # the machine, the data or a hook got in the way, or there is a bug
USAGE = 2  # bad usage or input: nothing was done
STOPPED = 3  # stopped in good order (SIGTERM, Ctrl-C, a cost limit): the same command goes on


class RunFailedError(Exception):
    """A run cannot go on, for a reason that one line tells; what was learned is saved."""


# What a user mends by giving other input; every other OSError is the machine's.
_INPUT = (
    ValueError,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
TOLD_IN_ONE_LINE = (ValueError, OSError, FloatingPointError, RunFailedError)


def code_of(error: BaseException) -> int:
    """Returns the exit code of a command that ended with one of ``TOLD_IN_ONE_LINE``."""
    return USAGE if isinstance(error, _INPUT) else FAILED

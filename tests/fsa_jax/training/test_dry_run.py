"""What a dry run says where the compiler refuses."""

import jax
import pytest

from fsa_jax.training import dry_run


class Refused:
    """A lowered step whose compilation ends with ``error``."""

    def __init__(self, error):
        self.error = error

    def compile(self):
        raise jax.errors.JaxRuntimeError(self.error)


def test_too_little_memory_is_told_with_what_to_change():
    error = (
        "RESOURCE_EXHAUSTED: E1000: CompileTimeHbmOom: Ran out of memory on HBM, the total memory\n"
        "required for HLO temporaries (17.55G) exceeds available HBM (15.75G). HLO module: x.\nMore"
    )
    with pytest.raises(ValueError, match=r"17\.55G.*\(15\.75G\); raise MICRO_BATCHES") as told:
        dry_run._compile(Refused(error))
    assert "\n" not in str(told.value)


def test_any_other_error_stays_as_it_is():
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL: x"):
        dry_run._compile(Refused("INTERNAL: x"))

"""Importing ``tasks`` registers the names that are contracts, once."""

import seqio

import tasks  # noqa: F401 - registers the tasks
from fsa_jax.opinions.corpus import TEACHERS
from fsa_jax.opinions.data_sets import DATA_SETS
from tasks import registry


def test_the_names_that_others_rely_on_are_there():
    known = {*seqio.TaskRegistry.names(), *seqio.MixtureRegistry.names()}
    assert set(DATA_SETS) <= known
    assert {f"distill_{teacher}_anl_rw" for teacher in TEACHERS} <= known
    assert {"tsa_rest14_p25", "tsc_rest14", "asc_laptop16", "general_distillation"} <= known
    assert {"distill_mixtral_8x7b_anl_rw_100k"} <= known


def test_registering_again_changes_nothing():
    before = {*seqio.TaskRegistry.names(), *seqio.MixtureRegistry.names()}
    registry.register()
    assert {*seqio.TaskRegistry.names(), *seqio.MixtureRegistry.names()} == before

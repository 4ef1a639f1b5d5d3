"""Systems are tested against their baseline, sentence by sentence."""

from fsa_jax.experiments.report.testing import with_tests
from fsa_jax.experiments.tables import make_table

ALL = ("tsa_rest14", "all")


def test_paired_test_against_the_baseline(filled):
    plan, store = filled
    table = with_tests(make_table(plan, store.read()), draws=500)
    plain, distilled = table.rows
    assert plain.cells[ALL].p_value is None
    assert 0 < distilled.cells[ALL].p_value < 0.1
    assert distilled.cells["tsa_rest14", "implicit"].p_value > distilled.cells[ALL].p_value

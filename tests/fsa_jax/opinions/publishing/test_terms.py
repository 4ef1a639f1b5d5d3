"""Each task that is made of somebody's data tells whose."""

import pytest

import tasks
from fsa_jax.opinions.corpus import TEACHERS
from fsa_jax.opinions.data_sets import DATA_SETS
from fsa_jax.opinions.publishing import terms


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("tsa_rest14_p25", [terms.BENCHMARKS["fsa"]]),
        ("tsc_rest14_t5", [terms.BENCHMARKS["fsa"]]),
        ("asc_laptop16", [terms.BENCHMARKS["fsa"]]),
        ("instructabsa_asa_rest16", [terms.BENCHMARKS["fsa"]]),
        ("acos_laptop16", [terms.BENCHMARKS["acos"]]),
        ("distill_mixtral_8x7b_anl_rw_10k", [terms.TEACHERS["mixtral_8x7b"], *terms.REVIEWS]),
        ("understanding_gpt35_rw_laptop_500", [terms.TEACHERS["gpt35"], *terms.REVIEWS]),
        ("dapt_reviews_100k", list(terms.REVIEWS)),
        ("mine", []),
    ],
)
def test_a_task_tells_whose_data_it_is_made_of(task, names):
    assert terms.of_task(task) == names


def test_all_teachers_and_formats_of_benchmarks_have_terms():
    assert set(TEACHERS) == set(terms.TEACHERS)
    assert {data_set.form for data_set in DATA_SETS.values()} == set(terms.BENCHMARKS)


def test_a_teacher_of_ones_own_is_named_and_not_known():
    (own, *reviews) = terms.of_task("distill_my_llm_anl")
    assert "my_llm" in own.name
    assert "not known" in own.terms
    assert reviews == list(terms.REVIEWS)


def test_no_registered_name_of_a_corpus_or_benchmark_is_left_out():
    import seqio

    tasks.registry.register()
    names = [*seqio.TaskRegistry.names(), *seqio.MixtureRegistry.names()]
    kinds = ("tsa", "asa", "tsc", "asc", "asqp", "acos", "distill", "understanding", "dapt")
    ours = [name for name in names if name.startswith(kinds)]
    assert len(ours) > 100
    assert [name for name in ours if not terms.of_task(name)] == []

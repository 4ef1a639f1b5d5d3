"""What a task asks for is told by its metric, or of the corpus by its name."""

import pytest
import seqio

import tasks  # noqa: F401 - registers them
from fsa_jax.opinions.units import ASA, TSA
from fsa_jax.student import forms


def form(task):
    [found] = forms.forms_of(seqio.get_mixture_or_task(task)).values()
    return found


@pytest.fixture
def mixture():
    """Makes a mixture of tasks."""
    made = []

    def make(*names):
        made.append("_and_".join(names))
        return seqio.MixtureRegistry.add(made[-1], list(names), default_rate=1.0)

    yield make
    for name in made:
        seqio.MixtureRegistry.remove(name)


def test_opinions_are_told_by_the_metric():
    assert form("tsa_rest14").kind == TSA
    assert form("asa_laptop16").kind.name == ASA.name
    assert form("asqp_rest15").name == "quad"
    assert form("asc_rest16").labels == ("negative", "neutral", "positive")
    assert "Now complete" in form("instructabsa_tsa_rest14").question("A soup .")
    assert form("tsa_rest14").question("A soup .") == "A soup ."


@pytest.mark.parametrize(
    ("task", "name", "begins"),
    [
        ("distill_lexicon_anl", "anl", "Opinion Target"),
        ("understanding_mixtral_8x7b_anl_without_reasoning_laptop_500", "anl", "Opinion Target"),
        ("understanding_gpt35_anl_without_labels_restaurant", "anl", "Reasoning"),
        ("distill_lexicon_rw_10k", "rw", ""),
        ("dapt_reviews", "text", ""),
        ("general_distillation", "text", ""),
    ],
)
def test_what_teachers_write_is_told_by_the_name(task, name, begins):
    found = form(task)
    assert (found.name, found.begins) == (name, begins)
    assert bool(found.never_begins) == (name == "rw")


def test_a_mixture_of_several_forms_asks_which(mixture):
    both = mixture("tsa_rest14", "asa_rest16")
    message = r"choose one of its tasks, asa_rest16 \(asa\) or tsa_rest14 \(tsa\), as --task"
    with pytest.raises(ValueError, match=message):
        forms.only_form(both)
    with pytest.raises(ValueError, match=r"anl_laptop \(anl\) or understanding_lexicon_rw_"):
        forms.only_form(seqio.get_mixture_or_task("distill_lexicon_anl_rw"))
    assert forms.only_form(mixture("tsa_rest14", "tsa_laptop14")).kind == TSA


def test_tasks_that_ask_alike_are_told(mixture):
    both = mixture("tsa_rest14", "asa_rest16")
    assert forms.asked_alike(forms.forms_of(both)) == ["asa_rest16", "tsa_rest14"]
    told = mixture("instructabsa_tsa_rest14", "instructabsa_asa_rest16", "tsc_rest14")
    assert forms.asked_alike(forms.forms_of(told)) == []
    distilled = seqio.get_mixture_or_task("distill_lexicon_anl_rw")
    assert forms.asked_alike(forms.forms_of(distilled)) == []

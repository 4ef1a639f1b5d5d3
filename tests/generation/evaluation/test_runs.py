"""From tasks and seeds to runs in folders of their own."""

import re

import pytest

from fsa_jax.opinions.questions import CLASSIFICATIONS
from generation.evaluation import runs
from generation.evaluation.runs import Benchmark
from generation.prompting import LabelPrompt


def test_each_draw_of_demonstrations_has_a_folder(data, tmp_path):
    benchmark = Benchmark(("tsa_rest14", "asqp_rest16"), "test", data, 2, (42, 52))
    planned = runs.plan(benchmark, tmp_path, by_probability=False)
    assert [(each.name, each.folder.path.name) for each in planned] == [
        ("tsa_rest14, seed 42", "seed_42"),
        ("tsa_rest14, seed 52", "seed_52"),
        ("asqp_rest16, seed 42", "seed_42"),
        ("asqp_rest16, seed 52", "seed_52"),
    ]
    # A later seed is one more folder: what is there is not asked again.
    one = runs.plan(Benchmark(("tsa_rest14",), "test", data, 2), tmp_path, by_probability=False)
    assert (one[0].folder, one[0].prompt) == (planned[0].folder, planned[0].prompt)
    assert one[0].prompt.template.count("Sentence: ") == 3
    options = one[0].options({"max_cost": 1.0})
    assert options.reviews.read_text().count("\n") == len(one[0].asked)
    assert (options.folder, options.max_cost) == (tmp_path / "seed_42", 1.0)


@pytest.mark.parametrize("by_probability", [True, False])
def test_zero_shot_tasks_share_the_folder(data, tmp_path, by_probability):
    benchmark = Benchmark(("tsc_rest14", "asc_laptop16"), "test", data, seeds=(42, 52))
    planned = runs.plan(benchmark, tmp_path, by_probability)
    assert [(each.name, each.folder.path) for each in planned] == [
        ("tsc_rest14", tmp_path),
        ("asc_laptop16", tmp_path),
    ]
    assert all(isinstance(each.prompt, LabelPrompt) == by_probability for each in planned)


def test_open_models_are_scored_and_others_asked(data):
    zero_shot, written = (Benchmark((n,), "test", data) for n in ("tsc_rest14", "tsa_rest14"))
    assert zero_shot.by_probability(None, "vllm")
    assert not zero_shot.by_probability(None, "openai")
    assert zero_shot.by_probability("probability", "openai")
    assert not zero_shot.by_probability("generation", "vllm")
    assert not written.by_probability(None, "vllm")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: Benchmark(("tsa_rest16",), "test", root), "--task is 'tsa_rest16'; use one"),
        (lambda root: Benchmark((), "test", root), "--task is ; name tasks"),
        (
            lambda root: Benchmark(("tsa_rest14", "tsc_rest14"), "test", root),
            f"name tasks in context, or zero-shot ones ({', '.join(CLASSIFICATIONS)})",
        ),
        (lambda root: Benchmark(("tsa_rest14",), "test", root, seeds=(1, 1)), "each seed once"),
        (
            lambda root: Benchmark(("tsa_rest14",), "test", root).by_probability("words", "vllm"),
            "--by is 'words'; use generation or probability",
        ),
        (
            lambda root: Benchmark(("asa_rest16",), "test", root).by_probability(
                "probability", "vllm"
            ),
            "--by probability chooses among labels, and asa_rest16 asks for a list",
        ),
        (lambda root: runs.read_seeds("42,x"), "--seeds names 'x'; use whole numbers"),
    ],
)
def test_what_does_not_go_together_is_refused(data, make, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        make(data)


def test_seeds_are_read_by_commas():
    assert runs.read_seeds("42, 52,") == (42, 52)

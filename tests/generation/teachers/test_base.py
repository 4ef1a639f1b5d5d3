"""What decides an answer, and so a ledger's keys, and what is only a label."""

import dataclasses

import pytest

from generation import prompting
from generation.teachers import base

SPEC = base.Spec("t", "openai:a", "m", "r", {"temperature": 0.5, "seed": "by key"})


@pytest.fixture(scope="module")
def prompt():
    return prompting.load("rw")


@pytest.mark.parametrize(
    "change",
    [
        {"backend": "openai:b"},
        {"model": "n"},
        {"revision": ""},
        {"sampling": {"temperature": 0.5}},
        {"sampling": {"temperature": 0.6, "seed": "by key"}},
    ],
)
def test_whoever_answers_otherwise_is_another(prompt, change):
    changed = dataclasses.replace(SPEC, **change)
    assert base.identity(changed, prompt) != base.identity(SPEC, prompt)


@pytest.mark.parametrize("change", [{"name": "other"}, {"version": "0"}])
def test_another_prompt_asks_otherwise(prompt, change):
    changed = dataclasses.replace(prompt, **change)
    assert base.identity(SPEC, changed) != base.identity(SPEC, prompt)


def test_the_teachers_name_is_a_label(prompt):
    assert base.identity(dataclasses.replace(SPEC, teacher="u"), prompt) == base.identity(
        SPEC, prompt
    )


def test_the_order_in_which_sampling_was_written_down_does_not_matter(prompt):
    turned = dataclasses.replace(SPEC, sampling=dict(reversed(SPEC.sampling.items())))
    assert base.identity(turned, prompt) == base.identity(SPEC, prompt)

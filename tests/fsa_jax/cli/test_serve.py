"""``fsa serve``: what is served is told in words, and a stop loses nothing that was accepted."""

import pytest

from fsa_jax.cli import serve


def test_models_have_the_names_they_are_given_or_those_of_their_folders():
    assert serve._named(["runs/a", "b=runs/x", "c=runs/x@tsc_rest14", "runs/d/@asa_rest16"]) == {
        "a": ("runs/a", None),
        "b": ("runs/x", None),
        "c": ("runs/x", "tsc_rest14"),
        "d": ("runs/d/", "asa_rest16"),
    }


@pytest.mark.parametrize("models", [["a=x", "a=y"], ["=x"], ["a="], ["runs/a", "other/a"]])
def test_a_model_needs_a_name_of_its_own_and_a_place(models):
    with pytest.raises(ValueError, match="NAME=CHECKPOINT"):
        serve._named(models)


def test_a_batch_is_a_power_of_two():
    with pytest.raises(ValueError, match="--batch-size 48: it is a power of two"):
        serve.serve(["x"], batch_size=48)

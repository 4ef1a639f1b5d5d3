"""A student for others: its folder says which run it is from, and nothing is overwritten."""

import dataclasses

import pytest
from safetensors import safe_open

from fsa_jax.student.export import export_hf

FACTS = {"mixture_or_task_name": "tsa_rest14", "steps": 120, "seed": 42, "git": "abc", "model": {}}


@pytest.fixture
def exported(student, tmp_path):
    return export_hf(dataclasses.replace(student, facts=FACTS), tmp_path / "hf", overwrite=False)


def test_the_card_says_which_run_it_is_from(exported):
    card = (exported / "README.md").read_text()
    for fact in ("tsa_rest14", "120", "42", "abc"):
        assert fact in card


def test_its_rows_are_those_of_the_embedding(exported, student):
    with safe_open(exported / "model.safetensors", "numpy") as tensors:
        assert tensors.get_tensor("shared.weight").shape == (384, 16)
    assert (exported / "tokenizer.json").is_file() or (exported / "spiece.model").is_file()


def test_a_folder_that_is_not_empty_is_left_alone(exported, student):
    before = (exported / "README.md").read_text()
    with pytest.raises(FileExistsError, match="overwrite"):
        export_hf(student, exported, overwrite=False)
    assert (exported / "README.md").read_text() == before
    export_hf(student, exported, overwrite=True)
    assert "abc" not in (exported / "README.md").read_text()

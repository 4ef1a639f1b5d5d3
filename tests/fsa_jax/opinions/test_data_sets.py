"""Splits of the benchmarks: which files, which sentences are hard, and what is missing."""

import pytest

from fsa_jax.opinions import data_sets
from fsa_jax.opinions.data_sets import DATA_SETS, sentences_of
from generation.world.sample import write_sample


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, seed=1, reviews=5)
    return folder


def test_every_split_of_every_data_set_is_read(root):
    for name, data_set in DATA_SETS.items():
        sizes = {split: len(sentences_of(data_set, split, root)) for split in data_set.splits}
        assert all(sizes.values()), name
        if "test_hard" in sizes:
            assert sizes["test"] == sizes["test_original"] + sizes["test_hard"]


def test_hard_sentences_are_marked(root):
    data_set = DATA_SETS["tsa_rest14"]
    assert {hard for _, hard in sentences_of(data_set, "test_original", root)} == {False}
    assert {hard for _, hard in sentences_of(data_set, "test_hard", root)} == {True}
    assert {hard for _, hard in sentences_of(data_set, "test", root)} == {False, True}


def test_what_is_missing_is_told_with_its_place(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"fsa/atsa/rest14/dev\.json does not exist.*hard_test"
    ):
        sentences_of(DATA_SETS["tsa_rest14"], "validation", tmp_path)


def test_a_file_that_changed_is_read_anew(root, tmp_path):
    relative = DATA_SETS["asqp_rest15"].splits["test"][0]
    lines = (root / relative).read_text().splitlines(keepends=True)
    path = tmp_path / relative
    path.parent.mkdir(parents=True)
    for count in (2, 3):
        path.write_text("".join(lines[:count]))
        assert len(data_sets.load_sentences(path, "asqp")) == count

"""Table 2 of the paper, from the real files; and the counting rules on small ones."""

import pytest

from fsa_jax.opinions.data_sets import DATA_SETS
from fsa_jax.opinions.readers import load_file
from fsa_jax.opinions.sentences import Opinion, Sentence
from fsa_jax.opinions.stats import Stats, SubsetStats, stats, subset_stats
from fsa_jax.opinions.units import ASA, TSA

# Sentences, targets, categories, implicit, multiple; None: the paper gives no number.
TABLE = {
    "atsa/rest14/train": (2432, 2972, None, None, 277),
    "atsa/rest14/dev": (609, 721, None, None, 78),
    "atsa/rest14/test": (800, 1134, None, 192, 85),
    "atsa/laptop14/train": (2436, 1922, None, None, 148),
    "atsa/laptop14/dev": (609, 436, None, None, 34),
    "atsa/laptop14/test": (800, 654, None, 133, 40),
    "acsa/rest16/train": (1600, 1386, 1823, None, 114),
    "acsa/rest16/dev": (400, 386, 477, None, 29),
    "acsa/rest16/test": (676, 623, 751, 199, 42),
    "acsa/laptop16/train": (2000, None, 2349, None, 126),
    "acsa/laptop16/dev": (500, None, 560, None, 25),
    "acsa/laptop16/test": (808, None, 801, 250, 35),
    "acsa/rest16/hard_test": (340, 383, 504, 285, 104),
    "acsa/laptop16/hard_test": (237, 290, 382, 212, 59),
    "atsa/rest14/hard_test": (340, 383, 504, 285, 104),
    "atsa/laptop14/hard_test": (237, 290, 382, 212, 59),
}
SUBSETS = {
    "tsa_rest14": (1140, 1517, 477, 701, 189, 451),
    "tsa_laptop14": (1037, 944, 345, 492, 99, 222),
    "asa_rest16": (1016, 1255, 484, 653, 146, 325),
    "asa_laptop16": (1045, 1183, 462, 706, 94, 222),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_real_files_give_table_2(real_data, name):
    found = stats(load_file(real_data / "fsa" / f"{name}.json"))
    sentences, targets, categories, implicit, multiple = TABLE[name]
    assert (found.sentences, found.implicit, found.multiple) == (sentences, implicit, multiple)
    assert targets is None or found.targets == targets
    assert categories is None or found.categories == categories


@pytest.mark.parametrize("name", SUBSETS)
def test_the_real_test_sets_give_the_sub_sets_of_the_paper(real_data, name):
    data_set = DATA_SETS[name]
    sentences = []
    for relative in data_set.splits["test"]:
        sentences += load_file(real_data / relative)
    assert subset_stats(sentences, data_set.kind) == SubsetStats(*SUBSETS[name])


def test_the_counting_rules():
    same = Opinion("food", 0, 4, "FOOD#QUALITY", "positive", "good")
    sentences = [
        # One target twice (two opinion words), a category of two polarities, an implicit target.
        Sentence(
            "1",
            "food good fine",
            (
                same,
                Opinion("food", 0, 4, "FOOD#QUALITY", "positive", "fine"),
                Opinion(None, None, None, "FOOD#QUALITY", "negative"),
            ),
            implicit=True,
        ),
        # The same target and polarity at two places counts twice.
        Sentence("2", "food food", (same, Opinion("food", 5, 9, "FOOD#QUALITY", "positive", "x"))),
        Sentence("3", "nothing"),
    ]
    assert stats(sentences) == Stats(3, 3, 3, 1, 1)
    assert subset_stats(sentences, TSA) == SubsetStats(3, 3, 1, 1, 1, 1)
    assert subset_stats(sentences, ASA) == SubsetStats(3, 3, 1, 2, 1, 2)
    assert stats(sentences[1:]).implicit is None

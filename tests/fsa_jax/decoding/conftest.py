import pytest
from hf_pairs import pair_in


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return pair_in(tmp_path_factory.mktemp("t5"))


@pytest.fixture(scope="module")
def gated_pair(tmp_path_factory):
    kind = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
    return pair_in(tmp_path_factory.mktemp("t5_1_1"), **kind)

import pytest

from generation.world.sample import write_sample


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_sample(folder, seed=3, reviews=300)
    return folder

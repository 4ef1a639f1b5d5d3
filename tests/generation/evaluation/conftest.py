import pytest

from generation.world.sample import write_sample


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """The data root of a small sample world."""
    folder = tmp_path_factory.mktemp("data")
    write_sample(folder, seed=1, reviews=20)
    return folder

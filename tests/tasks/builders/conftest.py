import pathlib

import pytest
import tensorflow_datasets as tfds


@pytest.fixture
def dummy_data():
    """Returns the folder of dummy data: all data sets, a sentence or two of each."""
    return pathlib.Path(__file__).parent / "dummy_data"


@pytest.fixture
def prepare(tmp_path):
    """Returns a function that builds a config from the files of a folder."""

    def build(builder_class, config, manual):
        builder = builder_class(config=config, data_dir=tmp_path / "built")
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=manual),
            download_dir=tmp_path / "downloads",
        )
        return builder

    return build

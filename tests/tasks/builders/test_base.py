"""TFDS's own dataset tests over dummy data of ours, and the addresses and checksums."""

import hashlib
import pathlib
import shutil

import pytest
import tensorflow_datasets as tfds

from fsa_jax.opinions.data_sets import DATA_SETS
from tasks.builders import AbsaQuads, FsaBenchmark
from tasks.builders.__main__ import build_all

DUMMY = pathlib.Path(__file__).parent / "dummy_data"


class FsaBenchmarkTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = FsaBenchmark
    EXAMPLE_DIR = str(DUMMY)
    SPLITS = {"train": 2, "validation": 1, "test": 2, "test_original": 1, "test_hard": 1}  # noqa: RUF012
    OVERLAPPING_SPLITS = ["test"]  # noqa: RUF012 - it is the other two together


class AbsaQuadsTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = AbsaQuads
    EXAMPLE_DIR = str(DUMMY)
    SPLITS = {"train": 1, "validation": 1, "test": 1}  # noqa: RUF012


def prepare(builder_class, config, folder, manual):
    builder = builder_class(config=config, data_dir=folder)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual),
        download_dir=folder / "downloads",
    )
    return builder


@pytest.mark.parametrize("builder_class", [FsaBenchmark, AbsaQuads])
def test_every_file_has_an_address_with_a_checksum(builder_class):
    infos = builder_class.url_infos
    for config in builder_class.BUILDER_CONFIGS:
        for files in DATA_SETS[config.name].splits.values():
            for file in files:
                info = infos[builder_class.address(file)]
                assert len(info.checksum) == 64
                assert info.size > 10_000


def test_the_checksums_are_those_of_the_real_files(real_data):
    checked = 0
    for builder_class in (FsaBenchmark, AbsaQuads):
        for config in builder_class.BUILDER_CONFIGS:
            for files in DATA_SETS[config.name].splits.values():
                for file in files:
                    if (real_data / file).is_file():
                        content = (real_data / file).read_bytes()
                        info = builder_class.url_infos[builder_class.address(file)]
                        assert info.checksum == hashlib.sha256(content).hexdigest()
                        assert info.size == len(content)
                        checked += 1
    assert checked >= 16


def test_a_missing_file_is_downloaded_from_its_address(tmp_path, monkeypatch):
    manual = tmp_path / "manual"
    shutil.copytree(DUMMY, manual)
    (manual / "asqp" / "rest15" / "dev.txt").unlink()
    asked = {}

    def download(self, urls):
        asked.update(urls)
        return {name: DUMMY / name for name in urls}

    monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
    builder = prepare(AbsaQuads, "asqp_rest15", tmp_path / "data", manual)
    assert list(asked) == ["asqp/rest15/dev.txt"]
    assert asked["asqp/rest15/dev.txt"].endswith("/data/rest15/dev.txt")
    assert builder.info.splits["validation"].num_examples == 1


def test_an_example_holds_the_opinions(tmp_path):
    builder = prepare(FsaBenchmark, "asa_rest16", tmp_path, DUMMY)
    (example,) = tfds.as_numpy(builder.as_dataset(split="test_hard"))
    assert example["targets"] == b"ambience general | positive"
    assert example["implicit"] == 1
    assert example["hard"]
    assert example["opinions"]["target"].tolist() == [b"terrace"]
    assert example["opinions"]["start"].tolist() == [4]
    assert example["opinions"]["opinion"].tolist() == [b""]
    assert example["opinions"]["opinion_start"].tolist() == [-1]


def test_the_real_benchmark_is_built_whole(real_data, tmp_path):
    found = dict(build_all(real_data, tmp_path))
    sizes = {name: splits["test"] for name, splits in found.items() if splits}
    assert sizes == {
        "fsa_benchmark/tsa_rest14": 1140,
        "fsa_benchmark/tsa_laptop14": 1037,
        "fsa_benchmark/asa_rest16": 1016,
        "fsa_benchmark/asa_laptop16": 1045,
        "absa_quads/asqp_rest16": 544,
        "absa_quads/acos_laptop16": 816,
    }

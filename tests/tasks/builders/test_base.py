"""Addresses and checksums of the published files, and what is downloaded."""

import hashlib
import shutil

import pytest
import tensorflow_datasets as tfds

from fsa_jax.opinions.data_sets import DATA_SETS
from tasks.builders import AbsaQuads, FsaBenchmark
from tasks.builders.__main__ import build_all


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


def test_a_missing_file_is_downloaded_from_its_address(tmp_path, monkeypatch, prepare, dummy_data):
    manual = tmp_path / "manual"
    shutil.copytree(dummy_data, manual)
    (manual / "asqp" / "rest15" / "dev.txt").unlink()
    asked = {}

    def download(self, urls):
        asked.update(urls)
        return {name: dummy_data / name for name in urls}

    monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
    builder = prepare(AbsaQuads, "asqp_rest15", manual)
    assert list(asked) == ["asqp/rest15/dev.txt"]
    assert asked["asqp/rest15/dev.txt"].endswith("/data/rest15/dev.txt")
    assert builder.info.splits["validation"].num_examples == 1


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

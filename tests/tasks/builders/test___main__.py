"""All benchmarks are built by one command from the files at hand."""

import pathlib
import shutil

from tasks.builders.__main__ import build_all

DUMMY = pathlib.Path(__file__).parent / "dummy_data"


def test_all_configs_are_built_from_the_files_at_hand(tmp_path):
    manual = tmp_path / "manual"
    shutil.copytree(DUMMY, manual)
    (manual / "acos" / "Laptop-ACOS" / "laptop_quad_dev.tsv").unlink()
    found = dict(build_all(manual, tmp_path / "data"))
    assert len(found) == 8
    assert found.pop("absa_quads/acos_laptop16") is None
    assert found["fsa_benchmark/tsa_rest14"]["test"] == 2
    assert all(sizes["train"] for sizes in found.values())

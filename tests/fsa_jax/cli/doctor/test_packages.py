"""Packages against what the package asks for and what was tested."""

import importlib.util
import pathlib

import numpy
import pytest

from fsa_jax.cli.doctor import packages
from fsa_jax.cli.doctor.findings import State

ROOT = pathlib.Path(__file__).parents[4]
METADATA = """Metadata-Version: 2.1
Name: fsa-jax
Version: 9.0
Requires-Python: >=3.11
Requires-Dist: numpy>=2.0
Requires-Dist: nowhere-to-be-found>=1.0
Requires-Dist: rich>=999
Requires-Dist: outer[more]>=1; extra == "engine"
Requires-Dist: typer; extra == "there"
Provides-Extra: engine
Provides-Extra: there
Provides-Extra: dev
"""
OUTER = """Metadata-Version: 2.1
Name: outer
Version: 1.0
Requires-Dist: rich
Requires-Dist: inner; extra == "more"
Provides-Extra: more
"""


@pytest.fixture
def findings(tmp_path, monkeypatch):
    """``findings()`` are those of a made-up installation, by name."""
    for folder, text in (("fsa_jax-9.0", METADATA), ("outer-1.0", OUTER)):
        (tmp_path / f"{folder}.dist-info").mkdir()
        (tmp_path / f"{folder}.dist-info" / "METADATA").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return lambda: {one.name: one for one in packages.check()}


def test_what_is_missing_or_old_is_broken_and_says_what_to_install(findings):
    found = findings()
    assert found["numpy"].state is found["Python"].state is State.OK
    assert found["nowhere-to-be-found"].found == "not installed"
    assert found["rich"].found.endswith("not >=999")
    for name in ("nowhere-to-be-found", "rich"):
        assert found[name].state is State.BROKEN
        assert found[name].fix == f"pip install -c {packages.CONSTRAINTS} '{name}'"


def test_an_extra_is_there_when_all_that_it_brings_is(findings, monkeypatch):
    found = findings()
    assert found["there"].state is State.OK
    assert found["engine"].state is State.ABSENT  # outer is there, inner is not
    assert found["engine"].fix == "if you need it: pip install 'outer[more]>=1'"
    assert "dev" not in found


def test_other_versions_than_the_tested_are_one_warning(findings, tmp_path, monkeypatch):
    assert "other than tested" not in findings()
    monkeypatch.setattr(packages, "CONSTRAINTS", tmp_path / "constraints.txt")
    packages.CONSTRAINTS.write_text("# tested\nNumPy==0.1\n")
    one = findings()["other than tested"]
    assert one.state is State.WARNING
    assert one.found == f"numpy {numpy.__version__} (0.1)"


def test_another_python_than_asked_for_is_broken(findings, tmp_path):
    path = tmp_path / "fsa_jax-9.0.dist-info" / "METADATA"
    path.write_text(path.read_text().replace(">=3.11", ">=3.99"))
    assert findings()["Python"].state is State.BROKEN


def test_a_machine_that_only_generates_needs_no_jax(monkeypatch):
    own = importlib.util.find_spec
    gone = {"jax", "seqio", "tensorflow"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n in gone else own(n))
    found = {one.name: one for one in packages.check()}
    assert not gone & set(found)
    assert found["openai"].state is State.OK
    assert found["students"].state is State.ABSENT


def test_the_tested_versions_are_those_of_the_constraints():
    assert packages.CONSTRAINTS.read_text() == (ROOT / "constraints.txt").read_text()
    assert packages.tested_versions()["huggingface-hub"]

"""Devices, disk, compile cache and credentials."""

import collections
import shutil

import pytest

from fsa_jax.cli.doctor import machine
from fsa_jax.cli.doctor.findings import NoAnswerError, State

Usage = collections.namedtuple("Usage", "total used free")
CPU = {"platform": "cpu", "kind": "cpu", "memory": None}
GPU = {"platform": "gpu", "kind": "H100", "memory": 80 << 30}


def test_jax_is_asked_for_its_devices():
    processor, devices = machine.check_devices()
    assert "cores" in processor.found
    assert (devices.state, devices.found) == (State.OK, "8 × cpu (cpu)")


@pytest.mark.parametrize(
    ("devices", "platforms", "warnings"),
    [([CPU], "", ["gpu"]), ([CPU], "cpu", []), ([GPU], "", [])],
)
def test_an_accelerator_that_jax_does_not_see_is_told(
    devices, platforms, warnings, tmp_path, monkeypatch
):
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(machine, "_ACCELERATORS", {str(tmp_path / "nvidiactl"): ("gpu", "cuda")})
    monkeypatch.setattr(machine, "ask", lambda *_: devices)
    monkeypatch.setenv("JAX_PLATFORMS", platforms)
    found = machine.check_devices()
    assert [one.name for one in found if one.state is State.WARNING] == warnings
    assert all("jax[cuda" in one.fix for one in found if one.state is State.WARNING)
    assert found[1].found == ("1 × cpu (cpu)" if devices == [CPU] else "1 × gpu (H100 of 80.0 GiB)")


def test_a_jax_that_does_not_load_is_broken(monkeypatch):
    def fail(*_):
        raise NoAnswerError("libtpu is in use by process 7")

    monkeypatch.setattr(machine, "ask", fail)
    broken = machine.check_devices()[-1]
    assert (broken.state, broken.found) == (State.BROKEN, "libtpu is in use by process 7")


@pytest.mark.parametrize(
    ("free", "state"),
    [(20 << 30, State.OK), (5 << 30, State.WARNING), (1 << 20, State.BROKEN)],
)
def test_a_disk_is_told_once_by_what_is_free(free, state, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free))
    (one,) = machine.check_disk([tmp_path, tmp_path / "not" / "yet"])
    assert one.state is state
    assert (one.fix == "") == (state is State.OK)


def test_the_compile_cache_tells_its_size(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))
    assert machine.check_compile_cache().found == f"{tmp_path}/xla, 0 B"
    (tmp_path / "xla").mkdir()
    (tmp_path / "xla" / "a").write_bytes(bytes(2048))
    assert machine.check_compile_cache().found == f"{tmp_path}/xla, 2.0 KiB"


def test_a_compile_cache_that_cannot_be_used_is_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "file" / "xla"))
    one = machine.check_compile_cache()
    assert one.state is State.WARNING
    assert "JAX_COMPILATION_CACHE_DIR" in one.fix
    monkeypatch.setenv("JAX_ENABLE_COMPILATION_CACHE", "false")
    assert machine.check_compile_cache().found == "switched off"


def test_credentials_are_told_and_never_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    found = machine.check_credentials()
    assert [one.state for one in found] == [State.ABSENT] * 2
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    found = machine.check_credentials()
    assert [one.state for one in found] == [State.OK] * 2
    assert "secret" not in repr(found)

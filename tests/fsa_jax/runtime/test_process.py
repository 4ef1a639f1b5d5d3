"""The set-up of a command's process: in order, only what its devices call for, and in silence."""

import os
import sys

import jax
import pytest

from fsa_jax.runtime import compile_cache, host_memory, hosts, process


@pytest.mark.parametrize(
    ("backend", "steps"), [("cpu", ["cache", "hosts", "memory"]), ("tpu", ["cache", "hosts"])]
)
def test_hosts_join_before_a_device_is_asked_for(monkeypatch, backend, steps):
    done = []

    def default_backend():
        assert done == ["cache", "hosts"]  # asking starts the devices, and then no host can join
        return backend

    monkeypatch.setattr(compile_cache, "enable", lambda: done.append("cache"))
    monkeypatch.setattr(hosts, "join", lambda: done.append("hosts"))
    monkeypatch.setattr(host_memory, "keep_freed_memory", lambda: done.append("memory"))
    monkeypatch.setattr(jax, "default_backend", default_backend)
    process.set_up()
    assert done == steps


@pytest.fixture
def noisy(tmp_path, monkeypatch):
    """The name of a module that writes to the descriptor, as C++ does; another that fails."""
    (tmp_path / "noisy_probe.py").write_text("import os\nos.write(2, b'a note')\n")
    (tmp_path / "broken_probe.py").write_text(
        "import os\nos.write(2, b'a note')\nimport nowhere_x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "noisy_probe"
    sys.modules.pop("noisy_probe", None)


@pytest.mark.parametrize(
    ("level", "heard"), [(None, ""), ("3", ""), ("0", "a note"), ("2", "a note")]
)
def test_notes_are_heard_only_where_they_are_asked_for(noisy, level, heard, monkeypatch, capfd):
    monkeypatch.setenv(process.LEVEL, level or "")
    if level is None:
        monkeypatch.delenv(process.LEVEL)
    process.import_quietly("os", noisy)
    assert capfd.readouterr().err == heard
    assert noisy in sys.modules
    os.write(2, b"later")
    assert capfd.readouterr().err == "later"


def test_an_import_that_fails_says_so_and_gives_stderr_back(noisy, monkeypatch, capfd):
    monkeypatch.setenv(process.LEVEL, "3")
    with pytest.raises(ImportError, match="nowhere_x"):
        process.import_quietly("broken_probe")
    os.write(2, b"later")
    assert capfd.readouterr().err == "later"

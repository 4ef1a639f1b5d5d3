"""The set-up of a command's process: in order, and only what its devices call for."""

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

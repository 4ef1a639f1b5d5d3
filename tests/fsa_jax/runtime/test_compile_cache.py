"""The compilation cache: where it lies, and that a second process finds what the first compiled."""

import os
import subprocess
import sys

from fsa_jax.runtime import compile_cache

PROGRAM = """
import jax, jax.numpy as jnp
from fsa_jax.runtime import compile_cache
print(compile_cache.enable())
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
hits = []
jax.monitoring.register_event_listener(lambda name, **_: hits.append(name))
jax.jit(lambda x: jnp.sin(x) @ x)(jnp.ones((4, 4))).block_until_ready()
print(sum(name.endswith("cache_hits") for name in hits))
"""


def run(**settings):
    env = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=env | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    folder, hits = done.stdout.split()
    return folder, int(hits)


def test_second_process_finds_what_the_first_compiled(tmp_path):
    first = run(XDG_CACHE_HOME=str(tmp_path))
    second = run(XDG_CACHE_HOME=str(tmp_path))
    assert first == (str(tmp_path / "fsa_jax" / "xla"), 0)
    assert second[1] > 0


def test_users_own_folder_goes_first(tmp_path):
    assert run(JAX_COMPILATION_CACHE_DIR=str(tmp_path / "mine"))[0] == str(tmp_path / "mine")


def test_jaxs_own_switch_is_heeded(monkeypatch):
    monkeypatch.delenv("JAX_ENABLE_COMPILATION_CACHE", raising=False)
    assert compile_cache.is_on()
    monkeypatch.setenv("JAX_ENABLE_COMPILATION_CACHE", "False")
    assert not compile_cache.is_on()

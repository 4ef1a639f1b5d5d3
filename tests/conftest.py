"""Settings of the whole test run, and the fixture for real data that is not part of the project."""

import os
import pathlib
import tempfile

import pytest

# Before anything imports JAX or TensorFlow: CPU only, eight simulated devices for the sharding
# tests, and few threads, since pytest-xdist runs one process per core.
os.environ["JAX_PLATFORMS"] = "cpu"
# The tests' programs are tiny: compiling them well takes longer than running them.
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
)
# Commands that tests start must neither read nor fill the user's own compilation cache.
_CACHES = tempfile.TemporaryDirectory(prefix="fsa_jax_tests_")  # removed at exit
os.environ["XDG_CACHE_HOME"] = _CACHES.name
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


@pytest.fixture(scope="session")
def real_data() -> pathlib.Path:
    """The folder of real benchmark, corpus and review files named by ``FSA_TEST_DATA``."""
    folder = os.environ.get("FSA_TEST_DATA")
    if not folder or not pathlib.Path(folder).is_dir():
        pytest.skip("FSA_TEST_DATA does not name the folder of real data")
    return pathlib.Path(folder)

"""Setting up this process: for JAX, before it is used, and for loading TensorFlow in silence."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator

from fsa_jax.runtime import compile_cache, host_memory, hosts

LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def set_up() -> None:
    """Turns the compile cache on, joins the other hosts, and keeps freed memory on a CPU.

    Called by commands and by nobody else.

    Raises:
        ValueError: The variables that name the other hosts do not fit together.
    """
    import jax

    compile_cache.enable()
    hosts.join()
    if jax.default_backend() == "cpu":
        host_memory.keep_freed_memory()


def import_quietly(*modules: str) -> None:
    """Imports modules that load TensorFlow, whose C++ part writes notes to file descriptor 2.

    They are heard where the user has set ``TF_CPP_MIN_LOG_LEVEL`` below 3, and errors ever.

    Args:
        modules: Full names.
    """
    level = os.environ.setdefault(LEVEL, "3")
    with contextlib.nullcontext() if level < "3" else _no_stderr():
        for module in modules:
            importlib.import_module(module)


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """Sends file descriptor 2 nowhere: while TensorFlow loads, it heeds no log level."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)

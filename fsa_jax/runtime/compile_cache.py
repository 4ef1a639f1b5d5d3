"""JAX's persistent compilation cache, on by default: the second start does not compile again.

The folder is ``JAX_COMPILATION_CACHE_DIR`` (a ``gs://`` path on Cloud TPU, to share it between
hosts and restarts), else ``fsa_jax/xla`` in the user's cache folder. JAX's own switch
``JAX_ENABLE_COMPILATION_CACHE=false`` turns it off.
"""

import os
import pathlib

_OFF = {"n", "no", "f", "false", "off", "0"}  # as JAX reads its switches


def folder() -> str:
    """Returns where compiled programs are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    own = pathlib.Path(home).expanduser() / "fsa_jax" / "xla"
    return os.environ.get("JAX_COMPILATION_CACHE_DIR") or str(own)


def is_on() -> bool:
    """Whether JAX's own switch leaves the cache on."""
    return os.environ.get("JAX_ENABLE_COMPILATION_CACHE", "").lower() not in _OFF


def enable() -> str:
    """Turns the cache on, before anything is compiled.

    Returns:
        Its folder.
    """
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):  # JAX reads it itself
        import jax

        jax.config.update("jax_compilation_cache_dir", folder())
    return folder()

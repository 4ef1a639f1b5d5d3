"""JAX's persistent compilation cache, on by default: the second start does not compile again.

The folder is ``JAX_COMPILATION_CACHE_DIR`` (a ``gs://`` path on Cloud TPU, to share it between
hosts and restarts), else ``fsa_jax/xla`` in the user's cache folder. JAX's own switch
``JAX_ENABLE_COMPILATION_CACHE=false`` turns it off.
"""

import os
import pathlib


def enable() -> str:
    """Turns the cache on, before anything is compiled.

    Returns:
        Its folder.
    """
    if given := os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return given  # JAX reads it itself
    import jax

    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = str(pathlib.Path(home).expanduser() / "fsa_jax" / "xla")
    jax.config.update("jax_compilation_cache_dir", folder)
    return folder

"""Setting up this process for JAX: called by commands, before JAX is used, and by nobody else."""

from fsa_jax.runtime import compile_cache, host_memory, hosts


def set_up() -> None:
    """Turns the compile cache on, joins the other hosts, and keeps freed memory on a CPU.

    Raises:
        ValueError: The variables that name the other hosts do not fit together.
    """
    import jax

    compile_cache.enable()
    hosts.join()
    if jax.default_backend() == "cpu":
        host_memory.keep_freed_memory()

"""Memory of the host, for training on CPU.

XLA's CPU client allocates a step's temporaries anew at each step. From glibc such sizes come
straight from the kernel and go back to it, and the kernel clears every page of them, every step: a
fifth of the time of a small student. Kept in the process, they are there already.
"""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # malloc.h of glibc


def keep_freed_memory() -> bool:
    """Lets this process keep and reuse large blocks that it has freed.

    Returns:
      Whether the C library is one that can (glibc).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    options = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_ARENA_MAX: 1}
    return all(mallopt(option, value) == 1 for option, value in options.items())

"""Large blocks stay in the process once they are freed."""

import subprocess
import sys

import pytest

# A block larger than glibc's mmap threshold is written, freed, and taken again.
CODE = """
import ctypes, resource, sys
from fsa_jax.runtime import host_memory
if sys.argv[1] == "keep" and not host_memory.keep_freed_memory():
    sys.exit(77)
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
size = 256 * 2**20
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    libc.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(mode):
    done = subprocess.run([sys.executable, "-c", CODE, mode], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("the C library is not glibc")
    return int(done.stdout)


def test_pages_are_faulted_in_once():
    assert page_faults("keep") < page_faults("return") / 2

"""A run's figures are its own."""

import subprocess
import sys

MEMORY = """
from fsa_jax.runtime.run_directory import RunDirectory
from fsa_jax.training.monitor import Monitor
monitor = Monitor(RunDirectory("unused"), 1, 0, flops_per_step=1.0, peak_flops=1.0, write=False)
print(monitor.log(1, {}, input_wait=0.0)["memory_gib"])
"""
HOLDER = """
import subprocess, sys
held = bytearray(b"1") * 2**31
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
"""


def test_memory_is_not_that_of_the_process_that_started_the_run():
    command = [sys.executable, "-c", HOLDER, MEMORY]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert 0.05 < float(done.stdout) < 1.5

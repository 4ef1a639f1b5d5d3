"""The hosts of one run: how they find each other, and which of them writes and speaks.

Every host runs the same command. On Cloud TPU they find each other by themselves; elsewhere three
environment variables tell each process where it stands: ``JAX_COORDINATOR_ADDRESS`` (host:port of
the first), ``JAX_NUM_PROCESSES`` and ``JAX_PROCESS_ID``.
"""

import glob
import importlib.util
import os

_VARIABLES = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")


def join() -> None:
    """Joins the other hosts of this run, if there are any; before JAX is used.

    Raises:
        ValueError: Some, but not all three, of the variables are set, or they are no numbers.
    """
    import jax

    if jax.distributed.is_initialized():
        return
    given = {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}
    if given:
        if missing := [name for name in _VARIABLES if name not in given]:
            raise ValueError(f"{', '.join(given)} set, but not {', '.join(missing)}")
        address, count, index = given.values()
        if not (count.isdigit() and index.isdigit() and int(index) < int(count)):
            raise ValueError(
                f"JAX_PROCESS_ID={index} of JAX_NUM_PROCESSES={count}: give numbers, from 0 on"
            )
        jax.distributed.initialize(address, int(count), int(index))
    elif _on_tpu():
        try:
            jax.distributed.initialize()
        except ValueError:
            # A TPU without the neighbourhood that Cloud TPU describes (Colab, for one): one host.
            return


def _on_tpu() -> bool:
    """Whether this machine has TPU chips that JAX is to use; does not touch them."""
    wanted = os.environ.get("JAX_PLATFORMS", "tpu")
    chips = glob.glob("/dev/accel[0-9]*") or glob.glob("/dev/vfio/[0-9]*")
    return "tpu" in wanted and bool(chips) and importlib.util.find_spec("libtpu") is not None


def is_first() -> bool:
    """Whether this host writes files and speaks for all."""
    import jax

    return jax.process_index() == 0


def say(line: str) -> None:
    """Prints a line once, however many hosts there are."""
    if is_first():
        print(line, flush=True)

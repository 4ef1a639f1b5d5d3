"""Measures ``fsa serve`` under load: many clients on loopback, with batches and one by one.

    python -m scripts.benchmarks.serving runs/tsa_rest14

Each client sends a text, waits for the answer, and sends the next. The same student is served twice
by processes of its own: with batches of what waits, and with batches of one. At the end the server
with batches is told to stop (SIGTERM) while all clients wait: what it accepted it must answer.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import aiohttp
import numpy as np
import typer
from rich.table import Table

from fsa_jax.opinions.console import open_console

with socket.socket() as _probe:  # a port that nobody uses
    _probe.bind(("127.0.0.1", 0))
    PORT = _probe.getsockname()[1]
URL = f"http://127.0.0.1:{PORT}"
WORDS = [
    "pasta",
    "soup",
    "waiter",
    "terrace",
    "music",
    "bill",
    "wine",
    "bread",
    "service",
    "desert",
]
_SERVE = "from fsa_jax.cli.main import fsa_main; fsa_main()"


def text(number: int) -> str:
    """A text of its own for each number, of 6 to 24 words."""
    random = np.random.default_rng(number)
    a, b, c = random.choice(WORDS, 3, replace=False)
    parts = [f"The {a} was great", f"but the {b} was slow", f"and we loved the {c} on {number}"]
    return ", ".join(parts[: 1 + number % 3]) + "."


class Load:
    """What clients have seen.

    Attributes:
        seconds: Of each answered request.
        refused: Requests that were not answered, by why.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.refused: dict[str, int] = {}

    async def client(self, session: aiohttp.ClientSession, number: int, until: float) -> None:
        """Asks, one text after the other, until the time is over."""
        count = 0
        while time.monotonic() < until:
            body = {"texts": [text(1000 * number + count)]}
            started = time.monotonic()
            try:
                async with session.post(f"{URL}/predict", json=body) as response:
                    found = await response.json()
                    why = "" if len(found.get("answers", ())) == 1 else f"{response.status}"
            except aiohttp.ClientConnectorError:
                why = "not accepted"
            except aiohttp.ClientError as error:
                why = type(error).__name__
            if why:
                self.refused[why] = self.refused.get(why, 0) + 1
                if why == "not accepted":
                    return
            else:
                self.seconds.append(time.monotonic() - started)
            count += 1


def resident(process: subprocess.Popen[bytes]) -> float:
    """Resident memory in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def serve(checkpoint: str, batch: int) -> subprocess.Popen[bytes]:
    """Starts a server, and waits until it answers."""
    words = ["serve", checkpoint, "--port", str(PORT), "--batch-size", str(batch)]
    process = subprocess.Popen([sys.executable, "-c", _SERVE, *words], stderr=subprocess.DEVNULL)

    async def ready() -> None:
        async with aiohttp.ClientSession() as session:
            while process.poll() is None:
                try:
                    async with session.get(f"{URL}/health"):
                        return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.2)
        raise RuntimeError(f"the server ended with code {process.returncode}: is the port in use?")

    asyncio.run(ready())
    return process


async def press(clients: int, seconds: float, process: subprocess.Popen[bytes], stop: bool) -> Load:
    """Lets clients ask for some seconds; with ``stop`` the server is stopped half way."""
    load = Load()
    limits = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(connector=limits) as session:
        until = time.monotonic() + seconds
        tasks = [asyncio.create_task(load.client(session, i, until)) for i in range(clients)]
        if stop:
            await asyncio.sleep(seconds / 2)
            os.kill(process.pid, signal.SIGTERM)
        await asyncio.gather(*tasks)
    return load


def main(
    checkpoint: Annotated[str, typer.Argument(help="The student to serve.")],
    clients: Annotated[int, typer.Option(help="Clients at once.")] = 64,
    seconds: Annotated[float, typer.Option(help="Of each measurement.")] = 60.0,
) -> None:
    """Measures, and prints a table."""
    table = Table(title=f"{clients} clients for {seconds:.0f} s")
    for head in ("batches", "answers/s", "p50 ms", "p99 ms", "not answered", "MiB", "MiB after"):
        table.add_column(head, justify="right")
    speeds = {}
    for batch in (1, 64):
        process = serve(checkpoint, batch)
        asyncio.run(press(clients, min(10.0, seconds), process, stop=False))  # warm
        before = resident(process)
        load = asyncio.run(press(clients, seconds, process, stop=False))
        after = resident(process)
        speeds[batch] = len(load.seconds) / seconds
        p50, p99 = np.percentile(load.seconds, [50, 99]) * 1000
        numbers = f"{speeds[batch]:.1f}", f"{p50:.0f}", f"{p99:.0f}"
        table.add_row(str(batch), *numbers, f"{load.refused}", f"{before:.0f}", f"{after:.0f}")
        last = asyncio.run(press(clients, 10.0, process, stop=batch > 1))
        process.terminate()
        code = process.wait(60)
    open_console().print(table)
    print(f"batches of what waits: {speeds[64] / speeds[1]:.2f} times the answers of one by one")
    print(
        f"stopped under load: {len(last.seconds)} answered, then {last.refused}; exit code {code}"
    )


if __name__ == "__main__":
    typer.run(main)

"""Measures how long ``fsa score`` takes, the whole command, at 10K, 100K and 1M predictions.

    python scripts/benchmarks/scorer.py [--sizes 10000,100000,1000000]

The files are made up: sentences with one to four targets, and predictions of which about half are
wrong in one of the ways that models are (a polarity, a span, a copy, junk, silence). The last
column is apart from the command: how long it takes to make prediction rows of as many outputs.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fsa_jax.opinions.scoring.rows import prediction_row
from fsa_jax.opinions.units import TSA, linearize

WORDS = [f"{a}{b}" for a in ("wine", "bar", "screen", "fan", "deal") for b in ("", "s", " list")]
POLARITIES = ("positive", "negative", "neutral")
DISTINCT = 5_000
SUBSETS = "polarity,implicit,multiple,hard"
ID = '"id": "?"'


def make_row(draw: random.Random) -> str:
    """Returns a prediction row as a line of JSON, with a place for its id."""
    targets = draw.sample(WORDS, draw.randrange(1, 5))
    text = " and ".join(f"the {target} is here" for target in targets)
    gold = [
        {
            "target": target,
            "polarity": draw.choice(POLARITIES),
            "start": text.index(target),
            "end": text.index(target) + len(target),
        }
        for target in targets
    ]
    output = linearize(gold, TSA)
    fault = draw.randrange(10)
    if fault == 0:
        output = output.replace("positive", "negative")
    elif fault == 1:
        output = output.replace(" list", "")
    elif fault == 2:
        output += f" ; {output}"
    elif fault == 3:
        output += " ; no unit at all"
    elif fault == 4:
        output = ""
    flags = {name: draw.random() < 0.3 for name in ("implicit", "multiple", "hard")}
    row = prediction_row("tsa_speed", TSA, output, gold, text, id="?", **flags)
    return json.dumps(row)


def write_file(path: Path, size: int) -> float:
    """Writes a file of prediction rows, each with an id of its own.

    Returns:
        Seconds that parsing all outputs would take, estimated from the distinct ones.
    """
    draw = random.Random(0)
    start = time.perf_counter()
    lines = [make_row(draw) for _ in range(min(size, DISTINCT))]
    parsing = (time.perf_counter() - start) * size / len(lines)
    with path.open("w", encoding="utf-8") as file:
        for number in range(size):
            file.write(lines[number % len(lines)].replace(ID, f'"id": "{number}"') + "\n")
    return parsing


def measure(path: Path, *options: str) -> tuple[float, float, float]:
    """Runs ``fsa score`` on a file.

    Returns:
        Seconds and processor seconds of the whole command, and its peak memory in MiB.
    """
    command = [str(Path(sys.executable).with_name("fsa")), "score", str(path), *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, used, after.ru_maxrss / 1024


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="10000,100000,1000000", help="rows, by commas, rising")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    table = Table(title="fsa score, from the command to its report")
    heads = ("predictions", "file MB", "score s", "with sub-sets s", "processor s", "µs each")
    for head in (*heads, "peak MiB", "parse s"):
        table.add_column(head, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.jsonl"
        for size in sizes:
            parsing = write_file(path, size)
            plain, _, _ = measure(path)
            wall, used, peak = measure(path, "--by", SUBSETS)
            table.add_row(
                f"{size:,}",
                f"{path.stat().st_size / 1e6:.0f}",
                f"{plain:.1f}",
                f"{wall:.1f}",
                f"{used:.1f}",
                f"{1e6 * wall / size:.1f}",
                f"{peak:.0f}",
                f"{parsing:.1f}",
            )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()

"""Measures how long scoring prediction files takes, at 10K, 100K and 1M predictions.

    python scripts/benchmarks/scorer.py [--sizes 10000,100000,1000000]

The files are made up: sentences with one to four targets, and predictions of which about half are
wrong in one of the ways that models are (a polarity, a span, a copy, junk, silence).
"""

import argparse
import json
import random
import resource
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tasks.linearize import TSA, linearize
from tasks.scorer import prediction_row
from tasks.scoring import score_file, summarize

WORDS = [f"{a}{b}" for a in ("wine", "bar", "screen", "fan", "deal") for b in ("", "s", " list")]
POLARITIES = ("positive", "negative", "neutral")
DISTINCT = 5_000


def make_row(draw: random.Random, number: int) -> str:
    """Returns a prediction row as a line of JSON."""
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
    row = prediction_row("tsa_speed", TSA, output, gold, text, id=str(number), **flags)
    return json.dumps(row)


def measure(size: int, folder: Path) -> tuple[float, float, float, float]:
    """Writes a file of `size` predictions and scores it.

    Returns:
        Seconds to parse outputs into rows (estimated from the distinct ones), seconds and processor
        seconds to score the file with all sub-sets and intervals, and the F1.
    """
    draw = random.Random(0)
    start = time.perf_counter()
    lines = [make_row(draw, number) for number in range(min(size, DISTINCT))]
    parsing = (time.perf_counter() - start) * size / len(lines)
    path = folder / f"{size}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(size):
            file.write(lines[number % len(lines)] + "\n")
    start, used = time.perf_counter(), time.process_time()
    scored = score_file(path)
    rows = list(summarize([scored], ("polarity", "implicit", "multiple", "hard", "original")))
    scoring, used = time.perf_counter() - start, time.process_time() - used
    path.unlink()
    return parsing, scoring, used, rows[0]["f1"]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    table = Table(title="Scoring prediction files")
    for head in (
        "predictions",
        "parse s",
        "score s",
        "processor s",
        "score µs each",
        "peak MiB",
        "F1",
    ):
        table.add_column(head, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            parsing, scoring, used, f1 = measure(size, Path(folder))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            each = 1e6 * scoring / size
            cells = (
                f"{size:,}",
                f"{parsing:.1f}",
                f"{scoring:.1f}",
                f"{used:.1f}",
                f"{each:.1f}",
                f"{peak}",
            )
            table.add_row(*cells, f"{f1:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()

"""Random prediction rows, and files of them, for the tests of scoring."""

import json
import random

from fsa_jax.opinions.scoring.rows import prediction_row
from fsa_jax.opinions.units import TSA, linearize

WORDS = ["wine", "wine list", "house wine", "food", "staff", "bar"]
POLARITIES = ["positive", "negative", "neutral"]
TEXT = "the wine list , house wine , food , staff and bar"


def make_rows(seed, count, skill=0.6):
    """Draws rows whose predictions keep each gold unit with the chance ``skill``."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        units = lambda n: [  # noqa: E731
            {
                "target": draw.choice(WORDS),
                "polarity": draw.choice(POLARITIES),
                "start": 0,
                "end": 1,
            }
            for _ in range(draw.randrange(n))
        ]
        gold = units(5)
        predicted = [unit for unit in gold if draw.random() < skill] + units(3)
        if predicted and draw.random() < 0.2:
            predicted += [predicted[0]] * 2
        output = linearize(predicted, TSA) + draw.choice(["", "", "", " ; what ?"])
        flags = {name: draw.choice([True, False]) for name in ("multiple", "hard")}
        flags["implicit"] = draw.choice([True, False, None])
        rows.append(prediction_row("tsa_probe", TSA, output, gold, TEXT, id=str(number), **flags))
    return rows


def write(path, rows):
    """Writes rows as JSON lines; returns the path."""
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path

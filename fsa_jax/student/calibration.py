"""Confidence that means something: what share of opinions as sure as this one are right.

A student is too sure of what it writes. Platt's method (1999) mends that with two numbers: of the
log-odds of a confidence p, ``slope * logit(p) + offset`` are those of being right, fitted to the
opinions that a student finds in a development split. The order of confidences stays as it is.

An opinion is right where its sentence's gold units hold it, each gold unit once: the strict match
of ``opinions/scoring``. How far confidence and truth lie apart is told by the expected calibration
error (ECE): opinions are put into ten bins by confidence, and |mean confidence - share that is
right| is averaged over the opinions.

``fsa calibrate`` writes ``calibration.json`` into the run directory; predictions read it there.
"""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize
import seqio

from fsa_jax.decoding.answering import read_examples
from fsa_jax.opinions.scoring.rows import match
from fsa_jax.runtime import files
from fsa_jax.runtime.row_files import read_object
from fsa_jax.runtime.run_directory import RunDirectory
from fsa_jax.student.predict import Predictor

FILE = "calibration.json"
_BINS = 10
_CLOSEST = 1e-6  # to 0 and 1


@dataclasses.dataclass(frozen=True)
class Calibration:
    """From a student's own confidence to the share that is right.

    Attributes:
        slope: Factor of the log-odds.
        offset: What is added to them.
    """

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, confidence: float) -> float:
        """Returns the calibrated confidence."""
        odds = self.slope * float(_logit(np.array(confidence))) + self.offset
        return float(1.0 / (1.0 + np.exp(-odds)))


@dataclasses.dataclass(frozen=True)
class Sample:
    """Opinions with how sure a student was, and whether they are right.

    Attributes:
        confidences: Float (N,).
        right: Bool (N,).
    """

    confidences: np.ndarray
    right: np.ndarray


def _logit(confidences: np.ndarray) -> np.ndarray:
    inside = np.clip(confidences, _CLOSEST, 1 - _CLOSEST)
    logits: np.ndarray = np.log(inside) - np.log1p(-inside)
    return logits


def fit(sample: Sample) -> Calibration:
    """Fits a calibration by maximum likelihood, with Platt's guard against certainty.

    Raises:
        ValueError: All opinions are right, all are wrong, or there are none: nothing can be fitted.
    """
    right, wrong = int(sample.right.sum()), int((~sample.right).sum())
    if not right or not wrong:
        raise ValueError(
            f"{right} right and {wrong} wrong opinions: a calibration takes some of both; use a "
            "larger split"
        )
    # Of N right ones (N + 1) / (N + 2) are taken to be so, as if one more of each had been seen.
    wanted = np.where(sample.right, (right + 1) / (right + 2), 1 / (wrong + 2))
    logits = _logit(sample.confidences)

    def loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        odds = numbers[0] * logits + numbers[1]
        value = np.sum(np.logaddexp(0, odds) - wanted * odds)
        slopes = 1 / (1 + np.exp(-odds)) - wanted
        return float(value), np.array([slopes @ logits, slopes.sum()])

    found = scipy.optimize.minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS")
    return Calibration(float(found.x[0]), float(found.x[1]))


def calibrated(sample: Sample, calibration: Calibration) -> Sample:
    """Returns the same opinions with calibrated confidences."""
    confidences = np.array([calibration(float(x)) for x in sample.confidences])
    return dataclasses.replace(sample, confidences=confidences)


def bins(sample: Sample) -> list[tuple[float, float, int]]:
    """Returns mean confidence, share that is right, and number of opinions of each bin with any."""
    chosen = np.minimum((sample.confidences * _BINS).astype(int), _BINS - 1)
    found = []
    for number in range(_BINS):
        own = chosen == number
        if own.any():
            means = sample.confidences[own].mean(), sample.right[own].mean()
            found.append((float(means[0]), float(means[1]), int(own.sum())))
    return found


def expected_error(sample: Sample) -> float:
    """Returns the expected calibration error, from 0 to 1; NaN where there are no opinions."""
    count = len(sample.confidences)
    apart = sum(abs(mean - share) * number for mean, share, number in bins(sample))
    return apart / count if count else float("nan")


def sample(predictor: Predictor, task: seqio.Task, split: str) -> Sample:
    """Lets a student answer a split, and compares its opinions with the gold ones.

    Args:
        predictor: The student, not calibrated.
        task: One of the benchmarks' tasks, or of a user's own.
        split: One of its splits.

    Raises:
        ValueError: The task has no such split, or its answers are no opinions.
    """
    kind = predictor.form.kind
    if kind is None:
        raise ValueError(f"{task.name} does not ask for opinions, which alone have a confidence")
    sentences = _sentences(read_examples(task, split))
    given = None
    if predictor.form.labels:
        given = [str(gold[0][kind.fields[0]]) for _, gold in sentences]
    answers = predictor.predict([text for text, _ in sentences], given)
    confidences: list[float] = []
    right: list[bool] = []
    for (_, gold), answer in zip(sentences, answers, strict=True):
        hits = {pair[0] for pair in match(answer["opinions"], gold, kind)}
        for number, opinion in enumerate(answer["opinions"]):
            confidences.append(opinion["confidence"])
            right.append(number in hits)
    return Sample(np.array(confidences), np.array(right, bool))


def _sentences(examples: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Text and gold units; a question that comes with each of its labels counts once."""
    found: dict[Any, tuple[str, list[dict[str, Any]]]] = {}
    for number, example in enumerate(examples):
        key = int(example["group"]) if "group" in example else number
        found.setdefault(key, (example["text"].decode(), json.loads(example["gold"])))
    return list(found.values())


def write(run: RunDirectory, form: str, facts: Mapping[str, Any]) -> Path:
    """Keeps a calibration in a run directory.

    Args:
        run: The run.
        form: What kind of opinions it is for, ``Form.name``.
        facts: ``slope``, ``offset`` and ``step``, and what else is known of it.
    """
    path = Path(str(run.path / FILE))
    files.write_json(path, {**read_object(run.path / FILE), form: dict(facts)})
    return path


def read(
    run: RunDirectory, form: str, step: int, say: Callable[[str], object]
) -> Calibration | None:
    """Returns the calibration of a run's checkpoint; None where there is none for it.

    Args:
        run: The run.
        form: What kind of opinions it is for.
        step: Updates of the checkpoint.
        say: Gets a line where there is one, but of another checkpoint.
    """
    facts = read_object(run.path / FILE).get(form)
    if not facts:
        return None
    if facts["step"] != step:
        say(
            f"not calibrated: {run.path / FILE} is of step {facts['step']}, this is step {step}; "
            "`fsa calibrate` makes another"
        )
        return None
    return Calibration(facts["slope"], facts["offset"])


def draw(samples: Mapping[str, Sample], path: Path) -> None:
    """Draws reliability curves: what share is right against how sure the student was.

    Args:
        samples: What is drawn, by name.
        path: The picture, .svg, .png or .pdf.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="as sure as right")
    for (name, one), marker in zip(samples.items(), _markers(len(samples)), strict=True):
        points = bins(one)
        label = f"{name}: ECE {100 * expected_error(one):.1f}%"
        axes.plot([x for x, _, _ in points], [y for _, y, _ in points], marker, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="mean confidence", ylabel="share that is right")
    axes.legend(loc="upper left")
    with files.atomic_file(path) as out:
        figure.savefig(out, format=path.suffix.lstrip(".") or "svg")


def _markers(count: int) -> Sequence[str]:
    return [f"{'os^Dv'[i % 5]}-" for i in range(count)]

"""Confidence is the share that is right, after calibration; errors are counted by hand."""

import dataclasses
import json

import numpy as np
import pytest
import seqio

import tasks  # noqa: F401 - registers them
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.runtime.run_directory import RunDirectory
from fsa_jax.student import calibration
from fsa_jax.student.calibration import Calibration, Sample
from fsa_jax.student.predict import Predictor


def too_sure(seed=0, slope=0.5, offset=-0.4, count=20_000):
    """Opinions whose log-odds of being right are ``slope`` times those of their confidence."""
    random = np.random.default_rng(seed)
    confidences = random.uniform(0.02, 0.98, count)
    odds = slope * np.log(confidences / (1 - confidences)) + offset
    return Sample(confidences, random.uniform(size=count) < 1 / (1 + np.exp(-odds)))


def test_the_numbers_that_made_the_sample_are_found():
    found = calibration.fit(too_sure())
    assert found.slope == pytest.approx(0.5, abs=0.03)
    assert found.offset == pytest.approx(-0.4, abs=0.03)


def test_calibrated_confidence_is_the_share_that_is_right_on_another_sample():
    fitted = calibration.fit(too_sure())
    other = too_sure(seed=1)
    assert calibration.expected_error(other) > 0.1
    assert calibration.expected_error(calibration.calibrated(other, fitted)) < 0.02


def test_the_expected_error_is_the_one_by_hand():
    sample = Sample(np.array([0.95, 0.92, 0.55, 1.0]), np.array([True, False, False, True]))
    # Bin 0.9-1.0: mean (0.95 + 0.92 + 1.0) / 3, two of three right; bin 0.5-0.6: 0.55, none right.
    first = abs((0.95 + 0.92 + 1.0) / 3 - 2 / 3)
    assert calibration.expected_error(sample) == pytest.approx((3 * first + 0.55) / 4)
    assert calibration.bins(sample) == [
        (pytest.approx(0.55), 0.0, 1),
        (pytest.approx(2.87 / 3), pytest.approx(2 / 3), 3),
    ]
    assert np.isnan(calibration.expected_error(Sample(np.zeros(0), np.zeros(0, bool))))


def test_certainty_stays_finite_and_order_is_kept():
    found = Calibration(0.5, -0.1)
    values = [found(x) for x in (0.0, 0.3, 0.9, 1.0)]
    assert values == sorted(values)
    assert 0 < values[0] < values[-1] < 1


@pytest.mark.parametrize("right", [True, False])
def test_opinions_of_one_fate_cannot_be_fitted(right):
    with pytest.raises(ValueError, match="a calibration takes some of both"):
        calibration.fit(Sample(np.array([0.5, 0.6]), np.array([right, right])))


class Echo(Predictor):
    """Answers with the first gold unit of each sentence, and with one that is wrong."""

    def __init__(self, student, gold):
        super().__init__(student, DecodingConfig(max_length=8))
        self.gold = gold

    def predict(self, texts, given=None, split=False):
        wrong = {"target": "nobody", "start": None, "end": None, "polarity": "conflict"}
        return [
            {"opinions": [{**u, "confidence": 0.75} for u in [*self.gold[t][:1], wrong]], "raw": ""}
            for t in texts
        ]


def item(number, aspects):
    fields = {"from": "4", "to": "8", "target": "soup", "category": None, "polarity": "positive"}
    sentence = f"The soup was number {number} ."
    return {"ID": str(number), "sentence": sentence, "aspects": [fields] * aspects}


def test_an_opinion_is_right_where_the_gold_holds_it(student, data_dir, benchmark_writer):
    dev = [item(number, aspects=int(number % 3 > 0)) for number in range(9)]
    benchmark_writer(data_dir, "atsa/rest14", dev=dev)
    task = seqio.get_mixture_or_task("tsa_rest14")
    examples = list(task.get_dataset(None, "validation", shuffle=False).as_numpy_iterator())
    gold = {e["text"].decode(): json.loads(e["gold"]) for e in examples}
    found = calibration.sample(Echo(student, gold), task, "validation")
    with_gold = sum(bool(json.loads(e["gold"])) for e in examples)
    assert with_gold == found.right.sum() == 6
    assert len(found.right) == with_gold + len(examples)
    assert set(found.confidences) == {0.75}


def test_only_opinions_are_calibrated(student):
    task = seqio.get_mixture_or_task("dapt_reviews")
    writer = Predictor(dataclasses.replace(student, task=task))
    with pytest.raises(ValueError, match="does not ask for opinions"):
        calibration.sample(writer, task, "validation")


def test_a_calibration_counts_for_its_own_checkpoint(tmp_path):
    run, said = RunDirectory(tmp_path), []
    assert calibration.read(run, "tsa", 6, said.append) is None
    path = calibration.write(run, "tsa", {"slope": 0.5, "offset": 0.1, "step": 6})
    calibration.write(run, "asa", {"slope": 2.0, "offset": 0.0, "step": 6})
    assert path == tmp_path / "calibration.json"
    assert calibration.read(run, "tsa", 6, said.append) == Calibration(0.5, 0.1)
    assert said == []
    assert calibration.read(run, "tsa", 3, said.append) is None
    assert "is of step 6, this is step 3" in said[0]


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_reliability_is_drawn(tmp_path, ending):
    path = tmp_path / f"r.{ending}"
    calibration.draw({"test": too_sure(count=500)}, path)
    assert path.read_bytes().startswith(b"<?xml" if ending == "svg" else b"\x89PNG")

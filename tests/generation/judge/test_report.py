"""An LLM judge beside people: means apart, agreement over what both have scored."""

import itertools
import math
import random

import krippendorff
import numpy as np
import pytest
from annotators import annotate, letters_of, write

from generation.judge import asking, report
from generation.judge.criteria import NAMES
from generation.judge.scores import Scored
from generation.people import judgements

KINDS = ("alpha", "kappa")


@pytest.fixture
def judged(tasks):
    """Returns a function that lets an LLM judge the tasks; ``points`` decides each score."""
    key = letters_of(tasks)

    def judge(points):
        return [
            Scored(
                "gpt", "m", q.task, q.letter, q.domain, q.words,
                {name: points(key[q.task][q.letter], name, n) for name in NAMES}, "",
            )
            for n, q in enumerate(asking.read_tasks(tasks)[0])
        ]  # fmt: skip

    return judge


def people_of(tasks, score):
    return judgements.read(write(tasks, annotate(tasks, score)), letters_of(tasks))


def test_report_by_hand(tasks, judged):
    found = report.summarise(
        judged(lambda teacher, name, _: 2 if teacher == "good" else int(name == "recall")),
        letters_of(tasks),
        people_of(tasks, lambda teacher, name, who: 2 if teacher == "good" else 0),
    )
    assert (found["judge"], found["analyses"], found["left_out"]) == ("gpt", 20, 0)
    for domain in ("restaurant", "laptop"):
        assert set(found["means"][domain]["good"].values()) == {2.0}
        assert found["means"][domain]["bad"]["recall"] == 1.0
    assert found["win_rates"] == {"bad": 0.0, "good": 1.0}
    both = found["with_people"]
    assert both["analyses"] == 20
    precision, recall = both["scores"]["precision"], both["scores"]["recall"]
    assert (precision["mean_of_people"], precision["mean_of_judge"]) == (1.0, 1.0)
    for kind in KINDS:
        assert precision[kind] == {kind: 1.0, "low": 1.0, "high": 1.0}
    assert precision["among_people"] == {"alpha": 1.0, "low": 1.0, "high": 1.0}
    assert (recall["mean_of_people"], recall["mean_of_judge"]) == (1.0, 1.5)
    # Of 40 pairs 20 are (2, 2) and 20 are (1, 0): 20 squared distances of 1 where chance has 60.
    assert recall["kappa"]["kappa"] == pytest.approx(1 - 20 / 60)


def test_agreement_is_that_of_the_kept_library_and_of_the_definition(tasks, judged):
    rng = random.Random(3)
    found = judged(lambda *_: rng.choice([0, 1, 1, 2]))
    people = people_of(tasks, lambda *_: rng.choice([0, 1, 2, 2]))
    both = report.summarise(found, letters_of(tasks), people)["with_people"]
    given = {}
    for row in people.rows:
        given.setdefault((row.task, row.letter), []).append(row.scores)
    for name in NAMES:
        pairs = [
            (each.scores[name], scores[name])
            for each in found
            for scores in given[each.task, each.analysis]
        ]
        table = np.array(pairs, dtype=float).T
        expected = krippendorff.alpha(table, value_domain=[0, 1, 2], level_of_measurement="ordinal")
        mine = both["scores"][name]
        assert mine["alpha"]["alpha"] == pytest.approx(expected, abs=1e-12)
        observed = np.mean([(a - b) ** 2 for a, b in pairs])
        chance = np.mean([(a - b) ** 2 for (a, _), (_, b) in itertools.product(pairs, pairs)])
        assert mine["kappa"]["kappa"] == pytest.approx(1 - observed / chance)
        for kind in KINDS:
            assert mine[kind]["low"] < mine[kind][kind] < mine[kind]["high"]
            assert not math.isnan(mine[kind]["low"])


def test_what_cannot_count_is_told_and_the_rest_counts(tasks, judged):
    found = judged(lambda *_: 1)
    name, letter = found[0].task, found[0].analysis.upper()
    found[0] = Scored(**{**vars(found[0]), "scores": None, "reason": "out_of_range: recall is 7"})
    found[1] = Scored(**{**vars(found[1]), "task": "other-1"})
    summary = report.summarise(found, letters_of(tasks))
    assert (summary["analyses"], summary["left_out"]) == (18, 2)
    assert summary["problems"][0] == f"{name}, analysis {letter}: out_of_range: recall is 7"
    assert "other-1, analysis" in summary["problems"][1]
    assert "with_people" not in summary
    with pytest.raises(ValueError, match="no score of the judge counts; other-1"):
        report.summarise([found[1]], letters_of(tasks))


def test_a_judge_of_other_tasks_than_peoples_is_refused(tasks, judged):
    people = people_of(tasks, lambda *_: 1)
    people.rows = [row for row in people.rows if row.domain == "laptop"]
    found = [each for each in judged(lambda *_: 1) if each.domain == "restaurant"]
    with pytest.raises(ValueError, match="scored no analysis together"):
        report.summarise(found, letters_of(tasks), people)

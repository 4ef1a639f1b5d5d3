"""The counts of a run, and the verdict on them."""

import dataclasses

import pytest

from generation.progress import Progress, judge


def counted(**statuses):
    """Returns the counts of a run with one prompt."""
    progress = Progress(total=sum(statuses.values()))
    for status, number in statuses.items():
        for _ in range(number):
            progress.keep("anl", status)
    return progress


@pytest.mark.parametrize(
    ("progress", "code", "words"),
    [
        (counted(ok=95, failed=5), None, ""),
        (counted(ok=90, failed=10), 1, "10.0% of the requests failed"),
        (counted(ok=50, filtered=50), None, ""),
        (counted(ok=2, filtered=10), 1, "83.3% of the answers to prompt anl were filtered"),
        (counted(filtered=1), 1, "100.0% of the answers to prompt anl were filtered"),
        (dataclasses.replace(counted(ok=5), stopped="by SIGTERM"), 3, "stopped: by SIGTERM; run"),
        (dataclasses.replace(counted(failed=5), stopped="x", broken=True), 1, "stopped: x"),
        (Progress(), None, ""),
    ],
)
def test_verdicts(progress, code, words):
    verdict = judge(progress, 0.05, 0.5)
    assert (verdict and verdict.code) == code
    assert words in (verdict.words if verdict else "")


def test_one_prompt_that_is_always_filtered_is_told_among_others():
    progress = counted(ok=100)
    for _ in range(80):
        progress.keep("rw", "filtered")
    assert judge(progress, 0.05, 0.5).words.startswith("100.0% of the answers to prompt rw")


def test_counts_of_shards_add_up():
    whole = Progress()
    whole.add(dataclasses.replace(counted(ok=3, failed=1), reviews=9, cost=0.5, guessed=0.25))
    whole.add(dataclasses.replace(counted(ok=2), reviews=9, stopped="x", cost=1.0))
    assert (whole.total, whole.kept, whole.reviews, whole.spent) == (6, 6, 9, 1.75)
    assert (whole.statuses, whole.stopped) == ({"ok": 5, "failed": 1}, "x")
    assert whole.by_prompt == {("anl", "ok"): 5, ("anl", "failed"): 1}

"""Sides of a benchmark: two live at a time, and one that is killed is named while others go on."""

import pytest


def test_sides_take_turns_and_end(play, alive):
    sides, specs, log = play
    found = sides.measure(specs("ours", "peer"), 3)
    lines = [line.split()[:2] for line in log.read_text().splitlines()]
    rounds = [name for name, what in lines if what == "round"]
    assert rounds == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert sorted(name for name, what in lines if what == "end") == ["ours", "peer"]
    assert alive(log) == []
    assert found["peer"].median(lambda r: r["tokens"] / r["seconds"]) == 2.5
    assert found["ours"].peak_memory > 1e6


# At least 0.3 GiB: Linux hands the peak of the process that starts it down to a side.
HELD = r"(0\.[3-9]|[1-9])"


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        (
            "killed",
            r"peer was killed by SIGKILL, most likely for want of memory; it had held " + HELD,
        ),
        (
            "early",
            r"peer ended early with exit code 7, its message is above; it had held " + HELD,
        ),
        ("raises", "peer ended early with exit code 1"),
    ],
)
def test_a_side_that_ends_early_is_named_with_its_reason(play, alive, fate, words):
    sides, specs, log = play
    with pytest.raises(sides.SideEndedError, match=words):
        sides.measure(specs("ours", "peer", peer=fate), 2)
    assert alive(log) == []  # the other one, too

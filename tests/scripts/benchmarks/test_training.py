"""Figures of training: a peer that ends early is left out, ratios are those of a pair."""

import argparse


def test_peers_that_cannot_be_measured_are_left_out_and_the_others_go_on(play, alive, monkeypatch):
    _, specs, log = play
    from scripts.benchmarks import training

    fates = {"t5x": "killed"}
    started = {spec.name: spec for spec in specs("ours", "torch_float32", "t5x", **fates)}
    monkeypatch.setattr(training.sides, "Spec", lambda name, *_: started[name])
    world = argparse.Namespace(teacher="lexicon", words="made-up data")
    monkeypatch.setattr(training.world, "make_world", lambda folder: world)
    summary = {"speed_ratio": {}}
    monkeypatch.setattr(training, "summary", lambda ours, peers: summary | {"peers": [*peers]})
    options = argparse.Namespace(peers=["t5x", "torch_float32"], rounds=1)
    found = training.compare(options, [])
    assert found["peers"] == ["torch_float32"]
    assert found["left_out"]["t5x"].startswith("t5x was killed by SIGKILL")
    # Alone where there is no peer to measure beside.
    options.peers = ["t5x"]
    found = training.compare(options, [])
    assert found["peers"] == []
    assert alive(log) == []


def test_ratios_are_those_of_a_pair_and_our_figures_those_of_all_rounds(play):
    sides, _, _ = play
    from scripts.benchmarks import training

    def side(speed, memory=1):
        row = {
            "tokens": speed,
            "seconds": 1.0,
            "examples": 5,
            "fill": 0.5,
            "peak": 2.0,
            "flops": 1.0,
        }
        ready = {"parameters": 3, "fill": 0.9, "first_step": speed, "peak": 7.0}
        return sides.Measured(ready, [row], memory)

    calm, busy = side(100), side(50, memory=4)
    peers = {"a": (calm, side(20)), "b": (busy, side(25, memory=8))}
    found = training.summary([calm, busy], peers)
    assert found["speed_ratio"] == {"a": 5.0, "b": 2.0}
    assert found["memory_ratio"] == {"a": 1.0, "b": 0.5}
    assert found["target_tokens_per_second"] == {"ours": 75.0, "a": 20.0, "b": 25.0}
    assert found["peak_memory"] == {"ours": 4, "a": 1, "b": 8}
    assert found["mfu"] == 0.5

"""A tiny experiment keeps the graph of the whole one."""

import pytest

from fsa_jax.experiments import planning, scale
from fsa_jax.experiments.stages import in_order, lacking


def plan_of(engine, experiment, folder, at=scale.FULL):
    return planning.plan(experiment, at, engine, folder)


def test_tiny_keeps_the_graph_and_makes_its_own_data(engine, declare, tmp_path):
    text = """
        tasks: [tsa_rest14, tsc_rest14]
        systems:
          - {name: plain, weights: t5-base}
          - {name: one, pretraining: distill, teacher: gpt35, weights: t5-base, reviews: 100k}
          - {name: two, pretraining: distill, teacher: llama2_7b, weights: t5-base, reviews: 1m}
          - {name: line, weights: t5-base, for_each: {fraction: [5, 10, 25, 50, 100]}}
    """
    found = plan_of(engine, declare(text), tmp_path, scale.TINY)
    assert [s.name for s in found.experiment.systems] == [
        "plain",
        "one",
        "two",
        "line fraction=5",
        "line fraction=25",
        "line fraction=100",
    ]
    assert not lacking(found.stages)
    assert all(len(system.seeds) == 2 for system in found.experiment.systems)
    names = [stage.name for stage in found.stages if stage.kind == "pretrain"]
    assert len(names) == 3  # the stand-in for t5-base, and two numbers of reviews
    data = [stage for stage in found.stages if stage.kind == "data"]
    assert all(stage in in_order(found.stages) for stage in data)
    assert "fsa sample" in " ".join(data[0].commands[0].arguments)


def test_unknown_scale():
    with pytest.raises(ValueError, match="it is full or tiny"):
        scale.read("huge")

"""What no stage makes is asked for by the command that makes it."""

from fsa_jax.experiments import planning, scale
from fsa_jax.experiments.stages import lacking


def plan_of(engine, experiment, folder, at=scale.FULL):
    return planning.plan(experiment, at, engine, folder)


def test_missing_data_name_the_command_that_makes_them(engine, declare, tmp_path, monkeypatch):
    monkeypatch.setenv("FSA_DATA_DIR", str(tmp_path))
    found = plan_of(
        engine,
        declare("""
        tasks: [tsa_rest14]
        systems:
          - {name: a, weights: t5-base}
          - {name: b, pretraining: distill, teacher: gpt35}
          - {name: c, pretraining: dapt}
    """),
        tmp_path / "out",
    )
    lines = "\n".join(lacking(found.stages))
    assert "gpt35_anl_restaurant/1.0.0/dataset_info.json and 3 more: `fsa generate" in lines
    assert "hf download t5-base" in lines
    assert "reviews.jsonl: `fsa reviews collect" in lines

"""Plans: which stages there are, what their keys follow from, what they ask for."""

import json

from fsa_jax.experiments import planning, scale
from fsa_jax.experiments.stages import levels


def plan_of(engine, experiment, folder, at=scale.FULL):
    return planning.plan(experiment, at, engine, folder)


def test_systems_share_what_they_have_in_common(make_plan):
    found = make_plan()
    kinds = [stage.kind for stage in found.stages]
    assert kinds.count("data") == 1
    assert kinds.count("pretrain") == 1
    assert kinds.count("finetune") == 4
    places = {stage.key: i for i, stage in enumerate(found.stages)}
    assert all(places[n.key] < places[s.key] for s in found.stages for n in s.needs)
    assert [len(level) for level in levels(found.stages)] == [1, 3, 2]
    tuned = [s for s in found.stages if s.kind == "finetune" and len(s.needs) == 2]
    assert all(
        f"--gin.INITIAL_CHECKPOINT_PATH={s.needs[0].folder}/run" in s.commands[0].arguments
        for s in tuned
    )
    assert len(tuned) == 2


def test_key_follows_from_settings_data_and_code_but_not_from_the_place(
    engine, declare, tmp_path, monkeypatch
):
    def keys(text, folder=tmp_path / "a"):
        found = plan_of(engine, declare(text), folder)
        return {stage.name: stage.key for stage in found.stages if stage.kind == "finetune"}

    text = """
        tasks: [tsa_rest14]
        seeds: [42]
        systems: [{name: plain, size: tiny, learning_rate: {finetune: RATE}}]
    """
    first = keys(text.replace("RATE", "0.001"))
    assert keys(text.replace("RATE", "0.001"), tmp_path / "b") == first
    assert keys(text.replace("RATE", "0.002")) != first
    file = tmp_path / "data" / "fsa" / "atsa" / "rest14" / "train.json"
    file.parent.mkdir(parents=True)
    file.write_text("[]")
    monkeypatch.setenv("FSA_DATA_DIR", str(tmp_path / "data"))
    with_data = keys(text.replace("RATE", "0.001"))
    assert with_data != first
    monkeypatch.setattr(planning.versions, "code_version", lambda folder: "0.2+fff")
    assert keys(text.replace("RATE", "0.001")) not in (with_data, first)


def test_all_seeds_are_one_program(make_plan):
    stage = next(stage for stage in make_plan().stages if stage.kind == "finetune")
    (command,) = stage.commands
    assert "--gin.RANDOM_SEEDS=(42, 52)" in command.arguments
    assert "--gin.MODEL_DIR={folder}/run" in command.arguments
    assert stage.runs == {42: "run/seed_42", 52: "run/seed_52"}
    assert command.runs == ("run/seed_42", "run/seed_52")


def test_a_part_drawn_by_each_seed_is_a_task_of_its_own(engine, declare, tmp_path):
    found = plan_of(
        engine,
        declare("""
        tasks: [tsa_rest14]
        seeds: [42, 52]
        systems: [{name: plain, size: tiny, fraction: 25, draw: per_seed}]
    """),
        tmp_path,
    )
    words = [" ".join(c.arguments) for c in found.stages[-1].commands]
    assert ["tsa_rest14_p25_s42" in words[0], "tsa_rest14_p25_s52" in words[1]] == [True, True]


def test_what_is_declared_reaches_the_commands(engine, declare, tmp_path, monkeypatch):
    monkeypatch.setenv("FSA_DATA_DIR", str(tmp_path))
    found = plan_of(
        engine,
        declare("""
        tasks: [tsa_rest14, tsc_rest14]
        seeds: [42]
        systems:
          - name: mine
            size: small
            weights: "t5-{size}"
            pretraining: distill
            teacher: gpt35
            prompts: anl
            reviews: 10k
            scheme: R00100
            dropout: 0.1
            optimizer: {pretrain: adamw}
            learning_rate: {finetune: 0.001}
            decoding: {num_beams: 4}
            settings: {pretrain: {LOG_PERIOD: 8}, finetune: {LOG_PERIOD: 7}}
    """),
        tmp_path / "out",
    )
    pretrain, finetune, evaluate = found.stages
    words = " ".join(pretrain.commands[0].arguments)
    for setting in (
        "MIXTURE_OR_TASK_NAME=distill_gpt35_anl_10k",
        "DROPOUT_RATE=0.1",
        "loop.RunConfig.optimizer=@optimizers.adamw",
        "LOG_PERIOD=8",
        "weights/t5-small",
    ):
        assert setting in words
    assert "--gin_file=models/small.gin" in words
    assert pretrain.environment["FSA_DATA_DIR"].endswith("schemes/R00100")
    words = " ".join(finetune.commands[0].arguments)
    for setting in (
        "schedules.linear.peak=0.001",
        "num_beams=4",
        "LOG_PERIOD=7",
        "RANDOM_SEEDS=(42,)",
    ):
        assert setting in words
    words = " ".join(evaluate.commands[0].arguments)
    assert evaluate.kind == "evaluate"
    assert f"CHECKPOINT_PATH={pretrain.folder}/run" in words.replace("{folder}", "")
    assert pretrain.work.steps == 10 * 10_000 // 100
    json.dumps(pretrain.recipe)


def test_costs_follow_the_gin_file_of_a_system(engine, declare, tmp_path):
    text = """
        tasks: [tsa_rest14]
        seeds: [42, 52]
        systems: [{name: plain, size: tiny, gin_files: {finetune: own.gin}}]
    """
    work = plan_of(engine, declare(text), tmp_path).stages[0].work
    assert (work.steps, work.rows, work.runs, work.model.vocab_size) == (7, 4, 2, 64)
    assert work.answers == 1100 + 500 * 3  # evaluations after steps 2, 4 and 6


def test_prompts_with_instructions_are_as_long_as_they_are(engine, declare, tmp_path):
    text = """
        tasks: [tsa_rest14]
        world: 100
        systems: [{name: told, size: tiny, weights: tk-instruct, instructions: true}]
    """
    stand_in, finetune = [
        " ".join(stage.commands[-1].arguments)
        for stage in plan_of(engine, declare(text), tmp_path, scale.TINY).stages
        if stage.kind != "data"
    ]
    assert "'inputs': 128" in stand_in  # packed rows need a length
    assert "'inputs': None" in finetune


def test_student_without_anything_cannot_be_asked(engine, declare, tmp_path):
    text = "{tasks: [tsc_rest14], systems: [{name: plain, size: tiny}]}"
    found = plan_of(engine, declare(text), tmp_path)
    assert found.answers[0].stage is None
    assert "learns nothing" in found.answers[0].reason

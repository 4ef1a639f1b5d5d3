"""Stages: the key is what decides the result, needs come first, what lacks is told once."""

import dataclasses

import pytest

from fsa_jax.experiments.stages import (
    Command,
    Requirement,
    Stage,
    in_order,
    lacking,
    levels,
    slug,
)


def make(name, root, needs=(), **more):
    recipe = {"gin": {"TRAIN_STEPS": 5}, "name": name}
    return Stage("pretrain", name, root, recipe, (Command(("true",)),), tuple(needs), **more)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "finetune"},
        {"recipe": {"gin": {"TRAIN_STEPS": 6}, "name": "a"}},
        {"data": "other"},
        {"code": "0.2"},
        {"needs": ()},
    ],
)
def test_what_decides_the_result_decides_the_key(tmp_path, change):
    start = make("start", tmp_path)
    stage = make("a", tmp_path, [start], data="x", code="0.1")
    other = dataclasses.replace(stage, **change)
    assert other.key != stage.key
    assert other.folder != stage.folder


def test_paths_names_and_devices_do_not(tmp_path):
    stage = make("a", tmp_path)
    other = dataclasses.replace(
        stage,
        name="another title",
        root=tmp_path / "elsewhere",
        commands=(Command(("false",)),),
        environment={"JAX_PLATFORMS": "cpu"},
    )
    assert other.key == stage.key


def test_another_start_is_another_result_further_on(tmp_path):
    one, two = (make("start", tmp_path, data=data) for data in ("x", "y"))
    assert make("a", tmp_path, [one]).key != make("a", tmp_path, [two]).key
    assert make("a", tmp_path, [one]).config_key == make("a", tmp_path, [two]).config_key


def test_folder_is_put_into_commands_variables_and_runs(tmp_path):
    stage = make("distill: 1k / R1", tmp_path, runs={42: "run/seed_42"})
    command = Command(("t5x", "--gin.MODEL_DIR={folder}/run"))
    stage = dataclasses.replace(stage, environment={"FSA_DATA_DIR": "{folder}/data"})
    assert stage.folder == tmp_path / "pretrain" / f"distill-1k-R1-{stage.key}"
    assert stage.arguments(command) == ["t5x", f"--gin.MODEL_DIR={stage.folder}/run"]
    assert stage.variables() == {"FSA_DATA_DIR": f"{stage.folder}/data"}
    assert str(stage.run_directories[42].path) == f"{stage.folder}/run/seed_42"


def test_needs_come_first_and_once(tmp_path):
    data = make("data", tmp_path)
    start = make("start", tmp_path, [data])
    ends = [make(name, tmp_path, [data, start]) for name in ("one", "two")]
    ordered = in_order([*ends, start])
    assert [stage.name for stage in ordered] == ["data", "start", "one", "two"]
    side_by_side = [[stage.name for stage in level] for level in levels(ordered)]
    assert side_by_side == [["data"], ["start"], ["one", "two"]]
    assert levels([]) == []


def test_what_lacks_is_told_once_for_each_way_to_get_it(tmp_path):
    (tmp_path / "there").touch()
    wanted = [Requirement(tmp_path / name, "`fetch`") for name in ("there", "a", "b")]
    other = Requirement(tmp_path / "c", "`build`")
    one = make("one", tmp_path, requires=(*wanted, other))
    two = make("two", tmp_path, requires=(wanted[1],))
    assert lacking([one, two]) == [
        f"{tmp_path}/a and 1 more: `fetch`",
        f"{tmp_path}/c: `build`",
    ]
    assert two.missing() == [f"{tmp_path}/a is missing: `fetch`"]
    assert lacking([]) == []


def test_titles_become_folders_of_any_file_system():
    assert slug("tsa_rest14 T5 / base: ½ & more…") == "tsa_rest14-T5-base-½-more"
    assert len(slug("x" * 300)) == 60
    assert slug("../..") == ""

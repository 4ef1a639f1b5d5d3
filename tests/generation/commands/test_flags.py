"""Groups of flags become flags, and come back as the objects that the library takes."""

import dataclasses
import pathlib
from typing import Annotated

import pytest
import typer.testing

from generation.commands import flags


@dataclasses.dataclass(frozen=True)
class Size:
    """A group."""

    width: Annotated[int, typer.Option(min=1)]
    height: int = 2


@pytest.fixture
def draw():
    """Runs a command with a group among its parameters; the values go to ``draw.seen``."""

    @flags.grouped
    def command(name: Annotated[str, typer.Argument()], size: Size, loud: bool = False) -> None:
        run.seen = (name, size, loud)

    def run(*words):
        app = typer.Typer()
        app.command()(command)
        return typer.testing.CliRunner().invoke(app, words)

    return run


def test_a_groups_fields_are_flags_of_the_command(draw):
    assert draw("a", "--width", "3", "--loud").exit_code == 0
    assert draw.seen == ("a", Size(3, 2), True)
    assert draw("a", "--height", "5", "--width", "4").exit_code == 0
    assert draw.seen == ("a", Size(4, 5), False)


def test_a_groups_rules_hold(draw):
    assert draw("a", "--width", "0").exit_code == 2
    assert draw("a").exit_code == 2  # no width
    assert not hasattr(draw, "seen")


def test_a_model_becomes_a_choice():
    model = flags.Model(model="m", api_key_env="MY_KEY", omit="top_p, seed,")
    costs, engine = flags.Costs(price_prompt=2.0), flags.Engine()
    sampling = {"temperature": 0.1, "top_p": 0.5}
    choice = model.choice("t", sampling, costs, engine, flags.Batches(poll=7))
    assert (choice.teacher, choice.model, choice.key_variable) == ("t", "m", "MY_KEY")
    assert choice.sampling == {"temperature": 0.1, "top_p": None, "seed": None}
    assert choice.price_prompt == 2.0
    assert choice.engine == vars(engine)
    assert choice.batch["poll"] == 7


def test_only_what_is_sampled_can_be_left_out():
    with pytest.raises(ValueError, match="--omit names 'temprature'; use some of temperature"):
        flags.Model(omit="top_p,temprature").choice(
            "t", {}, flags.Costs(), flags.Engine(), flags.Batches()
        )


def test_sampling_is_what_the_user_set_zero_included():
    assert flags.Sampling(temperature=0.0, max_tokens=5).chosen() == {
        "temperature": 0.0,
        "max_tokens": 5,
    }


def test_records_are_written_by_megabytes_and_with_the_vocabulary_at_hand(monkeypatch, tmp_path):
    model = tmp_path / "v.model"
    model.touch()
    monkeypatch.setenv("FSA_VOCABULARY", str(model))
    settings = flags.Records(pathlib.Path("data"), shard_mb=3).settings()
    assert settings.shard_bytes == 3 * 2**20
    assert settings.vocabulary == model

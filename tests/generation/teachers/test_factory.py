"""From what the user chose to a teacher: presets, addresses, keys and prices."""

import dataclasses

import pytest

from generation.teachers import factory
from generation.teachers.factory import Choice
from generation.teachers.presets import PRESETS, SAMPLING, Price

OWN = Choice("mine", "openai", "model-a", base_url="http://localhost:8000/v1/")


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_a_preset_brings_all_but_the_key(monkeypatch, tmp_path, make_teacher):
    spec, price = factory.describe(Choice("gpt35"))  # needs no key
    preset = PRESETS["gpt35"]
    assert (spec.teacher, spec.model, spec.sampling) == ("gpt35", preset.model, SAMPLING)
    assert price == preset.price
    with pytest.raises(ValueError, match="no API key: set the environment variable OPENAI_API_KEY"):
        factory.make(Choice("gpt35"), tmp_path)
    monkeypatch.setenv("MY_KEY", " secret\n")
    teacher = make_teacher(Choice("gpt35", key_variable="MY_KEY"), tmp_path)
    assert teacher.spec == spec
    assert teacher.service.key == "secret"


def test_a_model_of_ones_own_has_neither_the_presets_revision_nor_its_price():
    spec, price = factory.describe(Choice("mixtral_8x7b"))
    assert (spec.backend, spec.revision, price) == ("vllm", "main", None)
    assert not spec.instruction_role  # its chat template knows no system role
    spec, price = factory.describe(Choice("gpt35", model="gpt-4o", revision="r"))
    assert (spec.model, spec.revision, price) == ("gpt-4o", "r", None)
    assert factory.describe(Choice("mixtral_8x7b", model="other"))[0].revision == ""


def test_sampling_is_the_users_over_ours_and_none_is_not_sent():
    spec, _ = factory.describe(
        dataclasses.replace(OWN, sampling={"temperature": 0.0, "top_p": None})
    )
    assert spec.sampling["temperature"] == 0.0
    assert "top_p" not in spec.sampling
    assert spec.sampling["max_tokens"] == SAMPLING["max_tokens"]


def test_scores_of_labels_depend_on_no_sampling(tmp_path, make_teacher):
    scored = dataclasses.replace(OWN, by_probability=True, sampling={"temperature": 0.3})
    spec, _ = factory.describe(scored)
    assert spec.sampling == {"version": 1, "scored": "labels"}
    assert type(make_teacher(scored, tmp_path)).__name__ == "OpenAIScorer"
    offline = Choice("mixtral_8x7b", by_probability=True)
    assert type(make_teacher(offline, tmp_path)).__name__ == "VLLMScorer"
    batch = dataclasses.replace(scored, backend="openai_batch")
    with pytest.raises(ValueError, match="--by probability takes vllm or openai"):
        factory.describe(batch)


def test_a_name_stands_for_an_address_that_moves():
    assert factory.describe(OWN)[0].backend == "openai:http://localhost:8000/v1"
    moved = dataclasses.replace(OWN, service="s", base_url="http://elsewhere/v1")
    assert factory.describe(moved)[0].backend == "openai:s"
    # A batch is answered like a single request, so that its answers have the same keys.
    batch = dataclasses.replace(OWN, backend="openai_batch")
    assert factory.describe(batch)[0] == factory.describe(OWN)[0]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice("My-Teacher"), "--teacher is 'My-Teacher'; use lower-case letters, digits and _"),
        (Choice("gpt-35"), "letters, digits and _; did you mean gpt35"),
        (Choice("mine"), "--teacher mine is no preset .*; name its --backend"),
        (Choice("mine", "vlm", "m"), "--backend is 'vlm'; use one of vllm, openai, openai_batch"),
        (Choice("mine", "vllm"), "--teacher mine is no preset; name its model by --model"),
        (dataclasses.replace(OWN, base_url="localhost/v1"), "is no URL; it looks like http"),
        (dataclasses.replace(OWN, base_url="http://host:port/v1"), "is no URL"),
        (dataclasses.replace(OWN, base_url="http://h:0/v1"), "is no URL"),
        (
            dataclasses.replace(OWN, base_url="http://h/v1/chat/completions/"),
            "goes too far; end it before /chat",
        ),
        (
            dataclasses.replace(OWN, base_url="http://me:hunter2@host/v1"),
            "--base-url holds a user's name or password",
        ),
        (dataclasses.replace(OWN, price_prompt=1.0), "give both --price-prompt and --price-compl"),
    ],
)
def test_a_choice_that_says_too_little_or_contradicts_itself_is_refused(choice, words):
    with pytest.raises(ValueError, match=words) as caught:
        factory.describe(choice)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("key", ["schlüssel", "two\x1bparts"])
def test_a_key_that_cannot_be_one_is_refused_unseen(monkeypatch, tmp_path, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ValueError, match="OPENAI_API_KEY holds no API key") as caught:
        factory.make(OWN, tmp_path)
    assert key not in str(caught.value)


def test_the_limit_of_tokens_has_one_of_two_names(tmp_path):
    with pytest.raises(ValueError, match="--max-tokens-name is 'tokens'; use max_tokens or"):
        factory.make(dataclasses.replace(OWN, max_tokens_name="tokens"), tmp_path)


def test_each_backend_has_its_teacher(tmp_path, make_teacher):
    """Making loads and asks nothing: vLLM need not be installed, nor the service be there."""
    engine = {"window": 3}
    found = {
        name: make_teacher(
            Choice("mine", name, "m", base_url=OWN.base_url, engine=engine), tmp_path
        )
        for name in factory.BACKENDS
    }
    kinds = {name: type(teacher).__name__ for name, teacher in found.items()}
    assert kinds == {
        "vllm": "VLLMTeacher",
        "openai": "OpenAITeacher",
        "openai_batch": "BatchTeacher",
        "lexicon": "LexiconTeacher",
    }
    assert found["vllm"].engine.window == 3
    assert {teacher.spec.teacher for teacher in found.values()} == {"mine"}


def test_prices_are_the_users_or_those_of_the_presets_own_service():
    own = Choice("gpt35", price_prompt=2.0, price_completion=4.0)
    gpt35 = PRESETS["gpt35"]
    assert factory.price_of(own, gpt35, "openai_batch") == Price(2.0, 4.0)
    assert factory.price_of(Choice("gpt35"), gpt35, "openai") == gpt35.price
    elsewhere = Choice("gpt35", base_url="http://localhost/v1")
    assert factory.price_of(elsewhere, gpt35, "openai") is None
    assert factory.price_of(OWN, None, "openai") is None


def test_price_of_the_preset_is_halved(monkeypatch, tmp_path, make_teacher):
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    single = make_teacher(Choice("gpt35"), tmp_path)
    batch = make_teacher(Choice("gpt35", "openai_batch"), tmp_path)
    assert batch.price.cost(1000, 1000) == single.price.cost(1000, 1000) / 2 == 0.001

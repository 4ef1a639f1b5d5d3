"""A student's card: filled from its run, and from what the run's weights came from."""

import dataclasses

import pytest
from huggingface_hub import ModelCard

from fsa_jax.runtime.run_directory import RunDirectory, Status
from fsa_jax.student.card import longest_answer, settings_of, write_card

CONFIG = """\
from __gin__ import dynamic_registration
# Macros:
BATCH_SIZE = 16
DROPOUT_RATE = 0.1
EXAMPLES_PER_BATCH = None
INITIAL_CHECKPOINT_PATH = \\
    {initial!r}
MAX_DECODE_LENGTH = 24
MODEL = @network.T5Config()
TASK_FEATURE_LENGTHS = {{'inputs': 64,
    'targets': None}}

# Parameters for optimizers.adamw:
optimizers.adamw.b1 = 0.9
optimizers.adamw.weight_decay = 0.01
loop.RunConfig.optimizer = @optimizers.adamw
loop.RunConfig.batch = %BATCH_SIZE
"""
FACTS = {"seed": 42, "steps": 60, "git": "abc", "versions": {"jax": "9.9"}}


@pytest.fixture
def run(tmp_path):
    """A fine-tuning from a distillation from T5, with scores."""
    first, second = (RunDirectory(tmp_path / name) for name in ("distill", "runs/x"))
    first.write_manifest({"mixture_or_task_name": "distill_gpt35_anl_rw"})
    first.write_config(CONFIG.format(initial="weights/t5-base"))
    second.write_manifest(FACTS | {"mixture_or_task_name": "tsa_rest14", "best_metric": None})
    second.write_config(CONFIG.format(initial=str(first)))
    row = {"id": "813", "task": "tsa_rest14", "raw": "", "parsed": [], "gold": []}
    second.write_evaluation("tsa_rest14-test", 60, {"f1": 61.5, "strict_f1": 60.0}, [row])
    return second


@pytest.fixture
def card(student, run):
    fine_tuned = dataclasses.replace(student, facts=run.manifest(), step=60)
    return ModelCard(write_card("mine", fine_tuned, run, "cc-by-4.0"))


def test_data_are_told_back_to_the_first_weights(card):
    assert (
        "Trained on `tsa_rest14`, and before that on `distill_gpt35_anl_rw`, from the weights "
        "`t5-base`." in card.text
    )
    for owner in ("META-SHARE", "compete with OpenAI", "Yelp", "Amazon"):
        assert owner in card.text


def test_hyperparameters_are_those_of_the_run(card):
    for line in (
        "| steps | 60 |",
        "| rows a step | 16 |",
        "| tokens of a row | inputs 64, targets as long as needed |",
        "| optimizer | adamw (b1 0.9, weight_decay 0.01) |",
        "| jax | 9.9 |",
    ):
        assert line in card.text
    assert "examples a step" not in card.text


def test_scores_and_licence_stand_in_the_card_and_its_head(card):
    assert "| tsa_rest14-test | 61.50" in card.text
    (result,) = card.data.eval_results
    assert (result.dataset_type, result.metric_value) == ("tsa_rest14", 61.5)
    assert card.data.license == "cc-by-4.0"
    assert "under `cc-by-4.0`" in card.text


def test_limits_name_what_it_can_answer(card):
    assert "`target | polarity ; …`" in card.text
    assert "positive, negative, neutral, conflict" in card.text


def test_a_run_that_has_not_finished_is_told(student, run):
    assert "has not finished" not in write_card("mine", student, run)
    run.write_status(Status("stopped", 60, 100))
    told = "- **The run has not finished: it is at step 60 of 100.**"
    assert told in write_card("mine", student, run)


def test_scores_on_invented_sentences_are_no_results(student, run):
    row = {"id": "sample-rest14-test:0", "task": "tsa_rest14", "parsed": [], "gold": []}
    run.write_evaluation("tsa_rest14-test", 60, {"f1": 61.5}, [row])
    card = ModelCard(write_card("mine", student, run))
    assert "say nothing about real text" in card.text
    assert card.data.eval_results is None
    assert "META-SHARE" not in card.text
    assert card.data.license == "other"


def test_weights_without_a_run_have_a_card_too(student):
    card = ModelCard(write_card("mine", student))
    for words in ("Not known: these weights came without a run.", "It was not scored."):
        assert words in card.text
    assert "`target | polarity ; …`" in card.text


def test_runs_that_begin_from_each_other_end(student, run):
    run.write_config(CONFIG.format(initial=str(run)))
    assert "Trained on `tsa_rest14`, from the weights `x`." in write_card("mine", student, run)


def test_the_longest_answer_is_the_runs(run, tmp_path):
    assert longest_answer(run) == 24
    assert longest_answer(RunDirectory(tmp_path / "none")) is None


def test_settings_are_read_over_several_lines():
    found = settings_of(CONFIG.format(initial="a b"))
    assert found["INITIAL_CHECKPOINT_PATH"] == "a b"
    assert found["TASK_FEATURE_LENGTHS"] == {"inputs": 64, "targets": None}
    assert found["MODEL"] == "@network.T5Config()"
    assert found["loop.RunConfig.batch"] == "%BATCH_SIZE"

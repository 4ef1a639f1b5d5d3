"""SeqIO's own checks of tasks: raw data in, features and metrics out, by its Evaluator."""

import pytest
import seqio
from seqio import test_utils

import tasks  # noqa: F401 - registers the tasks
from fsa_jax.opinions.data_sets import DATA_SETS
from fsa_jax.opinions.sentences import Opinion, Sentence
from tasks.extraction import example_row
from tasks.features import VOCABULARY

ENCODER = seqio.EncDecFeatureConverter(pack=False)
SENTENCE = Sentence(
    "1",
    "The wine list is great and the service slow .",
    (
        Opinion("wine list", 4, 13, "DRINKS#QUALITY", "positive", "great", 17, 22),
        Opinion("service", 31, 38, "SERVICE#GENERAL", "negative", "slow", 39, 43),
    ),
    implicit=False,
)


def benchmark_tasks():
    for name in DATA_SETS:
        yield name
        if DATA_SETS[name].form == "fsa":
            yield f"instructabsa_{name}"


@pytest.mark.parametrize("name", list(benchmark_tasks()))
def test_benchmark_tasks_score_their_own_targets_with_100(data_dir, name):
    kind = DATA_SETS[name.removeprefix("instructabsa_")].kind
    row = example_row(SENTENCE, kind, hard=True)
    raw = {"validation": row}
    features = test_utils.test_preprocessing_single(name, raw)
    assert VOCABULARY.decode(features["inputs"]) == VOCABULARY.decode(
        VOCABULARY.encode(row["inputs"])
    )
    assert features["targets"][-1] == VOCABULARY.eos_id
    metrics = test_utils.test_postprocessing(
        name, raw, predict_output=[row["targets"]], feature_encoder=ENCODER
    )
    assert metrics["f1"] == metrics["strict_f1"] == 100
    assert metrics["parse_failure_rate"] == 0


@pytest.mark.parametrize("name", list(DATA_SETS))
def test_a_wrong_output_scores_0(data_dir, name):
    row = example_row(SENTENCE, DATA_SETS[name].kind, hard=False)
    raw = {"validation": row}
    metrics = test_utils.test_postprocessing(
        name, raw, predict_output=["wine wine wine"], feature_encoder=ENCODER
    )
    assert metrics["strict_f1"] == 0
    assert metrics["parse_failure_rate"] == 100


@pytest.mark.parametrize("prompt", ["anl", "rw", "anl_without_reasoning", "anl_without_labels"])
@pytest.mark.parametrize("teacher", ["mixtral_8x7b", "lexicon"])
def test_corpus_tasks_preprocess(data_dir, teacher, prompt):
    analysis = "Opinion Target 1: wine\nSentiment: Positive\nReasoning: great"
    raw = {"train": {"review_id": "r", "inputs": "The wine .\nI love", "targets": analysis}}
    features = test_utils.test_preprocessing_single(f"understanding_{teacher}_{prompt}_laptop", raw)
    assert VOCABULARY.decode(features["inputs"]) == "The wine .\nI love"
    assert features["targets"][-1] == VOCABULARY.eos_id


def test_every_name_of_the_registry_is_there():
    names = {*seqio.TaskRegistry.names(), *seqio.MixtureRegistry.names()}
    wanted = {
        "tsa_rest14 tsa_laptop14 asa_rest16 asa_laptop16 asqp_rest15 asqp_rest16 acos_rest16",
        "acos_laptop16 tsc_rest14 tsc_laptop14 asc_rest16 asc_laptop16 tsa_rest14_p25",
        "dapt_restaurant dapt_laptop dapt_reviews dapt_reviews_100k general_distillation",
        "rating_prediction_restaurant rating_prediction_laptop rating_prediction_reviews_1m",
        "instructabsa_tsa_rest14 instructabsa_asa_laptop16 distill_mixtral_8x7b_anl_rw_100k",
        "distill_llama2_7b_anl distill_gpt35_rw distill_lexicon_anl_rw distill_gpt35_anl_rw_1k",
        "distill_mixtral_8x7b_anl_without_reasoning distill_mixtral_8x7b_anl_without_labels_100k",
        "distill_mixtral_8x7b_anl_rw_1m distill_mixtral_8x7b_anl_rw_restaurant",
    }
    assert {name for names_ in wanted for name in names_.split()} <= names


def test_fractions_are_nested(data_dir, monkeypatch):
    from tasks import extraction

    sentences = [(Sentence(str(i), f"Sentence {i} ."), False) for i in range(97)]
    monkeypatch.setattr(extraction, "sentences_of", lambda data_set, split: list(sentences))
    before: set = set()
    for percentage in (1, 2, 5, 10, 20, 25, 50, 75):
        task = seqio.get_mixture_or_task(f"asqp_rest16_p{percentage}")
        dataset = task.source.get_dataset("train", shuffle=False)
        drawn = [example["id"].decode() for example in dataset.as_numpy_iterator()]
        assert len(drawn) == -(-97 * percentage // 100)
        assert drawn == sorted(drawn, key=int)
        assert before < set(drawn)
        before = set(drawn)
        assert task.num_input_examples("validation") == 97

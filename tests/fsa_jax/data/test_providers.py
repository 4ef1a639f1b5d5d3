"""SeqIO's registry, asked: names, splits and vocabularies that do not fit are told in one line."""

import pytest
import seqio

from fsa_jax.data import providers

VOCABULARY = seqio.PassThroughVocabulary(100)
FEATURES = {"inputs": seqio.Feature(VOCABULARY), "targets": seqio.Feature(VOCABULARY)}
COUNTS = {"train": 5, "validation": 2, "test": 0}


def unread(split, shuffle_files, seed=None):
    raise AssertionError("the examples are counted, not read")


@pytest.fixture(autouse=True, scope="module")
def _tasks():
    names = {"asked_reviews": COUNTS, "asked_sentences": {"train": 3, "test_hard": 1}}
    for name, counts in names.items():
        source = seqio.FunctionDataSource(unread, tuple(counts), num_input_examples=counts)
        seqio.TaskRegistry.add(name, source, preprocessors=[], output_features=FEATURES)
    seqio.MixtureRegistry.add("asked_both", list(names), default_rate=1.0)
    yield
    seqio.MixtureRegistry.remove("asked_both")
    for name in names:
        seqio.TaskRegistry.remove(name)


def tasks():
    return [seqio.TaskRegistry.get(name) for name in ("asked_reviews", "asked_sentences")]


def test_a_name_that_is_nearly_right_is_answered():
    assert providers.get_provider("asked_both").name == "asked_both"
    with pytest.raises(ValueError, match=r"named 'asked_bot'; did you mean asked_both"):
        providers.get_provider("asked_bot")
    with pytest.raises(ValueError, match=r"named '%%%'; \d+ are registered, for example"):
        providers.get_provider("%%%")


def test_splits_keep_the_tasks_order():
    assert providers.splits_of(tasks()) == ["train", "validation", "test", "test_hard"]
    assert [task.name for task in providers.having(tasks(), "test_hard[:50%]")] == [
        "asked_sentences"
    ]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("valid", r"asked_reviews has no split 'valid'; it has train, .*; did you mean validation"),
        ("xyz", r"has no split 'xyz'; it has train, validation, test: set EVAL_SPLIT"),
        ("test", r"split 'test' of task asked_reviews holds no examples: set EVAL_SPLIT"),
    ],
)
def test_a_split_that_is_not_there_or_empty_is_refused(split, message):
    with pytest.raises(ValueError, match=message):
        providers.check_split(tasks()[:1], split, advice=": set EVAL_SPLIT")


def test_a_cached_split_is_not_counted():
    providers.check_split(tasks()[:1], "test", use_cached=True)
    providers.check_split(tasks(), "train[:10%]")


def test_a_vocabulary_larger_than_the_embedding_is_refused():
    providers.check_rows(32101, 32128)
    with pytest.raises(ValueError, match="vocabulary has 32101 ids but the embedding only 32100"):
        providers.check_rows(32101, 32100)
    with pytest.raises(ValueError, match="vocabulary has 100 ids but the embedding only 64"):
        providers.check_vocabulary("asked_both", None, 64)


def test_another_vocabulary_than_the_tasks_is_refused():
    providers.check_vocabulary("asked_both", VOCABULARY, 128)
    with pytest.raises(ValueError, match="VOCABULARY is not that of task asked_reviews"):
        providers.check_vocabulary("asked_both", seqio.ByteVocabulary(), 512)

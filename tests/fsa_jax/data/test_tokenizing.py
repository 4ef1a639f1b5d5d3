"""The tokens of a split are SeqIO's own, whether they are made here or found on disk."""

import json

import numpy as np
import pytest
import seqio
import tensorflow as tf

import tasks  # noqa: F401 - registers the tasks
from fsa_jax.data import text_tokens, tokenizing
from fsa_jax.data.providers import get_provider
from fsa_jax.data.tokenizing import read_tokens

LENGTHS = {"inputs": 64, "targets": 32}
TEXTS = [
    "The wine list is great but the service was slow .",
    "I love the screen ;  soooo\nbad ooo battery é 🙂 " * 3,
    "",
    "Food was cold and the waiter forgot our drinks ! " * 9,
]
ANALYSIS = "Opinion Target 1: {i} wine list\nAspect: drinks\nSentiment: Positive\nReasoning: {text}"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder of the tables, and a reader that has just enough texts for two processes."""
    monkeypatch.setattr(tokenizing, "_READ_CHUNK", 16)
    monkeypatch.setenv("FSA_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tokens"


@pytest.fixture
def corpus(data_dir, corpus_writer, benchmark_writer):
    """A corpus of more than one file, reviews and a benchmark; returns the data root."""
    for domain, count in (("restaurant", 2100), ("laptop", 30)):
        rows = [
            (f"{domain}{i}", f"{i} {TEXTS[i % 4]}", ANALYSIS.format(i=i, text=TEXTS[i % 3]))
            for i in range(count)
        ]
        splits = {"train": rows, "validation": rows[:5]}
        corpus_writer(data_dir, "mixtral_8x7b", "anl", domain, splits)
    reviews = [
        {"review_id": f"r{i}", "domain": "laptop", "rating": 1 + i % 5, "text": TEXTS[i % 4]}
        for i in range(200)
    ]
    (data_dir / "reviews.jsonl").write_text("".join(json.dumps(r) + "\n" for r in reviews))
    items = [
        {"ID": f"{i}", "sentence": f"The wine {i} was slow .", "aspects": []} for i in range(5)
    ]
    benchmark_writer(data_dir, "atsa/rest14", train=items)
    return data_dir


def as_seqio_has_them(name, split="train", seed=0):
    """Token lists of the examples, one task after another."""
    found = []
    for task in seqio.get_subtasks(get_provider(name)):
        dataset = task.get_dataset(
            LENGTHS, split, shuffle=False, seed=seed, trim_output_features=False
        )
        for example in dataset.as_numpy_iterator():
            found.append(tuple(example[f].tolist() for f in ("inputs", "targets")))
    return found


def examples(table):
    return [tuple(ids.tolist() for ids in table.example(i)) for i in range(len(table))]


@pytest.mark.parametrize(
    "name",
    [
        "distill_mixtral_8x7b_anl",
        "understanding_mixtral_8x7b_anl_without_reasoning_laptop",
        "rating_prediction_laptop",
    ],
)
def test_tokens_order_and_fingerprint_are_the_same_with_and_without_the_cache(
    corpus, monkeypatch, name
):
    monkeypatch.setattr(text_tokens, "_ALONE", 4)
    expected = as_seqio_has_them(name)
    built = read_tokens(get_provider(name), "train", LENGTHS)
    read = read_tokens(get_provider(name), "train", LENGTHS)
    monkeypatch.setenv("FSA_CACHE_DIR", "gs://none")
    monkeypatch.setattr(tokenizing, "_steps_to_texts", lambda task: None)
    plain = read_tokens(get_provider(name), "train", LENGTHS)
    assert examples(built) == examples(read) == examples(plain) == expected
    assert built.fingerprint == read.fingerprint == plain.fingerprint
    assert built.components == read.components == plain.components
    assert built.tokens["inputs"].dtype == plain.tokens["inputs"].dtype == np.uint16


def test_one_line_says_where_the_tokens_come_from(corpus, cache, monkeypatch):
    provider = get_provider("distill_mixtral_8x7b_anl_laptop")

    def origin():
        return read_tokens(provider, "train", LENGTHS).origin

    assert origin().startswith("tokens: built in ")
    (folder,) = (path for path in cache.iterdir() if path.is_dir())
    assert origin() == f"tokens: read from {folder}"
    (folder / "inputs.tokens").write_bytes(b"torn")
    assert origin().endswith(f" examples/s), kept in {folder}")
    for path, reason in (
        (str(folder / "table.json"), "Not a directory"),
        ("gs://x", "is a bucket"),
    ):
        monkeypatch.setenv("FSA_CACHE_DIR", path)
        assert ", not kept: " in origin()
        assert reason in origin()
        assert "\n" not in origin()


def test_a_second_start_asks_no_source_for_examples(corpus, monkeypatch):
    provider = get_provider("distill_mixtral_8x7b_anl_laptop")
    read_tokens(provider, "train", LENGTHS)
    monkeypatch.setattr(tokenizing, "_chunks", lambda *_: pytest.fail("it tokenises again"))
    assert len(read_tokens(provider, "train", LENGTHS)) == 30


def test_changed_data_or_vocabulary_or_lengths_are_another_table(
    corpus, corpus_writer, vocabulary_file, tmp_path, monkeypatch
):
    provider = get_provider("understanding_mixtral_8x7b_anl_laptop")
    before = read_tokens(provider, "train", LENGTHS)
    shorter = read_tokens(provider, "train", {"inputs": 8, "targets": 8})
    assert shorter.lengths["inputs"].max() == 8
    (shard,) = (corpus / "understanding/mixtral_8x7b_anl_laptop/1.0.0").glob("*train*")
    content = shard.read_bytes()
    swapped = corpus_writer(
        tmp_path / "other",
        "mixtral_8x7b",
        "anl",
        "laptop",
        {"train": [(f"laptop{i}", "wine", "great") for i in range(30)]},
    )
    shard.write_bytes(next(swapped.glob("*train*")).read_bytes())
    assert len(read_tokens(provider, "train", LENGTHS).tokens["targets"]) < 30 * 9
    shard.write_bytes(content)
    assert read_tokens(provider, "train", LENGTHS).fingerprint == before.fingerprint
    other = tmp_path / "other.model"
    other.write_bytes(vocabulary_file.read_bytes() + b"\x2a\x00")
    monkeypatch.setenv("FSA_VOCABULARY", str(other))
    assert read_tokens(provider, "train", LENGTHS).origin.startswith("tokens: built")


def test_what_is_drawn_at_random_is_not_kept_and_depends_on_the_seed(corpus, cache):
    provider = get_provider("dapt_laptop")
    one, two = (read_tokens(provider, "train", LENGTHS, seed=seed) for seed in (0, 1))
    assert "not kept: step _chunks of dapt_laptop is not marked deterministic" in one.origin
    assert one.fingerprint != two.fingerprint
    assert examples(two) == as_seqio_has_them("dapt_laptop", seed=1)
    assert not cache.exists()


def test_small_tables_are_of_the_benchmark_too(corpus):
    table = read_tokens(get_provider("tsa_rest14"), "train", LENGTHS)
    assert examples(table) == as_seqio_has_them("tsa_rest14")
    assert "kept in" in table.origin


@pytest.fixture
def task_of():
    """``task_of("name", train=[[5, 1]])`` is a task with these inputs, which are its targets."""

    def make(name, features=("inputs", "targets"), **splits):
        def read(split, shuffle_files=False, seed=None):
            rows = tf.ragged.constant(splits[split], tf.int32, ragged_rank=1)
            rows = tf.data.Dataset.from_tensor_slices(rows)
            return rows.map(lambda ids: dict.fromkeys(features, ids))

        vocabulary = seqio.PassThroughVocabulary(100_000)
        return seqio.Task(
            name,
            source=seqio.FunctionDataSource(read, splits=tuple(splits)),
            preprocessors=[],
            output_features={f: seqio.Feature(vocabulary, add_eos=False) for f in features},
        )

    return make


def test_reading_keeps_every_token_of_every_example_untrimmed(task_of):
    task = task_of("wide", train=[[70_000, 2, 3], [4]])
    found = read_tokens(task, "train", {"inputs": 2, "targets": 2})
    assert [found.example(i)[0].tolist() for i in range(2)] == [[70_000, 2, 3], [4]]
    assert found.components == (("wide", 2, 1.0),)


def test_small_ids_take_two_bytes_each(task_of):
    found = read_tokens(task_of("narrow", train=[[65_535], [4]]), "train", {})
    assert found.tokens["inputs"].dtype == np.uint16
    assert found.example(0)[0].tolist() == [65_535]


@pytest.mark.parametrize(
    ("task", "split", "message"),
    [
        ({"train": [[1]]}, "dev", "bad has no split 'dev'; it has train"),
        ({"train": [[1]], "test": []}, "test", "split 'test' of bad holds no examples"),
        ({"features": ("inputs",), "train": [[1]]}, "train", "bad has no feature 'targets'"),
    ],
)
def test_a_split_that_cannot_be_read_is_refused(task_of, task, split, message):
    with pytest.raises(ValueError, match=message):
        read_tokens(task_of("bad", **task), split, {})

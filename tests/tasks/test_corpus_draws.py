"""Sizes, domains and ablations of the understanding corpus."""

import pytest
import seqio

from fsa_jax.opinions import analyses
from tasks.features import VOCABULARY
from tasks.understanding import CorpusSource

LENGTHS = {"inputs": 256, "targets": 800}
ANALYSIS = (
    'Opinion Target 1: "wine list"\nAspect: Drinks\nSentiment: Positive\nReasoning: It is great .'
    "\n\n"
    'Opinion Target 2: "service"\nAspect: Service\nSentiment: Negative\nReasoning: It was slow .'
)


def ids(task):
    dataset = task.get_dataset(LENGTHS, "train", shuffle=False)
    return {example["review_id"].decode() for example in dataset.as_numpy_iterator()}


def task_of(corpus, reviews):
    whole = seqio.get_mixture_or_task("understanding_lexicon_anl_laptop")
    return whole.replace(name=f"probe_{reviews}", source=CorpusSource(corpus, reviews))


def test_a_size_counts_held_out_and_failed_reviews_too(data_dir, corpus_writer):
    """A draw file of ten reviews: two are held out, and the analyses of two have failed."""
    held, failed = (2, 7), (1, 5)
    for prompt, gone in (("anl", failed), ("rw", ())):
        train = [(f"r{i}", "wine", ANALYSIS) for i in range(10) if i not in (*held, *gone)]
        validation = [(f"r{i}", "wine", ANALYSIS) for i in held]
        rows = {"train": train, "validation": validation}
        folder = corpus_writer(data_dir, "lexicon", prompt, "laptop", rows)
        letters = ["." if i in gone else "v" if i in held else "t" for i in range(10)]
        (folder / "draw.txt").write_text("".join(letters) + "\n")
    for size in (1, 4, 6, 10):
        drawn = {f"r{i}" for i in range(size)} - {f"r{i}" for i in held}
        assert ids(task_of("lexicon_rw_laptop", size)) == drawn
        analysed = drawn - {f"r{i}" for i in failed}
        assert ids(task_of("lexicon_anl_laptop", size)) == analysed
        task = task_of("lexicon_anl_laptop", size)
        assert task.num_input_examples("train") == len(analysed)
        assert task.num_input_examples("validation") == 2
    with pytest.raises(ValueError, match="holds 10 reviews, 11 are asked for: use a smaller size"):
        ids(task_of("lexicon_rw_laptop", 11))


def test_a_draw_without_a_single_example_is_refused(data_dir, corpus_writer):
    rows = {"train": [("r1", "wine", ANALYSIS)], "validation": [("r0", "wine", ANALYSIS)]}
    folder = corpus_writer(data_dir, "lexicon", "anl", "laptop", rows)
    (folder / "draw.txt").write_text("vt\n")
    with pytest.raises(ValueError, match="none of the first 1 reviews is in the train split"):
        ids(task_of("lexicon_anl_laptop", 1))


def test_corpora_of_before_draw_from_their_train_split(data_dir, corpus_writer):
    rows = [(f"r{i}", "wine", ANALYSIS) for i in range(40)]
    for prompt in ("anl", "rw"):
        corpus_writer(
            data_dir, "lexicon", prompt, "laptop", {"train": rows[1:], "validation": rows[:1]}
        )
    drawn = {n: ids(task_of("lexicon_anl_laptop", n)) for n in (5, 10, 40)}
    assert [len(drawn[n]) for n in (5, 10, 40)] == [5, 10, 39]
    assert drawn[5] < drawn[10] < drawn[40]
    assert ids(task_of("lexicon_rw_laptop", 10)) == drawn[10]
    assert task_of("lexicon_rw_laptop", 10).num_input_examples("train") == 10
    assert task_of("lexicon_rw_laptop", 40).num_input_examples("train") == 39
    assert task_of("lexicon_rw_laptop", 10).num_input_examples("validation") == 1


def test_a_size_beyond_the_corpus_is_refused(data_dir, corpus_writer):
    rows = {"train": [("r", "wine", "great")], "validation": [("v", "wine", "great")]}
    corpus_writer(data_dir, "lexicon", "anl", "laptop", rows)
    task = seqio.get_mixture_or_task("understanding_lexicon_anl_laptop_1k")
    with pytest.raises(ValueError, match="holds 2 reviews, 1000 are asked for"):
        task.get_dataset(LENGTHS, "train")
    with pytest.raises(ValueError, match="1000 are asked for"):
        task.num_input_examples("train")


def test_a_mixture_of_a_size_takes_half_from_each_domain():
    names = {task.name for task in seqio.get_mixture_or_task("distill_gpt35_anl_rw_100k").tasks}
    assert names == {
        f"understanding_gpt35_{prompt}_{domain}_50k"
        for prompt in ("anl", "rw")
        for domain in ("restaurant", "laptop")
    }
    (task,) = seqio.get_mixture_or_task("distill_llama2_7b_rw_laptop_1m").tasks
    assert task.name == "understanding_llama2_7b_rw_laptop_1m"


@pytest.mark.parametrize(
    ("ablation", "kept", "dropped"),
    [
        ("anl_without_reasoning", ["wine list", "Drinks", "Positive"], "It is great"),
        ("anl_without_labels", ["It is great .", "It was slow ."], "wine list"),
    ],
)
def test_ablations_drop_their_parts(data_dir, corpus_writer, ablation, kept, dropped):
    rows = [("a", "wine", ANALYSIS), ("b", "wine", "I liked the wine .")]
    corpus_writer(data_dir, "lexicon", "anl", "laptop", {"train": rows, "validation": rows})
    task = seqio.get_mixture_or_task(f"understanding_lexicon_{ablation}_laptop")
    (example,) = task.get_dataset(LENGTHS, "train", shuffle=False).as_numpy_iterator()
    text = VOCABULARY.decode(example["targets"])
    assert all(VOCABULARY.decode(VOCABULARY.encode(part)) in text for part in kept)
    assert dropped not in text
    assert example["review_id"] == b"a"
    mixture = seqio.get_mixture_or_task(f"distill_lexicon_{ablation}")
    assert len(mixture.tasks) == 2


def test_both_ablations_together_hold_all_labelled_lines():
    labels = analyses.keep_parts(ANALYSIS, analyses.LABELS)
    parts = labels, analyses.keep_parts(ANALYSIS, ["reasoning"])
    lines = [line for part in parts for line in part.split("\n") if line]
    assert sorted(lines) == sorted(line for line in ANALYSIS.split("\n") if line)

import numpy as np
import pytest
import seqio
import tensorflow_datasets as tfds

import tasks
from tasks import understanding
from tasks.features import VOCABULARY

LENGTHS = {"inputs": 256, "targets": 800}


def write_all(data_dir, corpus_writer, counts, teacher="lexicon", manifest=None):
    for prompt in ("anl", "rw"):
        for domain, count in counts.items():
            rows = [
                (f"{domain}{i}", f"The wine list {i} .", f"{prompt} great\nwine {i}")
                for i in range(count)
            ]
            corpus_writer(
                data_dir,
                teacher,
                prompt,
                domain,
                {"train": rows, "validation": rows[:2]},
                manifest,
            )


def test_a_mixture_draws_from_all_corpora_at_the_rates_of_their_sizes(data_dir, corpus_writer):
    write_all(data_dir, corpus_writer, {"restaurant": 60, "laptop": 20})
    mixture = seqio.get_mixture_or_task("distill_lexicon_anl_rw")
    assert sorted(mixture.get_rate(task) for task in mixture.tasks) == [20, 20, 60, 60]
    assert mixture.num_input_examples("train") == 160
    dataset = mixture.get_dataset(LENGTHS, "train", seed=0)
    texts = [VOCABULARY.decode(e["targets"]) for e in dataset.take(200).as_numpy_iterator()]
    anl = sum(text.startswith("anl") for text in texts)
    assert 60 < anl < 140
    assert all("\n" in text for text in texts)


def test_a_task_yields_reviews_and_their_understanding(data_dir, corpus_writer):
    write_all(data_dir, corpus_writer, {"restaurant": 5})
    task = seqio.get_mixture_or_task("understanding_lexicon_anl_restaurant")
    examples = list(task.get_dataset(LENGTHS, "train", shuffle=False).as_numpy_iterator())
    assert [e["review_id"].decode() for e in examples] == [f"restaurant{i}" for i in range(5)]
    for index, example in enumerate(examples):
        assert example["inputs"][-1] == example["targets"][-1] == VOCABULARY.eos_id
        assert VOCABULARY.decode(example["inputs"]) == f"The wine list {index} ."
        assert VOCABULARY.decode(example["targets"]) == f"anl great\nwine {index}"
    assert task.num_input_examples("validation") == 2
    assert task.splits == ("train", "validation")


def test_long_texts_are_cut_to_128_and_400_with_the_end_kept(data_dir, corpus_writer):
    row = ("r", "wine " * 500, "great " * 900)
    corpus_writer(data_dir, "lexicon", "rw", "laptop", {"train": [row], "validation": [row]})
    task = seqio.get_mixture_or_task("understanding_lexicon_rw_laptop")
    for lengths, expected in ((LENGTHS, (128, 400)), ({"inputs": 64, "targets": 32}, (64, 32))):
        example = next(task.get_dataset(lengths, "train").as_numpy_iterator())
        assert (len(example["inputs"]), len(example["targets"])) == expected
        assert example["inputs"][-1] == example["targets"][-1] == 1
        assert np.count_nonzero(example["inputs"] == 1) == 1


def test_plain_tfds_reads_the_same_folder(data_dir, corpus_writer):
    rows = [("r", "wine", "great")]
    folder = corpus_writer(
        data_dir, "lexicon", "anl", "laptop", {"train": rows, "validation": rows}
    )
    builder = tfds.builder_from_directory(folder)
    (example,) = tfds.as_numpy(builder.as_dataset(split="train"))
    assert example["targets"] == b"great"


@pytest.mark.parametrize(
    ("split", "reviews"), [("train", None), ("train", 1500), ("validation", 9)]
)
def test_texts_come_in_the_order_of_tfds(data_dir, corpus_writer, split, reviews):
    """Of several files, TFDS reads some examples of each in turn."""
    rows = [(f"r{i}", f"wine {i}", "great") for i in range(3070)]
    splits = {"train": rows, "validation": rows[:5]}
    folder = corpus_writer(data_dir, "lexicon", "anl", "laptop", splits)
    assert len(list(folder.glob("*-train.*"))) > 2
    source = understanding.CorpusSource("lexicon_anl_laptop", reviews)
    theirs = seqio.TfdsDataSource.get_dataset(source, split, shuffle=False)
    expected = [example["inputs"] for example in theirs.as_numpy_iterator()]
    ours = list(source.get_dataset(split, shuffle=False).as_numpy_iterator())
    assert [example["inputs"] for example in ours] == expected
    assert sorted(ours[0]) == ["inputs", "review_id", "targets"]
    shuffled = source.get_dataset(split, shuffle=True, seed=1).as_numpy_iterator()
    assert sorted(example["inputs"] for example in shuffled) == sorted(expected)


def test_a_split_without_examples_is_empty(data_dir, corpus_writer):
    """A corpus so small that all of it is held out has one."""
    splits = {"train": [], "validation": [("r", "wine", "great")]}
    corpus_writer(data_dir, "lexicon", "anl", "laptop", splits)
    source = understanding.CorpusSource("lexicon_anl_laptop", None)
    found = {split: list(source.get_dataset(split, shuffle=False)) for split in splits}
    assert {split: len(examples) for split, examples in found.items()} == {
        "train": 0,
        "validation": 1,
    }


def test_another_part_of_a_corpus_or_a_changed_one_has_another_fingerprint(data_dir, corpus_writer):
    rows = [(f"r{i}", f"wine {i}", "great") for i in range(20)]
    folder = corpus_writer(
        data_dir, "lexicon", "anl", "laptop", {"train": rows, "validation": rows[:2]}
    )
    whole, part = (understanding.CorpusSource("lexicon_anl_laptop", n) for n in (None, 10))
    before = whole.fingerprint("train")
    assert whole.fingerprint("train") == before != part.fingerprint("train")
    (shard,) = folder.glob("*-train.*")
    shard.write_bytes(shard.read_bytes())  # the same again, but who knows
    assert whole.fingerprint("train") != before


def test_a_missing_corpus_says_how_to_make_it(data_dir):
    task = seqio.get_mixture_or_task("understanding_mixtral_8x7b_anl_laptop")
    with pytest.raises(FileNotFoundError) as caught:
        task.get_dataset(LENGTHS, "train")
    message = str(caught.value)
    assert "mixtral_8x7b_anl_laptop/1.0.0" in message
    assert "fsa corpus" in message
    assert "dataset_info.json" in message
    assert "MIXTURE_OR_TASK_NAME" not in message
    assert "\n" not in message
    (data_dir / "understanding" / "lexicon_anl_laptop").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"name a teacher that has one: lexicon$"):
        task.get_dataset(LENGTHS, "train")


def test_the_data_root_must_be_set_and_exist(data_dir, monkeypatch):
    task = seqio.get_mixture_or_task("understanding_mixtral_8x7b_anl_laptop")
    monkeypatch.setenv("FSA_DATA_DIR", str(data_dir / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"FSA_DATA_DIR=.*nowhere"):
        task.num_input_examples("train")
    monkeypatch.delenv("FSA_DATA_DIR")
    with pytest.raises(FileNotFoundError, match="FSA_DATA_DIR is not set"):
        task.num_input_examples("train")


@pytest.mark.parametrize("wrap", [lambda digest: digest, lambda digest: {"sha256": digest}])
def test_another_vocabulary_is_refused(data_dir, corpus_writer, wrap):
    rows = {"train": [("r", "wine", "great")], "validation": [("r", "wine", "great")]}
    corpus_writer(data_dir, "lexicon", "anl", "laptop", rows, {"vocabulary": wrap("0" * 64)})
    corpus_writer(
        data_dir, "lexicon", "rw", "laptop", rows, {"vocabulary": wrap(VOCABULARY.sha256)}
    )
    task = seqio.get_mixture_or_task("understanding_lexicon_anl_laptop")
    with pytest.raises(ValueError, match=r"names the vocabulary 0{12}…, but .*FSA_VOC"):
        task.get_dataset(LENGTHS, "train")
    matching = seqio.get_mixture_or_task("understanding_lexicon_rw_laptop")
    assert len(list(matching.get_dataset(LENGTHS, "train"))) == 1


def test_a_user_adds_a_teacher_by_one_call(data_dir, corpus_writer):
    tasks.register_teacher("my_llm")
    write_all(data_dir, corpus_writer, {"restaurant": 3, "laptop": 3}, teacher="my_llm")
    mixture = seqio.get_mixture_or_task("distill_my_llm_anl")
    assert mixture.num_input_examples("train") == 6
    with pytest.raises(ValueError, match="already registered"):
        tasks.register_teacher("my_llm")
    with pytest.raises(ValueError, match="letters, digits"):
        tasks.register_teacher("my-llm")


def test_a_teacher_whose_corpus_is_there_is_known_without_a_call(data_dir, corpus_writer):
    write_all(data_dir, corpus_writer, {"restaurant": 2, "laptop": 1}, teacher="found_llm")
    understanding.register_found()
    assert seqio.get_mixture_or_task("distill_found_llm_anl_rw").num_input_examples("train") == 6
    tasks.register_teacher("found_llm")  # a program that registers it still runs
    understanding.register_found()

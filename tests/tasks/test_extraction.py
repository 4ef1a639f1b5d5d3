import json
import subprocess
import sys

import pytest
import seqio

from fsa_jax.opinions.units import ASA, linearize
from tasks.features import VOCABULARY


def item(name, sentence, *aspects, words=None):
    keys = ("from", "to", "target", "category", "polarity")
    rows = [dict(zip(keys, aspect, strict=True)) for aspect in aspects]
    for row in rows if words is not None else ():
        row["opinion_words"] = words
    return {"ID": name, "sentence": sentence, "aspects": rows}


TEXT = "The wine list is great but service and service !"
LIST = ("4", "13", "wine list", "DRINKS#STYLE_OPTIONS", "positive")
SECOND = ("39", "46", "service", "SERVICE#GENERAL", "negative")
FIRST = ("27", "34", "service", "SERVICE#GENERAL", "negative")
HIDDEN = (None, None, None, "FOOD#QUALITY", "neutral")


@pytest.fixture
def benchmark(data_dir, benchmark_writer):
    for folder in ("atsa/rest14", "acsa/rest16"):
        benchmark_writer(
            data_dir,
            folder,
            train=[item("1", TEXT, SECOND, LIST, FIRST), item("2", "No opinion .")],
            dev=[item("3", TEXT, LIST)],
            test=[item("4", TEXT, LIST, FIRST, words="great"), item("5", "Food .", words=None)],
            hard_test=[item("h:1", TEXT, LIST, HIDDEN, words=[])],
        )
    return data_dir


def read(name, split):
    dataset = seqio.get_mixture_or_task(name).get_dataset(split=split, shuffle=False)
    return list(dataset.as_numpy_iterator())


def test_targets_stand_in_sentence_order_by_number(benchmark):
    example, empty = read("tsa_rest14", "train")
    assert example["targets_pretokenized"].decode() == (
        "wine list | positive ; service | negative ; service | negative"
    )
    assert [unit["start"] for unit in json.loads(example["gold"])] == [4, 27, 39]
    assert empty["targets"].tolist() == [VOCABULARY.eos_id]
    assert VOCABULARY.decode(example["inputs"]) == TEXT
    assert example["inputs"][-1] == VOCABULARY.eos_id


def test_categories_are_words_without_duplicates_in_first_seen_order(benchmark):
    example, _ = read("asa_rest16", "train")
    assert example["targets_pretokenized"].decode() == (
        "service general | negative ; drinks style_options | positive"
    )


def test_the_test_split_is_the_original_one_and_the_hard_samples(benchmark):
    whole = read("tsa_rest14", "test")
    assert [e["id"].decode() for e in whole] == ["4", "5", "h:1"]
    assert [e["hard"] for e in whole] == [0, 0, 1]
    assert [e["id"].decode() for e in read("tsa_rest14", "test_original")] == ["4", "5"]
    assert [e["id"].decode() for e in read("tsa_rest14", "test_hard")] == ["h:1"]
    task = seqio.get_mixture_or_task("tsa_rest14")
    assert {split: task.num_input_examples(split) for split in task.splits} == {
        "train": 2,
        "validation": 1,
        "test": 3,
        "test_original": 2,
        "test_hard": 1,
    }


def test_implicit_means_something_only_where_opinion_words_are_annotated(benchmark):
    assert [e["implicit"] for e in read("asa_rest16", "train")] == [-1, -1]
    assert [e["implicit"] for e in read("asa_rest16", "test")] == [0, 0, 1]
    assert [e["multiple"] for e in read("asa_rest16", "test")] == [1, 0, 1]


def test_evaluation_as_seqio_does_it(benchmark):
    task = seqio.get_mixture_or_task("asa_rest16")
    (metric,) = task.predict_metric_fns
    examples = read("asa_rest16", "test")
    gold = [task.postprocess_fn("", example=e, is_target=True) for e in examples]
    rows = [task.postprocess_fn(linearize(json.loads(e["gold"]), ASA), example=e) for e in examples]
    assert gold == [row["gold"] for row in rows]
    assert metric(gold, rows)["f1"] == metric(gold, rows)["strict_f1"] == 100
    assert rows[2] | {"parsed": 0, "gold": 0, "reference": 0} == {
        "id": "h:1",
        "task": "asa_rest16",
        "kind": "asa",
        "raw": "drinks style_options | positive ; food quality | neutral",
        "parsed": 0,
        "gold": 0,
        "matches": [[0, 0], [1, 1]],
        "reason": "",
        "text": TEXT,
        "implicit": True,
        "multiple": True,
        "hard": True,
        "unparsed": [],
        "reference": 0,
    }
    wrong = [task.postprocess_fn("food quality | positive", example=e) for e in examples]
    assert metric(gold, wrong)["f1"] == 0


def test_a_missing_file_is_named_with_the_layout(data_dir):
    with pytest.raises(FileNotFoundError, match=r"atsa/laptop14/train.json does not exist: put"):
        read("tsa_laptop14", "train")


def test_a_broken_file_is_named_with_its_line(data_dir, benchmark_writer):
    benchmark_writer(data_dir, "atsa/rest14", train=[item("1", TEXT, (*LIST[:4], "good"))])
    with pytest.raises(ValueError, match=r"train.json:2: \[1\] unknown polarity 'good'"):
        read("tsa_rest14", "train")


def test_importing_reads_nothing_and_is_quick():
    code = (
        "import seqio, time, os\n"
        "os.environ.pop('FSA_DATA_DIR', None)\n"
        "os.environ['FSA_VOCABULARY'] = '/nowhere'\n"
        "start = time.process_time()\n"
        "import tasks\n"
        "print(time.process_time() - start)\n"
        "assert len(seqio.TaskRegistry.names()) > 10\n"
        "import sys\n"
        "floors = {m.split('.')[1] for m in sys.modules if m.startswith('fsa_jax.')}\n"
        "assert floors <= {'opinions', 'runtime'} and 'generation' not in sys.modules\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(found.stdout) < 2


def test_each_seed_draws_a_part_of_its_own_and_smaller_parts_lie_in_larger_ones(
    data_dir, benchmark_writer
):
    rows = [item(str(number), f"Sentence {number} .") for number in range(40)]
    benchmark_writer(data_dir, "atsa/rest14", train=rows)

    def drawn(name):
        return [example["id"] for example in read(f"tsa_rest14{name}", "train")]

    parts = {seed: drawn(f"_p25_s{seed}") for seed in (42, 52, 182)}
    assert [len(part) for part in parts.values()] == [10, 10, 10]
    assert len({tuple(part) for part in [*parts.values(), drawn("_p25")]}) == 4
    assert set(parts[42]) < set(drawn("_p50_s42"))

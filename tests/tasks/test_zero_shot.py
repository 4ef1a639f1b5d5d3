import json
import pathlib

import numpy as np
import pytest
import sentencepiece
import seqio

import tasks  # noqa: F401 - registers the tasks
from fsa_jax.opinions.questions import questions
from fsa_jax.opinions.scoring.counts import metrics
from fsa_jax.opinions.scoring.files import score_file, summarize
from fsa_jax.opinions.sentences import Opinion, Sentence
from tasks.features import VOCABULARY
from tasks.zero_shot import choose, prompt

TEXT = "The wine list is great but the service is slow ."
LIST = {
    "from": "4",
    "to": "13",
    "target": "wine list",
    "category": "DRINKS#STYLE_OPTIONS",
    "polarity": "positive",
    "opinion_words": "great",
}
SERVICE = {
    "from": "31",
    "to": "38",
    "target": "service",
    "category": "SERVICE#GENERAL",
    "polarity": "negative",
    "opinion_words": [],
}


@pytest.fixture
def benchmark(data_dir, benchmark_writer):
    items = [{"ID": "1", "sentence": TEXT, "aspects": [LIST, SERVICE]}]
    for folder in ("atsa/rest14", "acsa/rest16"):
        benchmark_writer(data_dir, folder, test=items, hard_test=[items[0] | {"ID": "h"}])
    return data_dir


def read(name, split="test"):
    task = seqio.get_mixture_or_task(name)
    return list(task.get_dataset(split=split, shuffle=False).as_numpy_iterator())


def test_each_target_is_asked_with_each_label_word(benchmark):
    examples = read("tsc_rest14")
    assert len(examples) == 2 * 2 * 4
    words = [e["targets_pretokenized"].decode() for e in examples[:4]]
    assert (
        words
        == json.loads(examples[0]["label_words"])
        == [
            "negative",
            "neutral",
            "positive",
            "conflict",
        ]
    )
    assert examples[0]["inputs_pretokenized"].decode() == (
        f"Sentence: {TEXT}\nOpinion target: wine list\nLabel:"
    )
    assert [e["group"] for e in examples] == [g for g in range(4) for _ in range(4)]
    assert {e["correct_index"] for e in examples[:4]} == {2}
    assert VOCABULARY.newline_id in examples[0]["inputs"]
    categories = read("asc_rest16", "test_hard")
    assert len(categories) == 2 * 3
    assert "Aspect category: service general" in categories[3]["inputs_pretokenized"].decode()
    assert [e["hard"] for e in categories] == [1] * 6


def test_the_most_probable_word_wins_and_the_first_of_equals(benchmark):
    task = seqio.get_mixture_or_task("tsc_rest14")
    examples = read("tsc_rest14")
    (metric,) = task.score_metric_fns
    targets = [task.postprocess_fn("", example=e, is_target=True) for e in examples]
    right = [-1.0 if t["label_index"] == t["correct_index"] else -2.0 for t in targets]
    assert metric(targets, right) == {
        "accuracy": 100,
        "implicit_accuracy": 100,
        "multiple_accuracy": 100,
        "hard_accuracy": 100,
    }
    always_positive = [-float(t["label_index"] != 2) for t in targets]
    assert metric(targets, np.array(always_positive))["accuracy"] == 50
    assert {answer["chosen_index"] for answer in choose(targets, [0.0] * len(targets))} == {0}
    shuffled = list(reversed(list(zip(targets, right, strict=True))))
    assert metric(*map(list, zip(*shuffled, strict=True)))["accuracy"] == 100


@pytest.mark.parametrize("name", ["tsc_rest14", "asc_rest16"])
def test_plain_t5_is_asked_without_newlines(benchmark, vocabulary_file, name):
    plain = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary_file))
    examples, students = read(f"{name}_t5"), read(name)
    assert len(examples) == len(students) > 0
    for example, student in zip(examples, students, strict=True):
        ids = example["inputs"].tolist()
        lines = student["inputs_pretokenized"].decode()
        assert ids == [*plain.encode(lines), plain.eos_id()]
        assert VOCABULARY.newline_id not in ids
        assert example["id"] == student["id"]
    task = seqio.get_mixture_or_task(f"{name}_t5")
    (metric,) = task.score_metric_fns
    targets = [task.postprocess_fn("", example=e, is_target=True) for e in examples]
    rows = metric.prediction_rows(targets, [0.0] * len(targets))
    assert {row["task"] for row in rows} == {f"{name}_t5"}


@pytest.mark.parametrize("name", ["tsc_rest14", "asc_rest16"])
def test_answers_are_written_as_prediction_rows(benchmark, tmp_path, name):
    task = seqio.get_mixture_or_task(name)
    (metric,) = task.score_metric_fns
    targets = [task.postprocess_fn("", example=e, is_target=True) for e in read(name)]
    # "negative" wins everywhere: the service is right, the wine list wrong.
    scores = [-1.0 - t["label_index"] for t in targets]
    rows = metric.prediction_rows(targets, scores)
    assert [row["id"] for row in rows] == ["1#0", "1#1", "h#0", "h#1"]
    wine, service = rows[:2]
    assert wine["raw"] == "negative"
    assert wine["label_scores"] == dict(zip(targets[0]["label_words"], scores, strict=False))
    unit = {"tsc_rest14": "wine list", "asc_rest16": "drinks style_options"}[name]
    assert wine["reason"] == f"({unit}, positive): polarity predicted as 'negative'"
    assert (wine["matches"], service["matches"], service["reason"]) == ([], [[0, 0]], "")
    assert [row["hard"] for row in rows] == [False, False, True, True]
    assert (wine["text"], wine["task"], wine["implicit"]) == (TEXT, name, True)

    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    scored = score_file(path)
    found = metrics(scored.sums())
    assert found["f1"] == found["strict_f1"] == found["polarity_accuracy"] == 50
    assert metric(targets, scores)["accuracy"] == 50
    groups = {row["group"]: row for row in summarize([scored], ("polarity", "hard"), draws=0)}
    assert groups["hard"]["rows"] == 2
    assert (groups["negative"]["recall"], groups["positive"]["recall"]) == (100, 0)


def test_a_students_answers_reach_the_scorer(benchmark, tmp_path):
    """From a network of random weights to the report: the file and the metric agree."""
    import flax.linen as nn
    import jax

    from fsa_jax.decoding import answering, search
    from fsa_jax.model import network
    from fsa_jax.runtime.run_directory import RunDirectory

    size = {"emb_dim": 16, "num_heads": 2, "head_dim": 8, "mlp_dim": 16}
    layers = {"num_encoder_layers": 1, "num_decoder_layers": 1}
    config = network.T5Config(vocab_size=384, **size, **layers)
    params = nn.unbox(network.init_params(config, jax.random.key(1)))
    task = seqio.get_mixture_or_task("tsc_rest14")
    result = answering.evaluate_task(params, config, task, "test", search.DecodingConfig())
    path = answering.write_result(result, RunDirectory(tmp_path), "tsc_rest14-test", 3)
    scored = score_file(pathlib.Path(path))
    assert scored.task == "tsc_rest14"
    assert metrics(scored.sums())["f1"] == result.metrics["accuracy"]
    for row in map(json.loads, path.read_text().splitlines()):
        assert row["raw"] == max(row["label_scores"], key=row["label_scores"].get)


def test_seqio_evaluates_them_by_scores(benchmark):
    task = seqio.get_mixture_or_task("asc_rest16")
    assert task.predict_metric_fns == []
    (metric,) = task.metric_objs
    assert metric.model_output_type.name == "SCORE"


def test_a_polarity_without_label_word_is_named(data_dir, benchmark_writer):
    item = {"ID": "7", "sentence": TEXT, "aspects": [LIST | {"polarity": "conflict"}]}
    benchmark_writer(data_dir, "acsa/rest16", test=[item], hard_test=[item])
    with pytest.raises(ValueError, match="sentence 7: 'conflict' is none of negative"):
        read("asc_rest16")


def test_prompts():
    sentence = Sentence("s", "S", (Opinion(category="FOOD#QUALITY", polarity="positive"),))
    (question,) = questions("asc_rest16", [(sentence, False)])
    assert prompt(question) == "Sentence: S\nAspect category: food quality\nLabel:"


def test_the_real_sets_have_a_question_for_each_unit(real_data, monkeypatch):
    monkeypatch.setenv("FSA_DATA_DIR", str(real_data))
    expected = {"tsc_rest14": 4 * 1517, "tsc_laptop14": 4 * 944, "asc_rest16": 3 * 1255}
    for name, count in (expected | {"asc_laptop16": 3 * 1183}).items():
        assert seqio.get_mixture_or_task(name).num_input_examples("test") == count

"""DAPT, rating prediction, general distillation and InstructABSA."""

import json
import re

import numpy as np
import pytest
import sentencepiece
import seqio
import tensorflow as tf

import tasks  # noqa: F401 - registers the tasks
from tasks import instructions, reviews
from tasks.features import VOCABULARY
from tasks.vocabulary import get_vocabulary

LENGTHS = {"inputs": 256, "targets": 800}


@pytest.fixture
def reviews_file(data_dir):
    rows = [
        {
            "review_id": f"r{i}",
            "domain": "laptop" if i % 4 == 0 else "restaurant",
            "rating": 1 + i % 5,
            "text": f"The wine list {i} is great and the service was slow .\nI love it "
            * (1 + i % 3),
            "source": "test",
        }
        for i in range(800)
    ]
    path = data_dir / "reviews.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


def read(name, split="train", **options):
    task = seqio.get_mixture_or_task(name)
    dataset = task.get_dataset(LENGTHS, split, shuffle=False, **options)
    return list(dataset.as_numpy_iterator())


def chunks(path):
    """The token runs that the laptop reviews should be cut into."""
    for row in reviews.read_reviews(path):
        if row["domain"] == "laptop" and reviews._rank(row["review_id"])[0] != 0:
            tokens = VOCABULARY.encode(row["text"])
            yield from (tokens[i : i + 128] for i in range(0, len(tokens), 128))


def test_span_corruption_loses_nothing(reviews_file):
    examples = read("dapt_laptop", seed=1)
    assert len(examples) > 190
    first = VOCABULARY.sentinel_id(0)
    noise = 0
    kept = 0
    for example, chunk in zip(examples, chunks(reviews_file), strict=True):
        inputs, targets = example["inputs"].tolist(), example["targets"].tolist()
        assert inputs[-1] == targets[-1] == VOCABULARY.eos_id
        assert len(inputs) <= 128
        sentinels = [t for t in inputs if first - 99 <= t <= first]
        assert sentinels == list(range(first, first - len(sentinels), -1))
        # Both sides are cut at the same sentinels; put together they are the tokens again.
        spans = {}
        for token in targets[:-1]:
            if first - 99 <= token <= first:
                spans[token] = []
            else:
                spans[next(reversed(spans))].append(token)
        assert list(spans) == sentinels
        assert [t for token in inputs[:-1] for t in spans.get(token, [token])] == chunk
        noise += sum(map(len, spans.values()))
        kept += len(inputs) - 1 - len(sentinels)
    assert 0.13 < noise / (noise + kept) < 0.17


@pytest.mark.parametrize("length", [2, 3, 7, 20, 128])
def test_noise_masks(length):
    starts, total = 0, 0
    for seed in range(30):
        seeds = tf.constant([[seed, 1], [seed, 2]])
        mask = reviews.noise_mask(tf.constant(length), seeds).numpy()
        assert mask.shape == (length,)
        assert not mask[0]
        assert mask[-1]
        assert mask.sum() == max(1, min(round(length * 0.15), length - 1))
        starts += int(mask[0]) + int(np.sum(mask[1:] & ~mask[:-1]))
        total += int(mask.sum())
    assert starts == 30 * max(1, round(total / 30 / 3))


def test_masks_differ_by_seed_and_repeat_with_it(reviews_file):
    first, again, other = (
        [example["inputs"].tolist() for example in read("dapt_laptop", seed=seed)]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_review_predicts_its_stars(reviews_file):
    examples = read("rating_prediction_restaurant")
    stars = {e["targets_pretokenized"].decode() for e in examples}
    assert stars == {"1", "2", "3", "4", "5"}
    assert VOCABULARY.newline_id in examples[0]["inputs"]
    held_out = read("rating_prediction_restaurant", "validation")
    assert len(examples) + len(held_out) == 600
    assert 1 <= len(held_out) <= 20
    ids = {e["review_id"] for e in examples}
    assert not ids & {e["review_id"] for e in held_out}
    (metric,) = seqio.get_mixture_or_task("rating_prediction_restaurant").predict_metric_fns
    assert metric(["4", "5"], ["4 ", "3"]) == {"accuracy": 50}
    mixture = seqio.get_mixture_or_task("rating_prediction_reviews")
    sizes = [mixture.get_rate(task) for task in mixture.tasks]
    assert sizes == [task.num_input_examples("train") for task in mixture.tasks]


def test_sizes_of_review_tasks_are_nested_and_checked(reviews_file):
    sizes = {}
    for size in (5, 50, 150):
        source = reviews.ReviewsSource("laptop", size)
        rows = source.get_dataset("train", shuffle=False).as_numpy_iterator()
        sizes[size] = {row["review_id"] for row in rows}
        assert source.num_input_examples("train") == len(sizes[size]) == size
    assert sizes[5] < sizes[50] < sizes[150]
    with pytest.raises(ValueError, match="laptop reviews to train on, 1000 are asked for"):
        read("dapt_laptop_1k")


def test_missing_and_broken_reviews_are_named(data_dir):
    with pytest.raises(FileNotFoundError, match=r"reviews.jsonl does not exist: .*`fsa reviews"):
        read("dapt_laptop")
    row = b'{"review_id": "1", "domain": "laptop", "rating": 1%s, "text": "caf%s"}\n'
    for line in (b'{"review_id": "1"}\n', row % (b"", b"\xe9"), row % (b"0" * 400, b"e"), b"[1]\n"):
        (data_dir / "reviews.jsonl").write_bytes(b"\xef\xbb\xbf" + line)
        with pytest.raises(ValueError, match=r"reviews.jsonl:1: no review with review_id"):
            seqio.get_mixture_or_task("dapt_laptop").num_input_examples("train")


FORMS = [
    ([{"instruction": "Add", "input": "1 2", "output": "3"}], [("Add\n1 2", "3")]),
    (
        [
            {
                "instruction": "Say",
                "instances": [{"input": "", "output": "a"}, {"input": "x", "output": "b"}],
            }
        ],
        [("Say", "a"), ("Say\nx", "b")],
    ),
    ([{"instruction": "Say", "response": "hello"}], [("Say", "hello")]),
    ([{"prompt": "Say", "completion": "hello"}], [("Say", "hello")]),
]


@pytest.mark.parametrize(("items", "pairs"), FORMS)
@pytest.mark.parametrize("lines", [True, False])
def test_instructions_of_any_form(tmp_path, items, pairs, lines):
    path = tmp_path / "file"
    path.write_text(
        "\n".join(json.dumps(item) for item in items) if lines else json.dumps(items, indent=1)
    )
    assert list(instructions.read_instructions(path)) == pairs


def test_a_broken_instruction_is_named(tmp_path):
    path = tmp_path / "file"
    path.write_text('{"instruction": "a", "output": "b"}\n{"instruction": "a"}\n')
    with pytest.raises(ValueError, match=r"file:2: no instruction: one of instruction, prompt"):
        list(instructions.read_instructions(path))
    path.write_text('{"instruction": "a", "output": "b"}\n{"instr\n')
    with pytest.raises(ValueError, match=r"file:2: no JSON"):
        list(instructions.read_instructions(path))


def test_general_distillation_reads_all_files(data_dir):
    with pytest.raises(FileNotFoundError, match=r"instructions holds no \.json"):
        read("general_distillation")
    folder = data_dir / "instructions"
    folder.mkdir()
    items = [{"instruction": f"Say {i}", "output": f"wine {i}"} for i in range(300)]
    (folder / "a.json").write_text(json.dumps(items[:100]))
    (folder / "b.jsonl").write_text("\n".join(json.dumps(item) for item in items[100:]))
    train, held_out = read("general_distillation"), read("general_distillation", "validation")
    assert len(train) + len(held_out) == 300
    assert 0 < len(held_out) < 15


def test_the_real_instructions_are_read(real_data):
    paths = sorted((real_data / "instructions").iterdir())
    counts = [len(list(instructions.read_instructions(path))) for path in paths]
    assert counts[0] == 1100
    assert counts[1] >= 175


@pytest.mark.parametrize("name", ["tsa_rest14", "asa_rest16", "tsa_laptop14", "asa_laptop16"])
def test_instructabsa_asks_with_definition_and_examples(data_dir, benchmark_writer, name):
    folder = {"tsa": "atsa", "asa": "acsa"}[name[:3]] + "/" + name[4:]
    aspect = {
        "from": "0",
        "to": "3",
        "target": "Bar",
        "category": "FOOD#QUALITY" if "rest" in name else "OS#GENERAL",
        "polarity": "positive",
    }
    benchmark_writer(
        data_dir, folder, train=[{"ID": "1", "sentence": "Bar .", "aspects": [aspect]}]
    )
    task = seqio.get_mixture_or_task(f"instructabsa_{name}")
    (example,) = task.get_dataset(split="train", shuffle=False).as_numpy_iterator()
    text = example["inputs_pretokenized"].decode()
    assert text.startswith("Definition: ")
    assert text.endswith("Now complete the following example - Input: Bar . Output:")
    assert text.count("Positive Example") == 6
    row = task.postprocess_fn(example["targets_pretokenized"].decode(), example=example)
    assert row["task"] == f"instructabsa_{name}"
    assert row["reason"] == ""


@pytest.mark.parametrize("name", ["tsa_restaurant", "tsa_laptop", "asa_restaurant", "asa_laptop"])
def test_tk_instruct_reads_the_prompt_as_its_own_tokenizer_writes_it(vocabulary_file, name):
    """T5's tokenizer has no newline: it reads `\\n` as a blank, and never emits the added piece."""
    plain = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary_file))
    kind_name, domain = name.split("_")
    for sentence in ("The bar was fine .", "Two\nlines  and  blanks ."):
        text = instructions.instruction_input(sentence, kind_name, domain)
        ids = get_vocabulary(str(vocabulary_file)).encode(text)
        lines = re.sub(" (Positive Example|Now|Input:|Output:)", r"\n\n\1", text)
        assert lines.count("\n") > 40
        assert ids == plain.encode(lines)
        assert max(ids) < plain.get_piece_size()


def test_the_examples_of_instructabsa_are_in_the_form_they_teach():
    from fsa_jax.opinions.categories import SPACES
    from fsa_jax.opinions.units import ASA, TSA, parse

    for name, examples in instructions._EXAMPLES.items():
        kind_name, domain = name.split("_")
        for text, answer in examples:
            units, junk = parse(answer, {"tsa": TSA, "asa": ASA}[kind_name], text)
            assert junk == []
            if kind_name == "tsa":
                assert all(unit["start"] is not None for unit in units)
            else:
                assert all(unit["category"] in SPACES[domain] for unit in units)

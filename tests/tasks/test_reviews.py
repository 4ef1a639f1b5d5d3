"""DAPT, rating prediction, general distillation and InstructABSA."""

import json

import numpy as np
import pytest
import seqio
import tensorflow as tf

import tasks  # noqa: F401 - registers the tasks
from fsa_jax.opinions.corpus import draw_rank, is_held_out, nearness
from generation.corpus.build import Settings, build
from generation.corpus.examples import Example
from generation.world.reviews import draw_reviews
from tasks import reviews
from tasks.features import VOCABULARY
from tasks.understanding import CorpusSource

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
        if row["domain"] == "laptop" and not is_held_out(row["review_id"]):
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
    names = [row["review_id"] for row in reviews.read_reviews(reviews_file)]
    names = [name for name in names if int(name[1:]) % 4 == 0]
    sizes = {}
    for size in (5, 50, 200):
        source = reviews.ReviewsSource("laptop", size)
        rows = source.get_dataset("train", shuffle=False).as_numpy_iterator()
        sizes[size] = {row["review_id"].decode() for row in rows}
        # The size counts those that are held out, which training must not see.
        drawn = {name for name in sorted(names, key=draw_rank)[:size] if not is_held_out(name)}
        assert sizes[size] == drawn
        assert source.num_input_examples("train") == len(drawn)
        assert source.num_input_examples("validation") == sum(map(is_held_out, names)) > 0
    assert sizes[5] < sizes[50] < sizes[200]
    with pytest.raises(ValueError, match="holds 200 laptop reviews, 1000 are asked for"):
        read("dapt_laptop_1k")


def test_of_a_few_reviews_one_is_held_out(data_dir):
    rows = [
        {"review_id": name, "domain": "laptop", "rating": 3, "text": "It is great ."}
        for name in ("r1", "r3", "r4")
    ]
    assert not any(is_held_out(row["review_id"]) for row in rows)
    (data_dir / "reviews.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = {
        split: {e["review_id"].decode() for e in read("rating_prediction_laptop", split)}
        for split in ("train", "validation")
    }
    (held_out,) = found["validation"]
    assert held_out == min(("r1", "r3", "r4"), key=nearness)
    assert found["train"] == {"r1", "r3", "r4"} - {held_out}


def test_baselines_hold_out_and_draw_what_distillation_does(data_dir, tmp_path):
    """Both commands on one file of reviews, some of which the teacher cannot answer."""
    world = [review for review, _ in draw_reviews(240, seed=4)]
    (data_dir / "reviews.jsonl").write_text("".join(f"{r.to_json()}\n" for r in world))

    def example(review, prompt):
        status = "failed" if prompt == "anl" and review.review_id.endswith("7") else "ok"
        text = "Opinion Target 1: a\nSentiment: Mild" if prompt == "anl" else "I liked it."
        about = (review.review_id, review.domain, "lexicon", prompt, review.text)
        return Example(*about, text if status == "ok" else "", review.rating, status)

    rows = [example(review, prompt) for review in world for prompt in ("anl", "rw")]
    build(rows, 1000, Settings(data_dir), {})
    failed = {review.review_id for review in world if review.review_id.endswith("7")}
    assert failed
    for size in (60, None):
        sources = {
            "anl": CorpusSource("lexicon_anl_laptop", size),
            "rw": CorpusSource("lexicon_rw_laptop", size),
            "dapt": reviews.ReviewsSource("laptop", size),
        }
        drawn, held_out = (
            {
                name: {
                    row["review_id"].decode()
                    for row in source.get_dataset(split, shuffle=False).as_numpy_iterator()
                }
                for name, source in sources.items()
            }
            for split in ("train", "validation")
        )
        assert drawn["dapt"] == drawn["rw"]
        assert drawn["anl"] == drawn["rw"] - failed
        assert held_out["dapt"] == held_out["rw"] >= held_out["anl"] > set()
        assert not held_out["rw"] & drawn["rw"]
        total = 60 if size else 120
        assert total * 0.9 < len(drawn["rw"]) <= total


def test_missing_and_broken_reviews_are_named(data_dir):
    with pytest.raises(FileNotFoundError, match=r"reviews.jsonl does not exist: .*`fsa reviews"):
        read("dapt_laptop")
    row = b'{"review_id": "1", "domain": "laptop", "rating": 1%s, "text": "caf%s"}\n'
    for line in (b'{"review_id": "1"}\n', row % (b"", b"\xe9"), row % (b"0" * 400, b"e"), b"[1]\n"):
        (data_dir / "reviews.jsonl").write_bytes(b"\xef\xbb\xbf" + line)
        with pytest.raises(ValueError, match=r"reviews.jsonl:1: no review with review_id"):
            seqio.get_mixture_or_task("dapt_laptop").num_input_examples("train")


def test_other_reviews_have_another_fingerprint(reviews_file):
    laptop, some = (reviews.ReviewsSource("laptop", number) for number in (None, 10))
    before = laptop.fingerprint("train")
    assert laptop.fingerprint("train") == before != some.fingerprint("train")
    reviews_file.write_text(reviews_file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert laptop.fingerprint("train") != before

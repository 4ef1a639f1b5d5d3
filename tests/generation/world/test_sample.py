"""The sample world: formats with their quirks, right offsets, hard samples, one seed one world."""

import collections
import hashlib
import json

import pytest
import sentencepiece
import typer.testing

from fsa_jax.opinions.readers import read_file
from generation import records
from generation.world.fsa_json import DATASETS, SIZES
from generation.world.reviews import draw_by_stars, draw_reviews
from generation.world.sample import write_sample
from generation.world.sentences import KINDS, Speaker


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_sample(folder, seed=3, reviews=300)
    return folder


def items(world, task, dataset, split):
    path = world / "fsa" / task / dataset / f"{split}.json"
    assert path.read_bytes().startswith(b"\xef\xbb\xbf[")
    return json.loads(path.read_text("utf-8-sig"))


def test_benchmark_has_the_published_format(world):
    for task, dataset in DATASETS:
        for split, size in SIZES.items():
            rows = items(world, task, dataset, split)
            assert len(rows) == size
            assert len({row["ID"] for row in rows}) == size
            for row in rows:
                for aspect in row["aspects"]:
                    check_aspect(row, aspect, task, dataset, split)


def check_aspect(row, aspect, task, dataset, split):
    hard = split == "hard_test"
    start, end, target = aspect["from"], aspect["to"], aspect["target"]
    if target not in (None, "NULL"):
        assert type(start) is (int if hard else str)
        assert row["sentence"][int(start) : int(end)] == target
    elif target == "NULL":
        assert (task, dataset, start, end) == ("acsa", "rest16", "0", "0")
    else:
        assert (start, end) == (None, None)
    assert (aspect["category"] is None) == (task == "atsa" and not hard)
    polarities = {"positive", "negative", "neutral"}
    assert aspect["polarity"] in polarities | ({"conflict"} if dataset.endswith("14") else set())
    if split in ("train", "dev"):
        assert "opinion_words" not in aspect
    elif task == "atsa" and not hard:
        assert aspect["opinion_words"] is None or aspect["opinion_words"]
    else:
        for span in aspect["opinion_words"]:
            assert row["sentence"][span["from"] : span["to"]] == span["opinion"]


def test_hard_samples_are_hard_and_shared(world):
    for domain in ("rest", "laptop"):
        rows = items(world, "atsa", f"{domain}14", "hard_test")
        assert rows == items(world, "acsa", f"{domain}16", "hard_test")
        for row in rows:
            implicit = any(not aspect["opinion_words"] for aspect in row["aspects"])
            assert implicit or len({aspect["polarity"] for aspect in row["aspects"]}) > 1
    test = items(world, "acsa", "rest16", "test")
    implicit = sum(any(not a["opinion_words"] for a in row["aspects"]) for row in test)
    multiple = sum(len({a["polarity"] for a in row["aspects"]}) > 1 for row in test)
    assert implicit > 20
    assert multiple > 15
    assert any(not row["aspects"] for row in test)


def test_tests_hold_words_that_only_reviews_teach(world):
    def targets(split):
        rows = items(world, "atsa", "rest14", split)
        return {a["target"].lower() for row in rows for a in row["aspects"] if a["target"]}

    unseen = targets("test") - targets("train")
    assert unseen
    reviews = " ".join(r.text.lower() for r in records.read_reviews(world / "reviews.jsonl"))
    assert sum(target in reviews for target in unseen) > 0.7 * len(unseen)


def test_opinions_stand_where_they_say():
    import random

    for domain in ("restaurant", "laptop"):
        speaker = Speaker(domain, random.Random(0))
        for kind in KINDS:
            for _ in range(40):
                sentence = speaker.sentence(0.5, kind)
                for opinion in sentence.opinions:
                    if opinion.target is not None:
                        assert sentence.text[opinion.start :].startswith(opinion.target)
                    for at, word in opinion.words:
                        assert sentence.text[at:].startswith(word)
                assert sentence.implicit == (kind in ("fact", "unnamed"))
                assert sentence.multiple == (kind == "contrast")


def test_reviews_follow_their_stars():
    counts = collections.defaultdict(collections.Counter)
    for review, sentences in draw_reviews(800, 2):
        assert " ".join(sentence.text for sentence in sentences) == review.text
        counts[review.rating].update(o.polarity for s in sentences for o in s.opinions)
    assert set(counts) == {1.0, 2.0, 3.0, 4.0, 5.0}
    shares = [counts[s]["positive"] / counts[s].total() for s in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert shares == sorted(shares)


def test_vocabulary_keeps_t5s_conventions(world):
    pieces = sentencepiece.SentencePieceProcessor(str(world / "vocabulary.model"))
    assert (pieces.pad_id(), pieces.eos_id(), pieces.unk_id(), pieces.bos_id()) == (0, 1, 2, -1)
    assert 500 < pieces.get_piece_size() <= 1000
    assert pieces.encode("food", out_type=str) == ["▁food"]
    for review in records.read_reviews(world / "reviews.jsonl"):
        ids = pieces.encode(review.text)
        assert 2 not in ids
        assert pieces.decode(ids) == review.text
    for text in (
        "tomato soup | negative ; wine | positive",
        'Opinion Target 1: "soup"',
        "conflict",
    ):
        assert pieces.decode(pieces.encode(text)) == text


def test_one_seed_one_world(world, tmp_path):
    def digests(folder):
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*")
            if path.is_file()
        }

    write_sample(tmp_path / "same", seed=3, reviews=300)
    assert digests(tmp_path / "same") == digests(world)
    write_sample(tmp_path / "other", seed=4, reviews=300)
    assert not set(digests(tmp_path / "other").values()) & set(digests(world).values())


def test_quads_are_read_back_without_faults(world):
    files = [*(world / "asqp").rglob("*.txt"), *(world / "acos").rglob("*.tsv")]
    assert len(files) == 4 * 3
    for file in files:
        sentences, problems = read_file(file)
        assert not [problem for problem in problems if problem.is_fault]
        opinions = [opinion for sentence in sentences for opinion in sentence.opinions]
        assert len(opinions) > len(sentences) > 50
        assert {opinion.target is None for opinion in opinions} == {True, False}
        assert {opinion.polarity for opinion in opinions} <= {"positive", "negative", "neutral"}


def test_instructions_have_right_answers(world):
    rows = [json.loads(line) for line in (world / "instructions" / "sample.jsonl").open()]
    assert len(rows) == 600
    assert len({row["instruction"] for row in rows}) == 6
    counted = [row for row in rows if row["instruction"].startswith("How many words")]
    assert all(row["output"] == str(len(row["input"].split())) for row in counted)


def test_scheme_weighs_stars_and_leaves_the_rest_of_the_world(world, tmp_path):
    write_sample(tmp_path, seed=3, reviews=301, weights=(0, 0, 1, 0, 0))
    drawn = list(records.read_reviews(tmp_path / "reviews.jsonl"))
    assert len(drawn) == 301
    assert {review.rating for review in drawn} == {3.0}
    assert collections.Counter(review.domain for review in drawn)["laptop"] == 150
    for name in ("vocabulary.model", "fsa/atsa/rest14/test.json"):
        assert (tmp_path / name).read_bytes() == (world / name).read_bytes()
    natural = collections.Counter(review.rating for review, _ in draw_reviews(3000, 5))
    weighted = collections.Counter(r.rating for r in draw_by_stars(3000, 5, (1, 2, 4, 2, 1)))
    for stars, weight in ((2.0, 2), (3.0, 4), (4.0, 2)):
        ratio = (weighted[stars] / weighted[5.0]) / (natural[stars] / natural[5.0])
        assert ratio == pytest.approx(weight, rel=0.2)


def test_folder_in_use_is_refused(tmp_path):
    from generation import commands

    (tmp_path / "x").write_text("mine")
    app = typer.Typer()
    app.command()(commands.sample)
    result = typer.testing.CliRunner().invoke(app, ["--output-dir", str(tmp_path)])
    assert isinstance(result.exception, FileExistsError)
    assert "is not empty; name another folder, or pass --overwrite" in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]

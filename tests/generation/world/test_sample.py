"""The sample world: formats with their quirks, right offsets, hard samples, one seed one world."""

import collections
import hashlib
import json

import pytest
import sentencepiece

from generation import records
from generation.world.reviews import draw_by_stars, draw_reviews
from generation.world.sample import write_sample


def items(world, task, dataset, split):
    path = world / "fsa" / task / dataset / f"{split}.json"
    assert path.read_bytes().startswith(b"\xef\xbb\xbf[")
    return json.loads(path.read_text("utf-8-sig"))


def test_tests_hold_words_that_only_reviews_teach(world):
    def targets(split):
        rows = items(world, "atsa", "rest14", split)
        return {a["target"].lower() for row in rows for a in row["aspects"] if a["target"]}

    unseen = targets("test") - targets("train")
    assert unseen
    reviews = " ".join(r.text.lower() for r in records.read_reviews(world / "reviews.jsonl"))
    assert sum(target in reviews for target in unseen) > 0.7 * len(unseen)


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

"""The lexicon teacher: levels, targets, negation, contrast, cues, and any English text at all."""

import json
import random
import subprocess
import sys

import pytest

from fsa_jax.opinions.analyses import blocks
from generation import quality
from generation.lexicon import knowledge, writing
from generation.lexicon.analysis import LEVELS, analyze
from generation.world.reviews import draw_reviews


def judged(text, domain="restaurant"):
    found = analyze(text, knowledge.load(domain))
    return [(item.target, LEVELS[item.level]) for item in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The food was good.", [("food", "Positive")]),
        ("The food was really good!", [("food", "Very Positive")]),
        ("The food was not good.", [("food", "Negative")]),
        ("The service wasn't very friendly.", [("service", "Negative")]),
        ("The soup was awful.", [("soup", "Negative")]),
        ("The soup was absolutely horrible!!!", [("soup", "Very Negative")]),
        ("The soup was average.", [("soup", "Mild Sentiment")]),
        ("Great food but terrible service.", [("food", "Very Positive"), ("service", "Negative")]),
        (
            "Friendly staff, bland noodles, and the decor is lovely.",
            [("staff", "Positive"), ("noodles", "Negative"), ("decor", "Positive")],
        ),
        ("The pizza and pasta were tasty.", [("pizza", "Positive"), ("pasta", "Positive")]),
        ("The chicken sandwich was delicious.", [("chicken sandwich", "Positive")]),
        ("I waited 45 minutes for the bill.", [("bill", "Negative")]),
        ("We will definitely be back!", [("restaurant", "Positive")]),
        ("I would never go back there.", [("restaurant", "Negative")]),
        ("The burger tasted like cardboard.", [("burger", "Negative")]),
        ("We went there on a Friday night.", []),
        ("", []),
        ("?!?! ... 12345", []),
    ],
)
def test_judgements(text, expected):
    assert judged(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The screen is gorgeous but the hinge broke.", ["screen", "hinge"]),
        ("The battery died after a month.", ["battery"]),
        ("My new zorblex is fantastic.", ["new zorblex"]),
        ("It is very slow.", ["laptop"]),
    ],
)
def test_laptop_targets(text, expected):
    assert [target for target, _ in judged(text, "laptop")] == expected


def test_polarity_agrees_with_the_sample_worlds_gold():
    """It must be a useful teacher, if not a perfect one."""
    hits = total = 0
    for review, sentences in draw_reviews(600, 11):
        found = dict(judged(review.text, review.domain))
        for opinion in (o for s in sentences for o in s.opinions):
            if opinion.target is None or opinion.polarity in ("conflict", "neutral"):
                continue
            total += 1
            level = found.get(opinion.target)
            hits += level is not None and opinion.polarity in level.lower()
    assert total > 800
    assert hits / total > 0.8


def test_its_answers_pass_every_rule():
    for review, _ in draw_reviews(300, 5):
        for kind, write in (("anl", writing.analysis_text), ("rw", writing.rewrite_text)):
            text = write(review.text, review.domain)
            assert quality.rejects(kind, review.text, text, "stop") == ""
            if kind == "anl":
                assert all(block.level for block in blocks(text))


def test_any_text_is_survived():
    rng = random.Random(0)
    alphabet = "abc THE good not very , . ! ? \n \0 ’ é \U0001f600 \u2028 \" ' - but and"
    symbols = alphabet.split(" ")
    for _ in range(300):
        text = " ".join(rng.choices(symbols, k=rng.randrange(60)))
        for domain in ("restaurant", "laptop"):
            assert writing.analysis_text(text, domain).startswith("Opinion Target 1: ")
            assert writing.rewrite_text(text, domain)
    assert len(writing.analysis_text("The food was good. " * 20_000, "restaurant")) < 4000


def test_same_text_in_every_process():
    review = "The food was great but we waited an hour. I loved the wine and hated the noise."
    script = (
        "import sys, json\nfrom generation.lexicon import writing\n"
        "print(json.dumps(writing.rewrite_text(sys.argv[1], 'restaurant')))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script, review],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {json.dumps(writing.rewrite_text(review, "restaurant")).encode() + b"\n"}


def test_polarity_agrees_with_real_annotations(real_data):
    """Where it finds an annotated target, it mostly agrees on its polarity."""
    for name, domain in (("rest14", "restaurant"), ("laptop14", "laptop")):
        path = real_data / "fsa/atsa" / name / "test.json"
        hits = found = total = 0
        for item in json.loads(path.read_text("utf-8-sig")):
            mine = {t.lower(): level.lower() for t, level in judged(item["sentence"], domain)}
            for aspect in item["aspects"]:
                if aspect["target"] and aspect["polarity"] in ("positive", "negative"):
                    total += 1
                    level = mine.get(aspect["target"].lower())
                    found += level is not None
                    hits += level is not None and aspect["polarity"] in level
        print(json.dumps({"set": name, "targets": total, "found": found, "agree": hits}))
        assert found > 0.3 * total
        assert hits > 0.75 * found


def test_real_reviews_of_all_kinds(real_data):
    with (real_data / "corpus/mixtral_400.json").open(encoding="utf-8-sig") as stream:
        rows = [json.loads(line) for line in stream]
    some = sum(bool(judged(row["Text"], d)) for row in rows for d in ("restaurant", "laptop"))
    assert some > 0.9 * 800

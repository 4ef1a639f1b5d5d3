"""The scorer against slow, independent versions, on random and adversarial outputs."""

import dataclasses
import json
import random
import unicodedata

import pytest

from fsa_jax.opinions.scoring.llm_answers import read_answer
from fsa_jax.opinions.scoring.rows import keys_of, label_row, prediction_row, score
from fsa_jax.opinions.sentences import Opinion, Sentence
from fsa_jax.opinions.units import ASA, QUAD, TSA, TSC, gold_units, linearize

POLARITIES = ["positive", "negative", "neutral", "conflict"]
WORDS = ["wine", "wine list", "list", "food", "the food", "seafood", "Mac|PC", "a ; b", "staff"]
CATEGORIES = ["FOOD#QUALITY", "SERVICE#GENERAL", "FOOD#PRICES", "LAPTOP#DESIGN_FEATURES"]
TEXT = "the food and the seafood , wine list , wine , a ; b , Mac|PC but the staff , food again"


def slow_reference(outputs, golds, text, with_target):
    """The paper's F1, written down once more, sentence by sentence with plain loops."""
    right_predicted = all_predicted = right_gold = all_gold = 0
    for output, gold in zip(outputs, golds, strict=True):
        predicted = []
        for part in output.split(";"):
            if part.count("|") != 1:
                continue
            left, right = part.split("|")
            left, right = left.strip(), right.strip()
            if right not in POLARITIES:
                continue
            if with_target and text.find(left) == -1:
                continue
            predicted.append((left, right))
        all_predicted += len(predicted)
        all_gold += len(gold)
        for unit in predicted:
            if unit in gold:
                right_predicted += 1
        for unit in gold:
            if unit in predicted:
                right_gold += 1
    precision = right_predicted / all_predicted if all_predicted else 1
    recall = right_gold / all_gold if all_gold else 1
    if precision + recall == 0:
        return 0.0, precision, recall
    return 2 * precision * recall / (precision + recall), precision, recall


def slow_strict(rows, keys):
    """Greedy one-to-one matching by removing from a list."""
    hits = answers = golds = 0
    for row in rows:
        left = [tuple(unit[key] for key in keys) for unit in row["gold"]]
        golds += len(left)
        answers += len(row["parsed"]) + len(row["unparsed"])
        for unit in row["parsed"]:
            key = tuple(unit[k] for k in keys)
            if key in left:
                left.remove(key)
                hits += 1
    precision = hits / answers if answers else 1
    recall = hits / golds if golds else 1
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0, recall


def random_gold(draw, kind):
    opinions = []
    for _ in range(draw.randrange(5)):
        target = draw.choice(WORDS)
        start = TEXT.find(target)
        opinions.append(
            Opinion(
                target,
                start,
                start + len(target),
                draw.choice(CATEGORIES),
                draw.choice(POLARITIES),
            )
        )
    return gold_units(Sentence("s", TEXT, tuple(opinions)), kind)


def random_output(draw, gold, kind):
    """The gold text, broken in one of many ways."""
    parts = [linearize([unit], kind) for unit in gold]
    first = [unit[kind.fields[0]] for unit in gold] + WORDS + ["", "pizza", "FOOD#QUALITY", "NULL"]
    for _ in range(draw.randrange(4)):
        label = draw.choice([*POLARITIES, "great", "", "Positive", "positive negative"])
        bar = draw.choice([" | ", "|", " || ", " ", " |  | "])
        parts.append(draw.choice(first) + bar + label)
    draw.shuffle(parts)
    parts = [part for part in parts if draw.random() < 0.8]
    if parts and draw.random() < 0.3:
        parts += [draw.choice(parts)] * draw.randrange(1, 4)
    text = draw.choice([" ; ", ";", " ;", ";;"]).join(parts)
    if draw.random() < 0.2:
        cut = draw.randrange(len(text) + 1)
        text = text[:cut] + draw.choice(["", ";", "|", "\n", "⁇", "\x00", "é"]) + text[cut:]
    if draw.random() < 0.05:
        text = "".join(draw.choice(";| \tpositive⁇~") for _ in range(draw.randrange(60)))
    return text


@pytest.mark.parametrize("kind", [TSA, ASA], ids=lambda kind: kind.name)
@pytest.mark.parametrize("seed", range(2))
def test_both_f1s_equal_slow_versions_on_random_outputs(kind, seed):
    draw = random.Random(seed)
    golds = [random_gold(draw, kind) for _ in range(3000)]
    outputs = [random_output(draw, gold, kind) for gold in golds]
    rows = [
        prediction_row("t", kind, output, gold, TEXT, id=str(i))
        for i, (output, gold) in enumerate(zip(outputs, golds, strict=True))
    ]
    metrics = score(rows, kind)
    field = kind.fields[0]
    pairs = [[(unit[field], unit["polarity"]) for unit in gold] for gold in golds]
    expected = slow_reference(outputs, pairs, TEXT, with_target=kind is TSA)
    found = (metrics["f1"], metrics["precision"], metrics["recall"])
    assert found == pytest.approx([100 * value for value in expected], abs=1e-9)
    strict, recall = slow_strict(rows, kind.keys)
    assert metrics["strict_f1"] == pytest.approx(100 * strict, abs=1e-9)
    assert metrics["strict_recall"] == pytest.approx(100 * recall, abs=1e-9)
    # Each row alone as well: errors that cancel out in the sum would hide.
    for row, output, gold in list(zip(rows, outputs, pairs, strict=True))[:500]:
        alone = score([row], kind)
        expected = slow_reference([output], [gold], TEXT, with_target=kind is TSA)
        assert alone["f1"] == pytest.approx(100 * expected[0], abs=1e-9)
        assert alone["strict_recall"] <= 100
        json.dumps(row)


def test_unparseable_text_is_never_credited():
    draw = random.Random(5)
    for _ in range(2000):
        junk = "".join(draw.choice("ab|; ⁇pn") for _ in range(draw.randrange(1, 30)))
        gold = [{"target": junk, "polarity": junk, "start": None, "end": None}]
        row = prediction_row("t", TSA, junk, gold, junk)
        assert row["matches"] == []
        assert score([row], TSA)["strict_f1"] == 0
    row = prediction_row("t", TSA, "food great", [], "food")
    assert row["unparsed"] == ["food great"]
    metrics = score([row], TSA)
    assert metrics["parse_failure_rate"] == 100
    assert metrics["strict_precision"] == 0


def test_copies_of_one_prediction_never_raise_recall():
    gold = [
        {"target": "food", "polarity": "positive", "start": 4, "end": 8},
        {"target": "staff", "polarity": "negative", "start": 0, "end": 1},
    ]
    row = prediction_row("t", TSA, " ; ".join(["food | positive"] * 9), gold, TEXT)
    metrics = score([row], TSA)
    assert metrics["strict_recall"] == 50
    assert metrics["recall"] == 50
    assert metrics["precision"] == 100
    assert metrics["strict_precision"] == pytest.approx(100 / 9)
    assert "more often" in row["reason"]


def test_silence_is_precise_and_recalls_nothing():
    gold = [{"target": "food", "polarity": "positive", "start": 4, "end": 8}]
    metrics = score([prediction_row("t", TSA, "", gold, TEXT)], TSA)
    assert (metrics["precision"], metrics["recall"], metrics["f1"]) == (100, 0, 0)
    assert metrics["parse_failure_rate"] == 0
    nothing = score([prediction_row("t", TSA, "", [], TEXT)], TSA)
    assert nothing["f1"] == nothing["strict_f1"] == 100


def test_every_miss_has_its_reason():
    gold = [
        {"target": "wine list", "polarity": "positive", "start": 27, "end": 36},
        {"target": "staff", "polarity": "negative", "start": 67, "end": 72},
        {"target": "food", "polarity": "neutral", "start": 4, "end": 8},
    ]
    output = "staff | positive ; wine list , wine | positive ; pizza | positive ; oops"
    row = prediction_row("t", TSA, output, gold, TEXT)
    assert row["reason"].split("; ") == [
        "(wine list, positive): place predicted as (wine list , wine, positive)",
        "(staff, negative): polarity predicted as 'positive'",
        "(food, neutral): not predicted",
        "(pizza, positive): the sentence does not hold this target",
        "not a unit: 'oops'",
    ]
    right = prediction_row("t", TSA, linearize(gold, TSA), gold, TEXT)
    assert right["reason"] == ""
    assert right["matches"] == [[0, 0], [1, 1], [2, 2]]


def test_scores_of_nothing():
    assert score([], TSA)["parse_failure_rate"] == 0


def test_quads_match_as_a_whole():
    opinion = Opinion("food", 4, 8, "FOOD#QUALITY", "positive", "staff", 67, 72)
    gold = gold_units(Sentence("s", TEXT, (opinion,)), QUAD)
    right = prediction_row("t", QUAD, "food quality | food | staff | positive", gold, TEXT)
    assert score([right], QUAD)["f1"] == score([right], QUAD)["strict_f1"] == 100
    wrong = prediction_row("t", QUAD, "food quality | food | NULL | positive", gold, TEXT)
    assert score([wrong], QUAD)["f1"] == 0
    assert "opinion predicted as 'NULL'" in wrong["reason"]


@pytest.mark.parametrize("of_text", ["NFC", "NFD"])
@pytest.mark.parametrize("of_raw", ["NFC", "NFD"])
@pytest.mark.parametrize("kind", [TSA, ASA, QUAD], ids=lambda kind: kind.name)
def test_both_spellings_of_accents_match_by_every_rule(of_text, of_raw, kind):
    text = unicodedata.normalize(of_text, "Le café était très bon , la crème brûlée et 한국 aussi")
    opinions = []
    for target in ("café", "crème brûlée", "한국"):
        target = unicodedata.normalize(of_text, target)
        start = text.index(target)
        place = (target, start, start + len(target))
        opinions.append(Opinion(*place, "CAFÉ#GÉNÉRAL", "positive", *place))
    gold = gold_units(Sentence("s", text, tuple(opinions)), kind)
    raw = unicodedata.normalize(of_raw, linearize(gold, kind))
    row = prediction_row("t", kind, raw, gold, text)
    assert row["reason"] == ""
    assert len(row["matches"]) == len(gold)
    assert row["parsed"] == gold
    # Rows of other programs hold no offsets and their own spelling.
    keys = [dict(zip(kind.keys, unit, strict=True)) for unit in row["reference"]]
    for one in (row, row | {"parsed": keys}, row | {"parsed": keys, "reference": None}):
        scores = score([one], kind)
        assert (scores["f1"], scores["strict_f1"], scores["soft_f1"]) == (100, 100, 100)
        assert keys_of(one, kind).perfect
    # Another letter is another word, and the reason tells what is wrong.
    plain = "".join(c for c in unicodedata.normalize("NFD", raw) if not unicodedata.combining(c))
    assert score([prediction_row("t", kind, plain, gold, text)], kind)["strict_f1"] < 50
    wrong = raw.replace("positive", "negative", 1)
    assert (
        "polarity predicted as 'negative'"
        in (prediction_row("t", kind, wrong, gold, text)["reason"])
    )


@pytest.mark.parametrize(("of_gold", "of_raw"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_label_is_the_same_however_its_accents_are_composed(of_gold, of_raw):
    kind = dataclasses.replace(TSA, polarities=("négatif", "positif"))
    label, said = (unicodedata.normalize(form, "négatif") for form in (of_gold, of_raw))
    gold = gold_units(Sentence("s", "the bar", (Opinion("bar", 4, 7, None, label),)), kind)
    row = prediction_row("t", kind, f"bar | {said}", gold, "the bar")
    assert (row["matches"], row["reference"], row["unparsed"]) == (
        [[0, 0]],
        [["bar", "négatif"]],
        [],
    )
    foreign = {"gold": [{"target": "bar", "polarity": label}], "reference": None}
    foreign["parsed"] = [{"target": "bar", "polarity": said}]
    assert keys_of(foreign, kind).perfect
    answer = read_answer(json.dumps([["bar", said]], ensure_ascii=False), kind, "the bar")
    assert (answer.units, answer.junk) == (gold, [])


def test_the_label_with_the_highest_score_is_the_answer_and_the_first_of_equals():
    gold = [{"target": "tea", "polarity": "neutral", "start": 0, "end": 3}]
    scores = {"negative": -2.0, "neutral": -1.0, "positive": -1.0}
    row = label_row("tsc_rest14", TSC, scores, gold, "tea", id="1#0", hard=True)
    assert (row["raw"], row["matches"], row["reason"]) == ("neutral", [[0, 0]], "")
    assert (row["kind"], row["id"], row["hard"]) == ("tsc", "1#0", True)
    assert row["label_scores"] == scores
    wrong = label_row("tsc_rest14", TSC, scores | {"negative": 0.0}, gold, "tea")
    assert wrong["reason"] == "(tea, neutral): polarity predicted as 'negative'"

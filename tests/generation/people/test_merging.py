"""Two annotators' marks merged, by hand and on whole benchmarks."""

import dataclasses
import json
import random

import pytest
from annotators import marked, region, reviewed

from fsa_jax.opinions.categories import NAMES
from fsa_jax.opinions.readers import load_file
from fsa_jax.opinions.sentences import Opinion, Sentence
from fsa_jax.opinions.stats import stats
from generation.people import label_studio, merging
from generation.people.agreement import agreement
from generation.world import fsa_json

TEXT = "Good soup, slow service!"
SOUP = Opinion("soup", 5, 9, "FOOD#QUALITY", "positive", "Good", 0, 4)
SERVICE = Opinion("service", 16, 23, "SERVICE#GENERAL", "negative", "slow", 11, 15)
BOTH = Sentence("x", TEXT, (SOUP, SERVICE))


def export(path, *tasks):
    path.write_text(json.dumps(tasks))
    return path


def change(old, /, **fields):
    return dataclasses.replace(old, **fields)


@pytest.fixture
def merge_two(tmp_path):
    """Returns a function that merges what two annotators mark in one sentence."""

    def merge(one, other, decided=None):
        pair = [marked(Sentence("x", TEXT, tuple(opinions))) for opinions in (one, other)]
        path = export(tmp_path / "e.json", reviewed("r", TEXT, *pair))
        if decided is None:
            return merging.merge([path])
        results = marked(Sentence("x", TEXT, tuple(decided)))
        again = export(tmp_path / "d.json", reviewed("r", TEXT, results, annotators=(3,)))
        return merging.merge([path], [again])

    return merge


def counts(merged):
    return {layer: (f["both"], f["first"], f["second"]) for layer, f in merged.agreement.items()}


def test_what_both_have_is_kept_however_they_marked_it(merge_two):
    merged = merge_two([SOUP, SERVICE], [SERVICE, SOUP])
    (sentence,) = merged.sentences
    assert sentence == Sentence("r:0", TEXT, (SOUP, SERVICE), implicit=False)
    assert merged.differences == merged.tasks == merged.problems == []
    assert set(counts(merged).values()) == {(2, 2, 2)}


@pytest.mark.parametrize(
    ("other", "reason", "shared"),
    [
        ([SOUP], "targets: 1 has 'service'", [(1, 2, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1)]),
        (
            [SOUP, change(SERVICE, target=None, start=None, end=None)],
            "targets: 1 has 'service' and 2 has NULL",
            [(1, 2, 2), (1, 1, 1), (1, 1, 1), (1, 1, 1)],
        ),
        (
            [SOUP, change(SERVICE, category="RESTAURANT#GENERAL")],
            "categories: 1 has 'service' SERVICE#GENERAL and 2 has 'service' RESTAURANT#GENERAL",
            [(2, 2, 2), (1, 2, 2), (1, 1, 1), (1, 1, 1)],
        ),
        (
            [SOUP, change(SERVICE, opinion=None, opinion_start=None, opinion_end=None)],
            "opinion words: 1 has 'service' SERVICE#GENERAL 'slow'",
            [(2, 2, 2), (2, 2, 2), (1, 2, 1), (2, 2, 2)],
        ),
        (
            [SOUP, change(SERVICE, polarity="neutral")],
            "polarities: 1 has 'service' SERVICE#GENERAL negative and 2 has 'service' "
            "SERVICE#GENERAL neutral",
            [(2, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2)],
        ),
    ],
)
def test_a_difference_is_told_by_its_layer_and_dropped_while_open(merge_two, other, reason, shared):
    merged = merge_two([SOUP, SERVICE], other)
    assert [str(each) for each in merged.differences] == [f"r:0 (open, dropped): {reason}"]
    assert merged.sentences == []
    assert list(counts(merged).values()) == shared
    for layer, (both, first, second) in counts(merged).items():
        assert merged.agreement[layer]["f1"] == 2 * both / (first + second)


def test_what_was_decided_is_kept(merge_two):
    merged = merge_two([SOUP, SERVICE], [SOUP], decided=[SERVICE])
    assert merged.sentences == [Sentence("r:0", TEXT, (SERVICE,), implicit=False)]
    assert [each.is_open for each in merged.differences] == [False]
    assert merge_two([SOUP], [SERVICE], decided=[]).sentences == []


def test_alpha_of_polarities_is_that_of_what_both_have(tmp_path):
    rng = random.Random(3)
    tasks, ratings = [], []
    for number in range(30):
        pair = [rng.choice(["positive", "neutral", "negative"]) for _ in "ab"]
        results = [marked(Sentence("x", TEXT, (change(SOUP, polarity=p),))) for p in pair]
        tasks.append(reviewed(f"r{number}", TEXT, *results))
        ratings.append([["positive", "neutral", "negative"].index(p) for p in pair])
    found = merging.merge([export(tmp_path / "e.json", *tasks)]).agreement["polarities"]
    assert found["alpha"] == agreement(ratings, 3, ordered=False)["alpha"]
    assert found["f1"] == sum(a == b for a, b in ratings) / 30
    assert 0 <= found["low"] < found["f1"] < found["high"] <= 1


def test_reviews_that_do_not_count_are_told_and_leave_the_others(tmp_path):
    fine = marked(BOTH)
    torn = region("9", TEXT, (5, 9), "Target", "FOOD#QUALITY")
    path = export(
        tmp_path / "e.json",
        reviewed("one", TEXT, fine),
        reviewed("none", TEXT),
        reviewed("beer", TEXT, fine, fine, domain="bar"),
        reviewed("half", TEXT, fine, torn),
        reviewed("gone", "Other text.", fine, fine),
        {"data": {"task": "x", "review": "y"}, "annotations": []},
        reviewed("good", TEXT, fine, fine),
    )
    merged = merging.merge([path])
    assert [line.split(":")[0] for line in merged.problems] == [
        "task 6",
        "task 1 (one)",
        "task 2 (none)",
        "task 3 (beer)",
        "task 5 (gone)",
    ]
    assert [each.name for each in merged.differences] == ["half:0"]
    assert "2: 'soup' has none as its polarity; choose one" in str(merged.differences[0])
    assert [each.id for each in merged.sentences] == ["good:0"]
    assert merged.reviews == 2


def test_an_export_without_a_review_that_counts_is_an_error(tmp_path):
    path = export(tmp_path / "e.json", reviewed("one", TEXT, marked(BOTH)))
    with pytest.raises(ValueError, match=r"no review counts; task 1 \(one\): only 1 has"):
        merging.merge([path])
    path = export(
        tmp_path / "e.json", *(reviewed(name, TEXT, [], [], domain=name) for name in NAMES)
    )
    with pytest.raises(ValueError, match="reviews of laptop and restaurant; merge the exports of"):
        merging.merge([path])


def test_decisions_that_cannot_be_taken_leave_sentences_open(tmp_path):
    text = "\n".join([TEXT] * 4)
    left_out = region("8", text, (30, 34), "Leave this sentence out")
    start = 2 * (len(TEXT) + 1)
    torn = region("9", text, (start + 5, start + 9), "Target", "FOOD#QUALITY")
    path = export(
        tmp_path / "e.json",
        reviewed("r", text, marked(BOTH, BOTH, BOTH), left_out),
        reviewed("s", TEXT, marked(BOTH), []),
        reviewed("t", TEXT, marked(BOTH), []),
    )
    decided = export(
        tmp_path / "d.json",
        reviewed("r", text, marked(BOTH) + left_out + torn),
        reviewed("s", "Another text.", []),
        reviewed("other", TEXT, []),
    )
    merged = merging.merge([path], [decided])
    assert [each.id for each in merged.sentences] == ["r:0"]
    assert [each.name for each in merged.differences if each.is_open] == [
        "r:1",
        "r:2",
        "s:0",
        "t:0",
    ]
    assert str(merged.differences[1]).endswith("2 leaves it out")
    assert "reconciled by 1: 'soup' has none as its polarity" in str(merged.differences[2])
    assert merged.problems == [
        "reconciled task 3: 'other' is not in the key; name the key that was made with the tasks",
        "reconciled task 2 (s): its text is another than in the annotators' export",
    ]


def test_tasks_to_decide_on_start_from_either_annotators_marks(tmp_path):
    first, second = marked(BOTH), marked(Sentence("x", TEXT, (SOUP,)))
    path = export(tmp_path / "e.json", reviewed("r", TEXT, first, second))
    merged = merging.merge([path])
    paths = label_studio.Paths(tmp_path / "x.discuss.json")
    merging.write_tasks(merged, paths)
    (task,) = json.loads(paths.tasks.read_text())
    assert task["data"]["notes"] == "line 1: targets: 1 has 'service'"
    assert [p["model_version"] for p in task["predictions"]] == ["annotator 1", "annotator 2"]
    assert 'value="$notes"' in paths.config.read_text()
    # What the second had, submitted as it stands, is a decision.
    kept = task["predictions"][1]["result"]
    decided = export(tmp_path / "d.json", reviewed("r", TEXT, kept))
    assert merging.merge([path], [decided]).sentences[0].opinions == (SOUP,)


def check_against(sentences, tmp_path, domain):
    """Annotates sentences, four a review, twice; returns what is written and read again."""
    groups = [sentences[start : start + 4] for start in range(0, len(sentences), 4)]
    tasks = [
        reviewed(f"r{n}", "\n".join(s.text for s in group), *[marked(*group)] * 2, domain=domain)
        for n, group in enumerate(groups)
    ]
    merged = merging.merge([export(tmp_path / "e.json", *tasks)])
    assert merged.differences == merged.problems == []
    output = tmp_path / "hard.json"
    written = merging.write(merged, output)
    found = load_file(output)
    assert found == written
    assert merging.write(merged, output, hard_only=True) == [
        s for s in found if s.implicit or s.is_multiple
    ]
    return found


@pytest.mark.parametrize("domain", list(NAMES))
def test_a_sample_benchmark_annotated_anew_has_its_counts(tmp_path, domain):
    drawn = fsa_json.draw_split(domain, "hard_test", 60, random.Random(1))
    drawn += fsa_json.draw_split(domain, "test", 60, random.Random(2))
    plain = [fsa_json.without_conflict(sentence) for sentence in drawn]
    items = fsa_json.to_items(plain, "acsa", "rest16", "hard_test")
    path = export(tmp_path / "gold.json", *items)
    gold = [sentence for sentence in load_file(path) if sentence.opinions]
    found = check_against(gold, tmp_path, domain)
    assert stats(found) == stats(gold)
    assert stats(found).implicit > 10 < stats(found).multiple
    opinions = zip(found, gold, strict=True)
    assert all(set(mine.opinions) == set(theirs.opinions) for mine, theirs in opinions)


@pytest.mark.parametrize(("data_set", "domain"), [("rest16", "restaurant"), ("laptop16", "laptop")])
def test_the_hard_sentences_annotated_anew_are_those_of_table_2(
    real_data, tmp_path, data_set, domain
):
    gold = load_file(real_data / "fsa" / "acsa" / data_set / "hard_test.json")
    found = check_against(gold, tmp_path, domain)
    assert stats(found) == stats(gold)

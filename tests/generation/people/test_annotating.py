"""Tasks of new benchmark data: sentences, batches, and what the interface offers."""

import collections
import json
import xml.etree.ElementTree

import pytest

from fsa_jax.opinions.categories import NAMES
from generation.people import annotating


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Good. Bad!  Ugly?", ["Good.", "Bad!", "Ugly?"]),
        ("we paid 3.50 for soup. never again", ["we paid 3.50 for soup.", "never again"]),
        ("Ask Mr. Smith, e.g. today. He knows.", ["Ask Mr. Smith, e.g. today.", "He knows."]),
        ("Well... fine... And more.", ["Well... fine...", "And more."]),
        ('He said "Go!" Then left.', ['He said "Go!"', "Then left."]),
        ("One line\n\nanother\tline ", ["One line", "another line"]),
        ("So did I. They left. J. Doe came.", ["So did I.", "They left.", "J. Doe came."]),
        ("No. Really.", ["No.", "Really."]),
        ("...", ["..."]),
    ],
)
def test_sentences(text, sentences):
    assert annotating.split_sentences(text) == sentences


def test_tasks_come_in_batches_with_two_annotators(write_reviews, tmp_path):
    reviews = write_reviews(60)
    found = annotating.export(reviews, tmp_path, 25, 10, annotators=["ann", "bob"])
    assert [path.name for path in found["laptop"]] == [f"laptop-0{n}.json" for n in (1, 2, 3)]
    texts = {
        row["review_id"]: row["text"] for row in map(json.loads, reviews.read_text().splitlines())
    }
    tasks = [task["data"] for path in found["laptop"] for task in json.loads(path.read_text())]
    assert len({task["task"] for task in tasks}) == len(tasks) == 25
    for task in tasks:
        assert task["domain"] == "laptop"
        assert task["annotators"] == "ann, bob"
        assert task["text"].split() == texts[task["task"]].split()
    assert any("\n" in task["text"] for task in tasks)


def test_the_draw_hangs_on_the_seed_and_needs_enough_reviews(write_reviews, tmp_path):
    reviews = write_reviews(60)
    drawn = {}
    for seed in (0, 0, 1):
        (path,) = annotating.export(reviews, tmp_path, 9, seed=seed, domains=["laptop"])["laptop"]
        drawn.setdefault(seed, []).append(path.read_text())
    assert drawn[0][0] == drawn[0][1] != drawn[1][0]
    with pytest.raises(ValueError, match=r"reviews.jsonl holds \d+ restaurant reviews; lower"):
        annotating.export(reviews, tmp_path, 60)


def test_fewer_batches_leave_no_old_ones_behind(tmp_path):
    for name in ("laptop.xml", "laptop-01.json", "laptop-02.json", "laptop-01.done.json"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(FileExistsError, match=r"laptop\.xml exists"):
        annotating.make_room(tmp_path, "laptop", overwrite=False)
    annotating.make_room(tmp_path, "laptop", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["laptop-01.done.json"]


@pytest.mark.parametrize("domain", list(NAMES))
def test_the_interface_offers_the_categories_of_its_domain(domain):
    root = xml.etree.ElementTree.fromstring(annotating.interface(domain, ["a", "b"], notes=True))
    (taxonomy,) = root.iter("Taxonomy")
    offered = [f"{e.get('value')}#{a.get('value')}" for e in taxonomy for a in e]
    assert collections.Counter(offered) == collections.Counter(NAMES[domain])
    (polarity,) = root.iter("Choices")
    assert [choice.get("value") for choice in polarity] == ["positive", "neutral", "negative"]
    for control in (taxonomy, polarity):
        assert control.get("whenTagName") == "target"
        assert control.get("perRegion") == control.get("required") == "true"
    labels = {
        each.get("name"): [label.get("value") for label in each] for each in root.iter("Labels")
    }
    assert labels["target"] == ["Target", "NULL"]


def test_headings_of_a_target_show_while_one_is_selected():
    root = xml.etree.ElementTree.fromstring(annotating.interface("laptop"))
    shown = {
        view.find("Header").get("value")
        for view in root.iter("View")
        if (view.get("visibleWhen"), view.get("whenTagName")) == ("region-selected", "target")
    }
    assert shown == {f"The {what} of the selected target" for what in ("category", "polarity")}


@pytest.mark.parametrize("domain", list(NAMES))
def test_label_studio_accepts_the_interface(domain, write_reviews, tmp_path):
    label_interface = pytest.importorskip("label_studio_sdk.label_interface")
    studio = label_interface.LabelInterface(annotating.interface(domain, ["a", "b"]))
    studio.validate()
    (path,) = annotating.export(write_reviews(20), tmp_path, 5, domains=[domain])[domain]
    for task in json.loads(path.read_text()):
        assert studio.validate_task(task | {"data": task["data"] | {"annotators": "a, b"}})

"""Importing the released corpus: told apart by folder or content, counted, and never guessed."""

import collections
import json

import pytest

from generation.corpus import build, released

ANL = (
    ' Opinion Target 1: "{t}"\nAspect: "x"\nSentiment: Positive\n'
    "Reasoning: It is liked for what it is."
)
RW = " I really liked the {t} that I got here, and I would say so to all of my friends."
FOOD = "The pizza and the pasta were so delicious, and our waiter was kind."
LAPTOP = "The keyboard and the screen of this laptop are great, and so is the battery."
EITHER = "It was good and I liked it a lot, and so did my wife when she saw it."


def line(number, text, response, field="mixtral_response", **more):
    return json.dumps({"ID": number, "Text": text, "Overall": 4.0, field: response} | more)


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\ufeff" + "".join(each + "\n" for each in lines), encoding="utf-8")
    return path


def run(paths, root, **more):
    options = {"domain": "auto", "prompt": "auto", "max_bad_fraction": 0.0} | more
    settings = options.pop("settings", build.Settings(root))
    return released.import_released(
        paths,
        "mixtral_8x7b",
        options["domain"],
        options["prompt"],
        settings,
        options["max_bad_fraction"],
    )


def kept(outcome):
    return {name: sum(splits.values()) for name, splits in outcome.splits.items()}


def test_content_tells(tmp_path):
    rows = [
        line(1, FOOD, ANL.format(t="pizza")),
        line(2, FOOD, RW.format(t="pizza")),
        line(3, LAPTOP, ANL.format(t="screen")),
        line(4, LAPTOP, RW.format(t="laptop")),
        line(5, EITHER, RW.format(t="it")),
        line(6, FOOD, "The sentiment: good. I liked the pizza a lot and so did we all."),
        line(7, FOOD, "   "),
    ]
    counts, outcome, listed = run([write(tmp_path / "all.json", rows)], tmp_path / "data")
    assert kept(outcome) == {
        f"mixtral_8x7b_{p}_{d}": 1 for p in ("anl", "rw") for d in ("restaurant", "laptop")
    }
    assert (counts.lines, counts.told, counts.untold, counts.bad) == (7, 4, 3, 0)
    left = [json.loads(each) for each in listed.read_text().splitlines()]
    assert [(each["line"], each["review_id"]) for each in left] == [(5, "5"), (6, "6"), (7, "7")]
    assert left[0]["reason"] == "cannot tell the domain"
    assert left[1]["reason"] == "cannot tell the prompt"


def test_folders_tell_and_flags_force(tmp_path):
    rows = [line(n, EITHER, RW.format(t="it")) for n in range(4)]
    path = write(tmp_path / "computer" / "rewrite" / "a.json", rows)
    _, outcome, _ = run([path], tmp_path / "one")
    assert kept(outcome) == {"mixtral_8x7b_rw_laptop": 4}
    _, outcome, _ = run([path], tmp_path / "two", domain="restaurant")
    assert kept(outcome) == {"mixtral_8x7b_rw_restaurant": 4}
    counts, outcome, listed = run(
        [path, write(tmp_path / "b.json", [line(9, LAPTOP, ANL.format(t="x"))])],
        tmp_path / "three",
        prompt="anl",
    )
    # What is forced to be an analysis and is none is filtered, by a named rule.
    assert kept(outcome) == {"mixtral_8x7b_anl_laptop": 1}
    assert counts.reasons == {"filtered unparseable": 4}
    assert len(listed.read_text().splitlines()) == 4


def test_other_response_fields(tmp_path):
    rows = [
        line(1, FOOD, RW.format(t="pizza"), "llama2_response"),
        line(2, FOOD, RW.format(t="pizza"), "chatgpt_response"),
    ]
    counts, _, _ = run([write(tmp_path / "a.json", rows)], tmp_path / "data")
    assert counts.told == 2


def test_bad_lines_are_counted_and_named(tmp_path):
    good = line(1, FOOD, RW.format(t="pizza"))
    rows = [good, good[:40], line(2, FOOD, None), line(3, FOOD, "x", Overall="best"), "[]"]
    path = write(tmp_path / "a.json", rows)
    with pytest.raises(ValueError, match=r"4 of 5 lines are bad.*a\.json, line 2: not JSON"):
        run([path], tmp_path / "data", max_bad_fraction=0.5)
    assert not list((tmp_path / "data").iterdir())
    counts, outcome, listed = run([path], tmp_path / "data", max_bad_fraction=0.8)
    assert (counts.lines, counts.told, counts.bad) == (5, 1, 4)
    assert kept(outcome) == {"mixtral_8x7b_rw_restaurant": 1}
    assert [json.loads(each)["line"] for each in listed.read_text().splitlines()] == [2, 3, 4, 5]


def test_real_corpus(real_data, tmp_path):
    counts, outcome, listed = run([real_data / "corpus/mixtral_400.json"], tmp_path / "data")
    left = listed.read_text().splitlines()
    assert counts.lines == 400 == sum(kept(outcome).values()) + len(left)
    assert counts.bad == 0
    assert counts.told >= 388
    totals = collections.Counter()
    for config, number in kept(outcome).items():
        totals[config.split("_")[2]] += number
    assert totals["anl"] <= 180
    assert totals["anl"] + totals["rw"] == 400 - len(left)

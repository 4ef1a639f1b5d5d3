"""The browser's data: each sentence once, and what every system wrote about it."""

import json

from fsa_jax.experiments.report import examples
from fsa_jax.experiments.tables import make_table


def test_every_system_answers_the_sentences_in_one_order(filled):
    plan, store = filled
    found = examples.examples(make_table(plan, store.read()))
    assert set(found) == {"tsa_rest14", "asa_rest16"}
    task = found["tsa_rest14"]
    assert len(task["sentences"]) == 10
    assert task["sentences"][3] == ["word 3 is good", ["word 3 | positive"], ""]
    assert task["sentences"][4][2] == "i"
    verdicts = {s: [verdict for _, verdict in a] for s, a in task["systems"].items()}
    assert verdicts["plain"] == [1] * 4 + [0] * 6  # of the first seed, 42
    assert verdicts["distilled"] == [1] * 7 + [0] * 3


def test_what_could_not_be_read_is_shown_with_a_question_mark(filled):
    plan, store = filled
    answers = plan.answers[0]
    run = answers.stage.run_directories[42].path / "inference_eval"
    (file,) = run.glob("tsa_rest14-test-0*.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[0] |= {"parsed": [{"target": "word 0", "polarity": "positive"}], "unparsed": ["hm"]}
    del rows[1]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = examples.examples(make_table(plan, store.read()))["tsa_rest14"]
    plain = dict(
        zip([text for text, *_ in task["sentences"]], task["systems"]["plain"], strict=True)
    )
    assert plain["word 0 is good"] == [["word 0 | positive", "? hm"], 0]
    assert plain["word 1 is good"] is None  # it has no answer; another system has


def test_nothing_is_shown_before_anything_ran(make_plan):
    assert examples.examples(make_table(make_plan(), [])) == {}

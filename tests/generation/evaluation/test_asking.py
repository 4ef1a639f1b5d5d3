"""What LLMs are asked of the benchmark, and the rows that the scorer reads."""

import json

import pytest

from fsa_jax.opinions.questions import questions
from fsa_jax.opinions.scoring.counts import metrics
from fsa_jax.opinions.scoring.files import score_file
from fsa_jax.opinions.sentences import Opinion, Sentence
from generation import ledger
from generation.evaluation import asking, in_context
from generation.run_folder import RunFolder
from generation.teachers.base import Spec, identity
from generation.teachers.label_scores import LabelScore, to_response


@pytest.mark.parametrize(
    ("task", "said", "accuracy"),
    [
        ("tsc_rest14", "Positive.", 50),
        ("tsc_rest14", "I cannot say", 0),
        ("tsc_rest14", "It is not positive, it is negative", 50),
        ("tsc_rest14", "conflict", 0),
        ("asc_rest16", "conflict", 0),
        ("asc_rest16", "The words conflict: negative", 50),
    ],
)
def test_accuracy_is_over_all_questions(task, said, accuracy, tmp_path):
    """Two questions, a positive and a negative unit; the same is said to both."""
    text = "Good tea , bad food ."
    opinions = [
        Opinion(target, start, start + len(target), category, polarity)
        for target, start, category, polarity in (
            ("tea", 5, "DRINKS#QUALITY", "positive"),
            ("food", 15, "FOOD#QUALITY", "negative"),
        )
    ]
    asked = list(questions(task, [(Sentence("1", text, tuple(opinions)), False)]))
    path = tmp_path / "rows.jsonl"
    rows = [asking.prediction_row(task, question, said, "") for question in asked]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = metrics(score_file(path).sums())
    assert found["f1"] == found["strict_f1"] == found["precision"] == accuracy
    assert found["parse_failure_rate"] == (0 if any(len(row["parsed"]) for row in rows) else 100)


def test_unknown_task_and_missing_files(tmp_path):
    for task in ("tsa_rest16", "tsa", "quad_rest14"):
        with pytest.raises(ValueError, match="use one of tsa_rest14, tsa_laptop14, asa_rest16"):
            asking.ask(task, "test", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"train\.json does not exist"):
        asking.ask("tsa_rest14", "train", tmp_path)
    with pytest.raises(ValueError, match="--split is 'all'; use train, validation"):
        asking.ask("tsa_rest14", "all", tmp_path)


def test_dev_is_the_validation_split(data):
    mine, same = (asking.ask("tsa_rest14", name, data) for name in ("dev", "validation"))
    assert mine == same


def test_the_sum_over_a_labels_tokens_decides_or_their_mean(tmp_path):
    """A label of many probable tokens: the paper's sum passes it over, the mean takes it."""
    sentence = Sentence("1", "Good tea .", (Opinion("tea", 5, 8, None, "neutral"),), True)
    asked = list(questions("tsc_rest14", [(sentence, False)]))
    prompt, folder = in_context.label_prompt("tsc_rest14"), RunFolder(tmp_path)
    spec = Spec("t", "vllm", "m", "", {})
    review = asking.as_review(asked[0], "tsc_rest14")
    key = ledger.request_key(asked[0].id, prompt.messages(review), identity(spec, prompt))
    scores = {"positive": LabelScore(-2.0, 1), "neutral": LabelScore(-2.5, 5)}
    answer = {"status": "ok", "reason": "", "attempts": 1, "finish_reason": "stop", "usage": {}}
    answer["response"] = to_response(scores)
    with ledger.Ledger(folder.shard(1, 2).ledger) as book:  # as of a run over a cluster
        book.append(ledger.new_row(key, review, "tsc_rest14", "t", "m", "", **answer))

    def predicted(per_token):
        path = asking.write_predictions("tsc_rest14", asked, prompt, spec, folder, per_token)
        (line,) = path.read_text().splitlines()
        return json.loads(line), metrics(score_file(path).sums("implicit"))["f1"]

    row, accuracy = predicted(per_token=False)
    assert (row["raw"], accuracy) == ("positive", 0)
    assert row["label_scores"] == {"positive": -2.0, "neutral": -2.5}
    assert row["reason"] == "(tea, neutral): polarity predicted as 'positive'"
    row, accuracy = predicted(per_token=True)
    assert (row["raw"], accuracy) == ("neutral", 100)
    assert row["label_scores"] == {"positive": -2.0, "neutral": -0.5}


@pytest.mark.parametrize("reason", ["", "no_tokens: the label 'conflict' adds no token"])
def test_a_question_without_scores_is_a_wrong_answer_with_its_reason(tmp_path, reason):
    sentence = Sentence("1", "Good tea .", (Opinion("tea", 5, 8, None, "positive"),))
    (asked,) = questions("tsc_rest14", [(sentence, False)])
    review = asking.as_review(asked, "tsc_rest14")
    found = reason and ledger.new_row(
        "0", review, "p", "t", "m", "", status="failed", reason=reason, attempts=1, response=None,
        finish_reason=None, usage={},
    )  # fmt: skip
    row = asking.scored_row("tsc_rest14", asked, found or None, per_token=False)
    assert (row["reason"], row["parsed"]) == (reason or "not asked", [])
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    assert metrics(score_file(tmp_path / "rows.jsonl").sums())["f1"] == 0

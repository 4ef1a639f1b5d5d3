"""Scores of labels from a scripted service: both ways, and services that tell nothing."""

import dataclasses
import json

import pytest

from generation import foreground, ledger
from generation.prompting import LabelPrompt
from generation.run import Options
from generation.teachers.base import ServiceError
from generation.teachers.label_scores import LabelScore, read_response
from generation.teachers.services import openai_scorer
from generation.teachers.services.faults import BrokenAnswerError

PROMPT = LabelPrompt(
    "tsc_rest14", "1", "label", "Sentence: {input review}\nLabel:", {},
    labels=("negative", "neutral", "positive"),
)  # fmt: skip


@pytest.fixture
def score(write_reviews, tmp_path, choice):
    """Returns a function that lets a server score labels behind reviews; counts and rows."""

    def run(server, *more, folder="run", **flags):
        task = Options(write_reviews(6, *more), tmp_path / folder, (PROMPT,))
        task = dataclasses.replace(task, max_failure_rate=1, **flags.pop("options", {}))
        asked = choice(server, by_probability=True, **flags)
        progress = foreground.generate(asked, task, quiet=True)
        return progress, list(ledger.rows(task.files.ledger))

    return run


@pytest.mark.parametrize("way", ["echo", "prompt_logprobs"])
def test_scores_are_those_of_the_labels_tokens(serve, score, way):
    server = serve(scores=way)
    progress, rows = score(server)
    assert progress.statuses == {"ok": 6}
    expected = {label: LabelScore(-(len(label) + 1) / 8, 1) for label in PROMPT.labels}
    assert all(read_response(row.response) == expected for row in rows)
    asked = server.counts()["asked"]
    for row in rows:
        short = f"Sentence: {row.review}\nLabel:"
        assert all(asked[text] == 1 for text in (short, *(f"{short} {n}" for n in PROMPT.labels)))
    # A label, the prompt alone, and a token that nobody looks at for each.
    assert rows[0].usage["completion_tokens"] == len(PROMPT.labels) + 1
    again, _ = score(server)
    assert (again.kept, again.written) == (6, 0)
    assert server.counts()["asked"].keys() - asked.keys() == set()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({}, r"prompt_logprobs: not_found: .*; echo and logprobs: not_found: "),
        ({"scores": "none"}, r"echo and logprobs: broken_answer: the prompt is not echoed"),
        (
            {"scores": "echo", "written": -7.25},
            r"echo and logprobs: -0.62 for a token that the service has written with -7.25",
        ),
    ],
)
def test_a_service_without_log_probabilities_is_refused_at_the_start(serve, score, script, words):
    server = serve(**script)
    with pytest.raises(ValueError, match=words) as refused:
        score(server)
    assert f"{server.url} gives no log-probabilities of a prompt's tokens (" in str(refused.value)
    assert str(refused.value).endswith("serve the model by vLLM, or take --by generation")
    assert "\n" not in str(refused.value)
    assert all("The food was good." in text for text in server.counts()["asked"])


def test_faults_of_the_probe_are_the_services_own(serve, score):
    with pytest.raises(ValueError, match="check the key"):
        score(serve(scores="echo", key="right"))
    with pytest.raises(ServiceError, match="running"):
        score(dataclasses.make_dataclass("Gone", ["url"])("http://127.0.0.1:9/v1"))


def test_one_question_fails_and_the_rest_goes_on(serve, score):
    bad = {"review_id": "bad", "domain": "laptop", "rating": 3, "source": "x", "text": "poison"}
    server = serve(scores="echo", poison="poison")
    progress, rows = score(server, bad)
    assert progress.statuses == {"ok": 6, "failed": 1}
    assert {row.reason for row in rows if row.status == "failed"} == {
        "bad_request: HTTP 400 this row is bad"
    }
    server.rescript({"scores": "echo"})
    progress, _ = score(server, bad, options={"retry_failed": True})
    assert (progress.statuses, progress.written) == ({"ok": 7}, 1)


def test_a_label_that_is_no_token_is_told_for_each_question(serve, score):
    """The probe does not see it: it asks about labels of its own."""
    _, rows = score(serve(scores="prompt_logprobs", mute="neutral"))
    assert {(row.status, row.reason) for row in rows} == {
        ("failed", "no_tokens: the label 'neutral' adds no token to the prompt; use another model")
    }


def test_costs_are_counted(serve, score):
    prices = {"price_prompt": 1.0, "price_completion": 2.0}
    progress, rows = score(serve(scores="echo"), **prices)
    usage = [row.usage for row in rows]
    cost = sum(u["prompt_tokens"] + 2 * u["completion_tokens"] for u in usage) / 1e6
    assert progress.cost == pytest.approx(cost)
    assert json.dumps(usage)


def test_an_echo_whose_numbers_do_not_add_up_is_none():
    """As of llama-cpp-python 0.3, which leaves the written token out."""
    choice = {"logprobs": {"tokens": ["a", "b", "c"], "token_logprobs": [None, -1.0, -2.0]}}
    read = openai_scorer.read_echo
    assert read(choice, {"prompt_tokens": 2, "completion_tokens": 1}) == (["a", "b"], [None, -1.0])
    assert read(choice, {}) == (["a", "b"], [None, -1.0])
    # Nothing was written, for the answer was at its end.
    whole = read(choice, {"prompt_tokens": 3, "completion_tokens": 0})
    assert whole == (["a", "b", "c"], [None, -1.0, -2.0])
    with pytest.raises(BrokenAnswerError, match="3 log-probabilities for 3 tokens of the prompt"):
        read(choice, {"prompt_tokens": 3, "completion_tokens": 1})


@pytest.mark.parametrize(
    ("text", "is_read"),
    [("Label: good.", True), ("Label: good. And", False)],
)
def test_a_token_that_begins_prompts_may_be_counted_and_not_echoed(text, is_read):
    """llama-cpp-python leaves it out; where a token at the end is missing, nothing is in place."""
    counts = {"prompt_tokens": 4, "completion_tokens": 1}
    logprobs = {"tokens": ["Label", ":", " good", "."], "token_logprobs": [None, -1.0, -2.0, -3.0]}
    choice = {"text": text, "logprobs": logprobs}
    if is_read:
        tokens, values = openai_scorer.read_echo(choice, counts)
        assert (tokens, values) == (["Label", ":", " good"], [None, -1.0, -2.0])
    else:
        with pytest.raises(BrokenAnswerError, match="4 log-probabilities for 4 tokens"):
            openai_scorer.read_echo(choice, counts)

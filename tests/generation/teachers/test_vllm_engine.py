"""The vllm teacher, and the openai teacher over `vllm serve`, with a tiny random Llama on the CPU.

They run in vLLM's own environment (`make test-vllm`), and are skipped elsewhere. What a random
model writes is nonsense, so that rows end as filtered; what is tested is that each row ends, once,
with the answer that its key decides.
"""

import collections
import dataclasses
import importlib.util
import json
import sys

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vLLM is not installed; see `make test-vllm`"
)

CHILD = """
import json, pathlib, sys
from generation import prompting, foreground
from generation.run import Options
from generation.teachers.factory import Choice
if __name__ == "__main__":
    choice, reviews, folder = json.loads(sys.argv[1])
    task = Options(pathlib.Path(reviews), pathlib.Path(folder), tuple(prompting.load_all("anl,rw")))
    foreground.generate(Choice(**choice), task, quiet=True)
"""


@pytest.fixture
def run_child(kill_at):
    """Returns a function that runs in a process of its own, and kills it at so many rows."""

    def run(choice, task, kill_after=None):
        arguments = json.dumps([dataclasses.asdict(choice), str(task.reviews), str(task.folder)])
        script = task.folder.parent / "child.py"
        script.write_text(CHILD)
        kill_at([sys.executable, script, arguments], task.files.ledger, kill_after)

    return run


def rows_of(task):
    from generation import ledger

    return list(ledger.rows(task.files.ledger))


@pytest.fixture
def offline(llama):
    from generation.teachers.factory import Choice

    engine = {"dtype": "float32", "max_model_len": 2048, "enforce_eager": True, "window": 32}
    return Choice("tiny", "vllm", str(llama), sampling={"max_tokens": 24}, engine=engine)


def test_offline_engine_killed_and_resumed(offline, write_reviews, options, run_child):
    long = {
        "review_id": "long",
        "domain": "laptop",
        "rating": 1,
        "text": "word " * 20_000,
        "source": "x",
    }
    reviews = write_reviews(40, long)
    whole, killed = options(reviews, "whole"), options(reviews, "killed")
    run_child(offline, whole)
    run_child(offline, killed, kill_after=25)
    first = len(rows_of(killed))
    assert 25 <= first < 82
    run_child(offline, killed)
    expected = {row.key: row for row in rows_of(whole)}
    found = rows_of(killed)
    assert len(found) == len({row.key for row in found}) == len(expected) == 82
    assert {row.reason.split(":")[0] for row in found if row.review_id == "long"} == {"too_long"}
    answered = [row for row in found if row.response is not None]
    assert len(answered) == 80
    assert {row.status for row in answered} <= {"ok", "filtered"}
    assert all(row.usage["completion_tokens"] <= 24 for row in answered)
    equal = sum(row.response == expected[row.key].response for row in answered) / len(answered)
    print(json.dumps({"rows kept": first, "share of answers equal": equal}))
    # Seeds go with keys; what is left is the rounding of other batches.
    assert equal >= 0.9


def test_prompts_go_through_the_chat_template(
    offline, write_reviews, options, monkeypatch, vllm_environment
):
    from generation.prompting import load
    from generation.records import read_reviews
    from generation.teachers import factory
    from generation.teachers.base import Request

    for name, value in vllm_environment.items():
        monkeypatch.setenv(name, value)
    teacher = factory.make(offline, options(write_reviews(1)).folder)
    teacher.check()
    try:
        review = next(iter(read_reviews(write_reviews(1))))
        request = Request("0" * 64, review, load("rw"), load("rw").messages(review))
        tokenizer = teacher._llm.get_tokenizer()
        text = tokenizer.decode(teacher._tokens(request))
        assert text.startswith("<s>user: Rewrite a user review")
        assert text.endswith(f"Review: {review.text}\nassistant: ")
    finally:
        teacher.close()


@pytest.mark.parametrize("served", [False, True])
def test_structured_output_makes_a_judge_of_any_model(
    offline, write_reviews, options, request, vllm_environment, monkeypatch, served
):
    """A random model writes the six scores, in their form; which ones is chance."""
    from generation import foreground
    from generation.judge import asking, criteria

    for name, value in vllm_environment.items():
        monkeypatch.setenv(name, value)
    sampling = asking.SAMPLING | {"temperature": 1.0, "max_tokens": 500}
    choice = dataclasses.replace(offline, sampling=sampling)
    if served:
        url = request.getfixturevalue("vllm_server")
        choice = dataclasses.replace(choice, backend="openai", model="tiny", base_url=url)
    task = dataclasses.replace(options(write_reviews(8)), prompts=(asking.prompt(),))
    progress = foreground.generate(choice, task, quiet=True)
    assert progress.statuses == {"ok": 8}
    found = [criteria.read_scores(row.response) for row in rows_of(task)]
    assert len({tuple(scores.values()) for scores in found}) > 1


def test_missing_model(write_reviews, options, tmp_path):
    from generation import foreground
    from generation.teachers.factory import Choice

    choice = Choice("tiny", "vllm", str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="vLLM cannot load"):
        foreground.generate(choice, options(write_reviews(1)), quiet=True)


def test_openai_teacher_over_vllm_serve(vllm_server, write_reviews, options):
    from generation import foreground
    from generation.teachers.factory import Choice

    choice = Choice(
        "tiny",
        "openai",
        "tiny",
        base_url=vllm_server,
        sampling={"max_tokens": 24},
        concurrency=8,
    )
    task = options(write_reviews(20))
    progress = foreground.generate(choice, task, quiet=True)
    assert progress.written == 40
    assert set(progress.statuses) <= {"ok", "filtered"}
    reasons = collections.Counter(row.reason for row in rows_of(task))
    assert reasons["length"] > 30
    with pytest.raises(ValueError, match="no model 'tinny'; it has tiny"):
        foreground.generate(dataclasses.replace(choice, model="tinny"), options(task.reviews, "x"))

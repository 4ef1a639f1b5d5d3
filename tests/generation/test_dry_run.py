"""What a dry run counts is what the run itself would ask."""

import dataclasses
import json

import pytest
import sentencepiece

from generation import dry_run, foreground, ledger, records, run
from generation.teachers import factory
from generation.teachers.factory import Choice
from generation.teachers.presets import Price

SPEC = factory.describe(Choice())[0]


def counts(task, **more):
    found = dry_run.estimate(task, SPEC, None, 1, **more)
    return found.requests, found.kept


def test_tokens_are_guessed_by_length_without_a_tokenizer():
    count = dry_run.token_counter(None)
    assert count("x" * 400) == round(400 / run.CHARACTERS_PER_TOKEN)
    assert count("") == 0


def test_tokens_are_counted_by_either_kind_of_tokenizer(tmp_path, vocabulary_file):
    tokenizers = pytest.importorskip("tokenizers")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary_file))
    text = "The wine list is great"
    assert dry_run.token_counter(vocabulary_file)(text) == len(pieces.encode(text))
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0}, unk_token="?"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    assert dry_run.token_counter(tmp_path / "tokenizer.json")(text) == 5


@pytest.mark.parametrize("content", ["", "{}\n\n", "<html>"])
@pytest.mark.parametrize("name", ["tokenizer.json", "spiece.model"])
def test_what_is_no_tokenizer_is_refused_in_one_line(tmp_path, name, content):
    path = tmp_path / name
    with pytest.raises(FileNotFoundError, match="does not exist"):
        dry_run.token_counter(path)
    path.write_text(content)
    with pytest.raises(ValueError, match=f"{name} is no tokenizer .*; name a tokenizer.json") as no:
        dry_run.token_counter(path)
    assert "\n" not in str(no.value)


def test_what_earlier_runs_ended_is_not_asked_again(write_reviews, options):
    task = options(write_reviews(4), prompt="rw")
    assert counts(task) == (4, 0)
    foreground.generate(Choice(), task, quiet=True)
    more = options(write_reviews(6), prompt="rw")
    assert counts(more) == (2, 4)


def test_failures_are_asked_again_where_the_run_would_do_so(write_reviews, options):
    task = options(write_reviews(4), prompt="rw")
    foreground.generate(Choice(), task, quiet=True)
    first, *rest = ledger.rows(task.files.ledger)
    failed = dataclasses.replace(first, status=records.FAILED, reason="timeout", response=None)
    task.files.ledger.write_text("".join(row.to_json() + "\n" for row in [failed, *rest]))
    assert counts(task) == (0, 4)
    assert counts(dataclasses.replace(task, retry_failed=True)) == (1, 3)


def test_the_very_same_review_is_asked_once(write_reviews, options):
    again = [json.loads(line) for line in write_reviews(3).read_text().splitlines()]
    task = options(write_reviews(5, *again), prompt="rw")
    assert counts(task) == (5, 0)
    assert foreground.generate(Choice(), task, quiet=True).written == 5
    assert counts(task) == (0, 5)


def test_shards_have_their_parts(write_reviews, options):
    reviews = write_reviews(30)
    parts = [counts(options(reviews, shard=shard, shards=3))[0] for shard in range(3)]
    assert sum(parts) == 60
    assert all(parts)


def test_cost_and_time_are_those_of_the_tokens_and_of_the_service(write_reviews, options):
    task = options(write_reviews(5))
    service, _ = factory.describe(Choice("gpt35"))
    price = Price(1.0, 10.0)
    found = dry_run.estimate(task, service, price, concurrency=2)
    assert found.requests == 10
    assert found.prompt_tokens > 10 * 100
    low, high = found.completion_tokens
    assert 0 < low < high
    assert found.cost == (
        price.cost(found.prompt_tokens, low),
        price.cost(found.prompt_tokens, high),
    )
    slow = dry_run.estimate(task, service, None, concurrency=1)
    assert slow.cost is None
    assert slow.seconds == pytest.approx([2 * seconds for seconds in found.seconds])
    assert dry_run.estimate(task, SPEC, None, 1).seconds is None


def test_the_first_prompts_are_shown_with_their_tokens(write_reviews, options):
    task = options(write_reviews(5), prompt="rw")
    found = dry_run.estimate(task, SPEC, None, 1)
    assert len(found.examples) == dry_run.SHOWN
    reviews = records.read_reviews(task.reviews)
    for (messages, tokens), review in zip(found.examples, reviews, strict=False):
        assert messages == task.prompts[0].messages(review)
        assert tokens == dry_run.token_counter(None)(messages[0]["content"])

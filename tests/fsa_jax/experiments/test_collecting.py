"""Finished stages and LLMs' files become rows of the store, once, with where they come from."""

import dataclasses

import pytest

from fsa_jax.experiments import collecting
from fsa_jax.experiments.store import Store

LLM = """
    tasks: [tsa_rest14, tsa_laptop14]
    subsets: [all, implicit]
    systems: [{name: nobody, predictions: gpt35}]
"""


def test_rows_are_sub_sets_and_seeds_of_a_stage(filled):
    plan, store = filled
    rows = [row for row in store.read() if row.metric == "f1" and row.system == "plain"]
    assert {(row.task, row.seed) for row in rows} == {
        (task, seed) for task in ("tsa_rest14", "asa_rest16") for seed in (42, 52)
    }
    # No sentence of these files is hard or has several sentiments: no row says 0 of nothing.
    assert {row.subset for row in rows} == {"all", "original", "implicit"}
    stage = next(a.stage for a in plan.answers if a.system.name == "plain")
    first = next(row for row in rows if row.task == "tsa_rest14" and row.seed == 42)
    assert (first.step, first.run_folder) == (1, str(stage.run_directories[42]))
    assert (first.config_key, first.data_fingerprint, first.code_version) == (
        stage.config_key,
        stage.data_fingerprint,
        stage.code,
    )


def test_what_is_there_is_not_scored_again(filled, monkeypatch):
    plan, store = filled
    before = store.read()
    monkeypatch.setattr(collecting, "score_file", lambda *_: pytest.fail("scored again"))
    assert all(collecting.collect(answers, plan, store) for answers in plan.answers)
    assert store.read() == before


def test_answers_of_an_llm_join_when_their_files_are_there(make_plan, tmp_path, predictions_writer):
    plan, store = make_plan(LLM), Store(tmp_path / "results.sqlite")
    rest, laptop = plan.answers
    assert not collecting.collect(rest, plan, store)
    assert collecting.prediction_file(rest, 0) is None
    file = rest.folder / "tsa_rest14-test-000000.jsonl"
    predictions_writer(file, "tsa_rest14", right=5)
    assert collecting.collect(rest, plan, store)
    assert not collecting.collect(laptop, plan, store)
    assert collecting.prediction_file(rest, 0) == file
    (row,) = [r for r in store.read() if r.metric == "f1" and r.subset == "all"]
    assert (row.system, row.task, row.seed, row.step) == ("nobody", "tsa_rest14", 0, -1)
    assert row.value == pytest.approx(200 / 3)  # five of ten found, none wrong
    assert row.config_key.startswith("predictions ")


def test_other_answers_of_an_llm_are_another_origin(make_plan, tmp_path, predictions_writer):
    plan, store = make_plan(LLM), Store(tmp_path / "results.sqlite")
    answers = plan.answers[0]
    file = answers.folder / "tsa_rest14-test-000000.jsonl"
    for right in (5, 6):
        predictions_writer(file, "tsa_rest14", right)
        collecting.collect(answers, plan, store)
    rows = [r for r in store.read() if r.metric == "f1" and r.subset == "all"]
    assert len({collecting.origin(answers, plan), *((r.config_key, "", "") for r in rows)}) == 3
    assert len(rows) == 2


def test_broken_answers_leave_no_row(make_plan, tmp_path, predictions_writer):
    plan, store = make_plan(LLM), Store(tmp_path / "results.sqlite")
    answers = plan.answers[0]
    file = answers.folder / "tsa_rest14-test-000000.jsonl"
    predictions_writer(file, "tsa_rest14", right=5)
    file.write_text(file.read_text() + '{"id": "cut')
    with pytest.raises(ValueError, match=r"tsa_rest14-test-000000\.jsonl"):
        collecting.collect(answers, plan, store)
    assert store.read() == []


def test_students_without_a_stage_have_no_answers(filled):
    plan, store = filled
    nobody = dataclasses.replace(plan.answers[0], stage=None, folder=None)
    assert not collecting.collect(nobody, plan, store)

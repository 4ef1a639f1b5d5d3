"""Seeds come from manifests: steps of one run are none, nor are two systems of one seed."""

import json

import pytest

from fsa_jax.opinions.scoring import sources
from fsa_jax.opinions.scoring.files import score_paths
from fsa_jax.opinions.scoring.rows import prediction_row
from fsa_jax.opinions.units import TSA
from fsa_jax.runtime.run_directory import RunDirectory

GOLD = [{"target": "food", "polarity": "positive", "start": 0, "end": 4}]


def answers(right, sentences=4, first=0):
    """Rows of predictions, of which some are right."""
    return [
        prediction_row(
            "tsa_probe",
            TSA,
            "food | positive" if number < right else "food | negative",
            GOLD,
            "food was fine",
            id=str(first + number),
        )
        for number in range(sentences)
    ]


@pytest.fixture
def make_run():
    """``make_run(folder, seed, steps, best)`` writes a run that was evaluated at some steps."""

    def make(folder, seed, steps, best=None):
        run = RunDirectory(folder)
        facts = {"best_metric": "f1" if best else None}
        run.write_manifest(facts | ({} if seed is None else {"seed": seed}))
        for step, right in steps.items():
            run.write_evaluation("tsa_probe", step, {"f1": 25.0 * right}, answers(right))
            run.write_evaluation("tsa_probe-test", step, {"f1": 0.0}, answers(right, first=10))
            if best:
                state = run.checkpoint(step)
                (state / "state").mkdir(parents=True)
                (state / "state" / "_METADATA").touch()
                (state / "metrics").mkdir()
                score = {"f1": 100.0 if step == best else 1.0}
                (state / "metrics" / "metrics").write_text(json.dumps(score))
        return run

    return make


def steps_of(found):
    return {name: [s.source.step for s in seeds] for name, seeds in found.items()}


@pytest.mark.parametrize("inside", ["", "inference_eval"])
def test_of_a_run_its_best_step_counts(tmp_path, make_run, inside):
    make_run(tmp_path / "run", 42, {100: 1, 200: 4, 300: 2}, best=200)
    found = score_paths([tmp_path / "run" / inside])
    assert steps_of(found) == {"tsa_probe": [200], "tsa_probe-test": [200]}
    (scored,) = found["tsa_probe-test"]
    assert sources.describe([scored.source]) == f"step 200 of {tmp_path / 'run'}, seed 42"


def test_of_a_run_that_kept_no_best_the_step_that_was_tested_counts(tmp_path, make_run):
    run = make_run(tmp_path / "run", 42, {100: 1})
    run.write_evaluation("tsa_probe", 200, {"f1": 50.0}, answers(2))
    assert steps_of(score_paths([tmp_path / "run"])) == {
        "tsa_probe": [100],
        "tsa_probe-test": [100],
    }


@pytest.mark.parametrize("names", ["*-test-*.jsonl", "tsa_probe-0*.jsonl", "*.jsonl"])
def test_steps_of_one_run_are_no_seeds(tmp_path, make_run, names):
    run = make_run(tmp_path / "run", 42, {100: 1, 200: 4}, best=200)
    with pytest.raises(ValueError, match="are steps of one run, not seeds") as caught:
        score_paths(sorted((tmp_path / "run" / "inference_eval").glob(names)))
    message = str(caught.value)
    assert "000100.jsonl and" in message
    assert message.endswith(f"name one of them, or {run} for its best")


def test_all_seeds_of_a_run_are_taken_and_ordered(tmp_path, make_run):
    for seed, right in ((62, 1), (7, 2), (42, 4)):
        make_run(tmp_path / "run" / f"seed_{seed}", seed, {100: right, 200: 1}, best=100)
    found = score_paths([tmp_path / "run"])
    assert [scored.source.seed for scored in found["tsa_probe-test"]] == [7, 42, 62]
    line = sources.describe([scored.source for scored in found["tsa_probe-test"]])
    assert line == "seeds by the runs' manifests: 7 (step 100), 42 (step 100), 62 (step 100)"
    # The same, named one by one, or twice.
    folders = [tmp_path / "run" / f"seed_{seed}" for seed in (62, 42, 7)]
    again = score_paths([*folders, *folders, tmp_path / "run"])
    assert [scored.source.seed for scored in again["tsa_probe-test"]] == [7, 42, 62]


def test_two_systems_of_one_seed_are_no_seeds(tmp_path, make_run):
    make_run(tmp_path / "a", 42, {100: 1})
    make_run(tmp_path / "b", 42, {100: 2})
    with pytest.raises(ValueError, match="both of seed 42, so they are two systems"):
        score_paths([tmp_path / "a", tmp_path / "b"])
    make_run(tmp_path / "c", 52, {100: 2})
    assert [s.source.seed for s in score_paths([tmp_path / "c", tmp_path / "a"])["tsa_probe"]] == [
        42,
        52,
    ]


def test_splits_of_the_same_sentences_stay_apart_in_runs(tmp_path, make_run):
    run = make_run(tmp_path / "run", 42, {100: 1})
    run.write_evaluation("tsa_probe-test_original", 100, {}, answers(1, first=10))
    names = {"tsa_probe", "tsa_probe-test", "tsa_probe-test_original"}
    assert set(score_paths([tmp_path / "run"])) == names


def test_files_of_no_run_are_taken_for_seeds_and_it_is_said(tmp_path, make_run):
    paths = [tmp_path / f"{name}.jsonl" for name in ("first", "second")]
    for path in paths:
        path.write_text("\n".join(map(json.dumps, answers(2, first=10))))
    (seeds,) = score_paths([tmp_path]).values()
    shown = sources.describe([scored.source for scored in seeds])
    assert shown == f"taken for seeds, for no manifest tells: {paths[0]}, {paths[1]}"
    assert sources.describe([seeds[0].source]) == ""
    make_run(tmp_path / "run", 42, {100: 1})
    mixed = score_paths([*paths, tmp_path / "run"])["tsa_probe-test"]
    line = sources.describe([scored.source for scored in mixed])
    assert line.startswith("seeds by the runs' manifests: 42 (step 100); taken for seeds")


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda folder: (folder / "run" / "manifest.json").write_text("{"), "is no JSON"),
        (lambda folder: (folder / "run" / "seed_1").mkdir(), None),
        (lambda folder: RunDirectory(folder / "run" / "seed_1").write_manifest({"seed": 1}), "and"),
    ],
)
def test_folders_that_cannot_be_told_are_refused(tmp_path, make_run, prepare, message):
    make_run(tmp_path / "run", 42, {100: 1})
    prepare(tmp_path)
    if message is None:  # an empty folder is no seed's run
        assert steps_of(score_paths([tmp_path / "run"]))["tsa_probe"] == [100]
        return
    with pytest.raises(ValueError, match=message):
        score_paths([tmp_path / "run"])


def test_draws_of_an_llm_are_seeds_by_their_folders(tmp_path):
    """As `fsa evaluate` leaves them, among ledgers and questions that are no predictions."""
    for seed in (42, 52):
        folder = tmp_path / f"seed_{seed}"
        folder.mkdir()
        write_rows = "".join(json.dumps(row) + "\n" for row in answers(seed // 20))
        (folder / "tsa_probe-predictions.jsonl").write_text(write_rows)
        for name in ("ledger-00000-of-00001.jsonl", "tsa_probe-questions.jsonl"):
            (folder / name).write_text('{"no": "prediction"}\n')
    (seeds,) = score_paths([tmp_path]).values()
    assert [seed.source.seed for seed in seeds] == [42, 52]
    assert sources.describe([seed.source for seed in seeds]) == "seeds by their folders: 42, 52"
    (one,) = score_paths([tmp_path / "seed_42"]).values()
    assert len(one) == 1

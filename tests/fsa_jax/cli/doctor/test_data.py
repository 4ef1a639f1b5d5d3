"""The vocabulary, the corpora and the benchmarks that are there."""

import json

import pytest

from fsa_jax.cli.doctor import data
from fsa_jax.cli.doctor.findings import NoAnswerError, State
from fsa_jax.runtime import files


def by_name():
    return {one.name: one for one in data.check_data(None)}


def test_the_vocabulary_is_read_as_training_reads_it(data_dir, vocabulary_file):
    one, digest = data.check_vocabulary()
    assert one.state is State.OK, one.found
    assert one.found.endswith(f" ids, from {vocabulary_file}")
    assert digest == files.sha256(vocabulary_file)


def test_a_vocabulary_that_is_not_there_is_broken(tmp_path, monkeypatch):
    monkeypatch.setenv("FSA_VOCABULARY", str(tmp_path / "none.model"))
    one, digest = data.check_vocabulary()
    assert (one.state, digest) == (State.BROKEN, None)
    assert one.found == f"{tmp_path}/none.model does not exist"
    assert one.fix.startswith("set FSA_VOCABULARY")


def test_a_tensorflow_that_does_not_load_is_broken(monkeypatch):
    def fail(*_):
        raise NoAnswerError("Illegal instruction")

    monkeypatch.setattr(data, "ask", fail)
    assert data.check_vocabulary()[0].found == "Illegal instruction"


@pytest.mark.parametrize(("value", "state"), [("", State.WARNING), ("/nowhere", State.BROKEN)])
def test_a_data_root_that_is_none_says_what_to_set(value, state, monkeypatch):
    monkeypatch.setenv("FSA_DATA_DIR", value)
    (one,) = data.check_data(None)
    assert one.state is state
    assert one.fix


def test_an_empty_data_root_says_how_to_fill_it(data_dir):
    found = by_name()
    for name in ("reviews", "corpora", "benchmarks"):
        assert found[name].state is State.ABSENT
        assert "fsa " in found[name].fix


def test_what_is_there_is_listed(data_dir):
    (data_dir / "reviews.jsonl").touch()
    for number in range(10):
        folder = data_dir / "understanding" / f"t{number}_anl_laptop" / "1.0.0"
        folder.mkdir(parents=True)
        manifest = {"splits": {"train": 40 + number}, "vocabulary": {"sha256": f"{number}"}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    (data_dir / "benchmarks").mkdir()
    (data_dir / "benchmarks" / "mine.json").touch()
    found = {one.name: one for one in data.check_data("0") if one.state is State.OK}
    assert found["reviews"].found == "reviews.jsonl"
    assert found["corpora"].found.startswith("t0_anl_laptop (40), t1_anl_laptop (41)")
    assert found["corpora"].found.endswith("and 2 more")
    assert found["benchmarks"].found == "mine"
    (warning,) = [one for one in data.check_data("0") if one.state is State.WARNING]
    assert warning.found.startswith("t1_anl_laptop, ")
    assert "t0" not in warning.found


def test_a_data_set_that_is_there_in_part_is_a_warning(data_dir, benchmark_writer):
    benchmark_writer(data_dir, "atsa/rest14", train=[], dev=[], test=[])
    found = by_name()
    assert "benchmarks" not in found
    assert found["tsa_rest14"].state is State.WARNING
    assert found["tsa_rest14"].fix == "put fsa/atsa/rest14/hard_test.json under $FSA_DATA_DIR"
    benchmark_writer(data_dir, "atsa/rest14", hard_test=[])
    assert by_name()["benchmarks"].found == "tsa_rest14"

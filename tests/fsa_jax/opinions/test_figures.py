"""Figures that documents quote: scores as the report shows them, time, processor and versions."""

import json

from fsa_jax.opinions import report
from fsa_jax.opinions.figures import write_figures
from fsa_jax.runtime import provenance


def systems():
    def run(seed, f1):
        facts = {"seed": seed, "git": f"commit {seed}", "steps": 20}
        scores = {"task-test": {"f1": f1, "strict_f1": 30.0}}
        return report.Run(facts, [(10, 3.0), (20, 2.5)], scores, {})

    return [
        report.System("distilled", [run(42, 50.006)]),
        report.System("seeds", [run(1, 40.0), run(2, 44.0)]),
        report.System("distillation", [report.Run({}, [], {}, {})]),
    ]


def test_figures_hold_scores_and_what_they_depend_on(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "processor", lambda: "A Processor (AVX2)")
    write_figures(systems(), tmp_path / "new" / "figures.json", "make x", 217)
    found = json.loads((tmp_path / "new" / "figures.json").read_text())
    one, seeds, none = found["systems"]
    assert one["scores"] == {"task-test": {"f1": 50.01, "strict_f1": 30.0}}
    assert (one["seeds"], one["steps"]) == ([42], [20])
    assert seeds["scores"]["task-test"]["f1"] == 42.0
    assert seeds["scores"]["task-test"]["f1_std"] == 2.83
    assert none["scores"] == {}
    assert found["machine"]["processor"] == "A Processor (AVX2)"
    assert (one["git"], seeds["git"]) == ("commit 42", "commit 1")
    assert "git" not in none
    assert found["load"] >= 0
    assert (found["command"], found["seconds"]) == ("make x", 217)


def test_versions_are_those_of_the_libraries_that_are_here(monkeypatch):
    monkeypatch.setattr(provenance, "_PACKAGES", ("numpy", "no-such-library"))
    assert list(provenance.versions()) == ["numpy"]

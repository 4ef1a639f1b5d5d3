"""Figures that documents quote are those of the files that the commands have written."""

import json

import pytest
from documents import DOCS, README

BENCHMARKS = json.loads((DOCS / "benchmarks.json").read_text())
QUICKSTART = json.loads((DOCS / "quickstart.json").read_text())
RESULTS = json.loads((DOCS / "results.json").read_text())
ZERO_SHOT = json.loads((DOCS / "results_zero_shot.json").read_text())


def where(machine):
    return f"{machine['processor']} with {machine['cores']} cores"


def text_of(path):
    return " ".join(path.read_text("utf-8").split())


def quickstart_quotes():
    """What is said of the quick start."""
    yield f"`make quickstart` on {where(QUICKSTART['machine'])}"
    yield f"took {QUICKSTART['seconds']:.0f} s after installation (load {QUICKSTART['load']:.1f})"
    for system in QUICKSTART["systems"]:
        (found,) = system["scores"].values()
        yield f"{system['name']} {found['mean']:.2f} ± {found['half_width']:.2f}"
    gap = QUICKSTART["systems"][1]["difference"]
    yield f"the difference, paired by seed, is {gap['mean']:.2f} ± {gap['half_width']:.2f}"


def benchmark_quotes():
    """What is said of speed."""
    decoding, training = BENCHMARKS["decoding"], BENCHMARKS["training"]
    for part in (decoding, training):
        yield f"on {where(part['machine'])}"
    yield f"decodes a test set {decoding['trained']['speed_ratio']:.2f} times as fast"
    yield f"scores label words {decoding['labels']['speed_ratio']:.2f} times as fast"
    ratios = training["speed_ratio"]
    yield f"learns {ratios['torch_float32']:.2f} times as many real target tokens a second"
    yield f"in {training['memory_ratio']['torch_float32']:.0%} of its memory"
    yield f"{ratios['t5x']:.2f} times as many as T5X's network"
    yield f"Its model FLOPs are {training['mfu']:.0%} of what"


@pytest.mark.parametrize("quote", [*quickstart_quotes(), *benchmark_quotes()])
def test_the_page_quotes_what_was_measured(quote):
    assert quote in text_of(DOCS / "measured.md")


def test_the_readme_quotes_the_quick_start():
    readme = text_of(README)
    scratch, distilled = QUICKSTART["systems"]
    (first,), (second,) = scratch["scores"].values(), distilled["scores"].values()
    gap = distilled["difference"]
    assert f"| from scratch | {first['mean']:.2f} ± {first['half_width']:.2f} |" in readme
    said = f"{second['mean']:.2f} ± {second['half_width']:.2f}"
    assert f"| distilled | {said} | {gap['mean']:.2f} ± {gap['half_width']:.2f} |" in readme
    where_and_when = f"on {where(QUICKSTART['machine'])} in {QUICKSTART['seconds']:.0f} s"
    assert f"By `make quickstart` {where_and_when}" in readme


def test_the_quick_start_was_measured_by_its_command():
    assert QUICKSTART["command"] == "make quickstart"
    assert [system["name"] for system in QUICKSTART["systems"]] == ["from scratch", "distilled"]
    assert all(BENCHMARKS[name]["machine"]["processor"] for name in BENCHMARKS)


def shown(figures):
    """A cell of a table of results: mean and half of its interval over seeds, where known."""
    if not figures:
        return "–"
    width = f" ± {figures['half_width']:.1f}" if "half_width" in figures else ""
    return f"{figures['mean']:.1f}{width}"


def result_rows():
    """The rows of the tables of results: an experiment's systems on one sub-set."""
    for found, subsets in ((RESULTS, ("all", "implicit", "multiple")), (ZERO_SHOT, ("all",))):
        for subset in subsets:
            for system in found["systems"]:
                cells = [v for k, v in system["scores"].items() if k.endswith(f" {subset}")]
                row = [system["name"], *map(shown, cells)]
                if subset == "all":
                    row.append(shown(system["difference"]))
                yield f"| {' | '.join(row)} |"


@pytest.mark.parametrize("row", [*result_rows()])
def test_the_page_of_results_shows_each_row_as_it_was_measured(row):
    assert row in (DOCS / "results.md").read_text("utf-8")

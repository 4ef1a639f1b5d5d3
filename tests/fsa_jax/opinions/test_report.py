"""The report reads what training leaves, and says what is missing."""

import json

import pytest

from fsa_jax.opinions import report


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    (folder / "train").mkdir(parents=True)
    (folder / "inference_eval").mkdir()
    write(folder / "train" / "metrics.jsonl", [{"step": s, "loss": 4.0 - s} for s in (1, 2)])
    scores = [{"step": s, "f1": 10.0 * s, "strict_f1": 9.0 * s} for s in (1, 2)]
    write(folder / "inference_eval" / "task-metrics.jsonl", scores)
    write(folder / "inference_eval" / "task-test-metrics.jsonl", scores[:1])
    hit = {"id": "a", "text": "<b>fine</b>", "gold": [["x", "positive"]], "raw": "x | positive"}
    miss = {**hit, "text": "poor", "raw": "nonsense", "reason": "no unit"}
    write(folder / "inference_eval" / "task-test-000001.jsonl", [hit, miss])
    return folder


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_page_holds_scores_pictures_and_escaped_predictions(run, tmp_path, capsys):
    page = tmp_path / "out" / "report.html"
    report.write_report([run, run], page, ["one", "two"])
    text = page.read_text()
    assert text.count("src='data:image/png;base64,") == 2
    assert "&lt;b&gt;fine&lt;/b&gt;" in text
    assert "<td class='miss'>no unit</td>" in text
    assert "<td class='hit'>right</td>" in text
    assert "task (dev)" in capsys.readouterr().out


def test_development_scores_are_those_of_the_checkpoint_that_was_tested(run):
    assert report.read_run(run).scores["task"]["f1"] == 10.0
    (run / "inference_eval" / "task-test-metrics.jsonl").unlink()
    assert report.read_run(run).scores["task"]["f1"] == 20.0  # the last


def test_no_run_directory_and_wrong_names_are_refused(run, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"lacks train/metrics\.jsonl"):
        report.write_report([tmp_path], tmp_path / "report.html")
    with pytest.raises(ValueError, match="1 names for 2 run"):
        report.write_report([run, run], tmp_path / "report.html", ["one"])

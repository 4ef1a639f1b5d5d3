"""The report reads what training leaves, and says what is missing."""

import json
import shutil

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
    (found,) = report.read_system(run).runs
    assert found.scores["task"]["f1"] == 10.0
    (run / "inference_eval" / "task-test-metrics.jsonl").unlink()
    (found,) = report.read_system(run).runs
    assert found.scores["task"]["f1"] == 20.0  # the last


def test_a_folder_of_seeds_is_one_system(run, tmp_path, capsys):
    for seed, f1 in ((42, 10.0), (7, 14.0), (62, 12.0)):
        folder = tmp_path / "seeds" / f"seed_{seed}"
        shutil.copytree(run, folder)
        write(folder / "inference_eval" / "task-test-metrics.jsonl", [{"step": 1, "f1": f1}])
        (folder / "manifest.json").write_text(json.dumps({"seed": seed}))
    system = report.read_system(tmp_path / "seeds")
    assert [found.seed for found in system.runs] == [7, 42, 62]
    assert system.summary("task-test")["f1"] == (12.0, 2.0)
    report.write_report([tmp_path / "seeds", run], tmp_path / "report.html")
    printed = capsys.readouterr().out
    assert "seeds (3 seeds)" in printed
    assert "12.00 ±2.00" in printed
    assert "12.00 ±2.00" in (tmp_path / "report.html").read_text()
    (tmp_path / "seeds" / "seed_8").mkdir()
    (tmp_path / "seeds" / "seed_8" / "manifest.json").write_text('{"seed": 7}')
    with pytest.raises(ValueError, match=r"seed_7 and .*seed_8 are both of seed 7"):
        report.read_system(tmp_path / "seeds")


def test_no_run_directory_and_wrong_names_are_refused(run, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"lacks train/metrics\.jsonl"):
        report.write_report([tmp_path], tmp_path / "report.html")
    with pytest.raises(ValueError, match="1 names for 2 run"):
        report.write_report([run, run], tmp_path / "report.html", ["one"])

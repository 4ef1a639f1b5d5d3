"""An LLM's scores: a file of their own, which is never taken for people's."""

import json

import pytest
from annotators import annotate, write

from generation.judge import scores
from generation.judge.criteria import NAMES
from generation.people import judging_report

ROW = {
    "judge": "gpt", "model": "m", "task": "t-1", "analysis": "a", "domain": "laptop", "words": 3,
    "scores": dict.fromkeys(NAMES, 1), "reason": "",
}  # fmt: skip


@pytest.fixture
def write_rows(tmp_path):
    def write(*rows):
        path = tmp_path / "llm-scores.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def test_scores_are_read_from_the_file_or_its_folder(write_rows):
    path = write_rows(ROW, ROW | {"scores": None, "reason": "length"})
    found = scores.read_scores(path)
    assert found == scores.read_scores(path.parent)
    assert [each.scores for each in found] == [ROW["scores"], None]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "is empty; name the --output-dir of `fsa judge ask`"),
        ([ROW, {"judge": "x"}], "line 2: field 'model' is missing; it is no score of an LLM"),
        ([ROW | {"scores": {"recall": 1}}], "line 1: unparseable: no precision"),
        ([ROW | {"scores": ROW["scores"] | {"recall": 7}}], "line 1: out_of_range: recall is 7"),
    ],
)
def test_a_file_that_is_no_scores_is_refused_by_its_line(write_rows, rows, words):
    with pytest.raises(ValueError, match=words):
        scores.read_scores(write_rows(*rows))


@pytest.mark.parametrize("count", [1, 2])
def test_the_report_of_people_refuses_an_llms_scores(write_rows, count):
    path = write_rows(*[ROW] * count)
    words = r"llm-scores.jsonl holds the scores of an LLM \('gpt'\), which never count as people's"
    with pytest.raises(ValueError, match=words):
        judging_report.report(path, None)


def test_people_are_not_refused(tasks):
    scores.refuse(write(tasks, annotate(tasks, lambda *_: 2)))

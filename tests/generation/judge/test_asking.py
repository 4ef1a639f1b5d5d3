"""What a judge is asked: the tasks that people get, one analysis at a time, blinded."""

import json

import pytest
from annotators import annotate, letters_of, write

from generation.judge import asking
from generation.judge.criteria import CRITERIA


def test_each_analysis_is_a_question_that_does_not_tell_whose_it_is(tasks):
    questions, problems = asking.read_tasks(tasks)
    assert (len(questions), problems) == (20, [])
    assert len({question.id for question in questions}) == 20
    first = json.loads(tasks.read_text())[0]["data"]
    (mine,) = [q for q in questions if (q.task, q.letter) == (first["task"], "a")]
    assert (mine.review, mine.analysis) == (first["review"], first["analysis_a"])
    assert mine.words == len(first["review"].split())
    system, user = asking.prompt().messages(mine.as_review())
    assert user["content"] == f"Review: {mine.review}\n\nAnalysis: {mine.analysis}"
    assert all(point in system["content"] for criterion in CRITERIA for point in criterion.points)
    whole = system["content"] + user["content"]
    teachers = {name for letters in letters_of(tasks).values() for name in letters.values()}
    assert teachers == {"good", "bad"}
    assert not any(f'"{teacher}"' in whole for teacher in teachers)
    (alone,) = asking.prompt().messages(mine.as_review(), instruction_role=False)
    assert alone["content"] == f"{system['content']}\n\n{user['content']}"


def test_an_export_of_the_tasks_will_do(tasks):
    export = write(tasks, annotate(tasks, lambda *_: 2))
    assert asking.read_tasks(export) == asking.read_tasks(tasks)


def test_a_task_that_is_none_costs_nothing_but_itself(tasks):
    rows = json.loads(tasks.read_text())
    other = {"data": rows[0]["data"] | {"review": "Another one."}}
    half = {"data": {name: rows[1]["data"][name] for name in ("task", "domain", "review")}}
    rows += [other, half, {"data": {"text": "x"}}, 7, dict(rows[2])]
    tasks.write_text(json.dumps(rows))
    questions, problems = asking.read_tasks(tasks)
    assert len(questions) == 20
    places = [problem.split(": ")[0].rsplit(", ", 1)[1] for problem in problems]
    assert places == ["task 11", "task 12", "task 13", "task 14"]
    assert "restaurant-0001 is there before, with other words" in problems[0]
    assert "none of `fsa humaneval export`" in problems[1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{}", "is no list of tasks; name the .json of `fsa humaneval export`"),
        ("[", "is not JSON"),
        ("[]", "no task counts; it is empty"),
        ('[{"data": {}}]', "no task counts; .*task 1: it is none of"),
    ],
)
def test_a_file_without_tasks_is_refused(tmp_path, content, words):
    path = tmp_path / "tasks.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=words):
        asking.read_tasks(path)

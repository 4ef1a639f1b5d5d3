"""The three projects in a real Label Studio: accepted, imported, annotated by two people, reported.

`make test-label-studio` names the program, which has an environment of its own, by
``FSA_LABEL_STUDIO``; elsewhere it is skipped. Pictures of the pages go where ``FSA_SCREENSHOTS``
says.
"""

import collections
import contextlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest
import typer.testing
from annotators import annotate, choice, marked
from label_studio_server import PASSWORD, Person, running
from scored_rows import make_rows
from scored_rows import write as write_rows

from fsa_jax.opinions.readers import load_file
from fsa_jax.opinions.scoring.rows import prediction_row
from fsa_jax.opinions.sentences import Opinion, Sentence
from fsa_jax.opinions.units import TSA, gold_units
from generation import commands
from generation.people import annotating, errors, label_studio
from generation.people.judgements import NAMES

PROGRAM = os.environ.get("FSA_LABEL_STUDIO")
# Whole, since tests work in folders of their own.
PICTURES = (
    os.environ.get("FSA_SCREENSHOTS") and pathlib.Path(os.environ["FSA_SCREENSHOTS"]).absolute()
)
pytestmark = pytest.mark.skipif(not PROGRAM, reason="see `make test-label-studio`")

CLI = typer.testing.CliRunner()
ANN, BOB = "ann@example.org", "bob@example.org"
BOTH = f"{ANN},{BOB}"

GOOD = Sentence(
    "good",
    "Good soup, slow service!",
    (
        Opinion("soup", 5, 9, "FOOD#QUALITY", "positive", "Good", 0, 4),
        Opinion("service", 16, 23, "SERVICE#GENERAL", "negative", "slow", 11, 15),
    ),
)
QUIET = Sentence(
    "quiet",
    "We sat for an hour.",
    (Opinion(category="SERVICE#GENERAL", polarity="negative"),),
    implicit=True,
)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Ann, who set the server up, and Bob, who signed up at it."""
    with (
        running(PROGRAM, tmp_path_factory.mktemp("studio"), ANN) as server,
        contextlib.closing(Person(server, ANN)) as ann,
        contextlib.closing(Person(server, BOB, is_new=True)) as bob,
    ):
        yield ann, bob


@pytest.fixture
def fsa(tmp_path, monkeypatch):
    """Returns a function that runs a command in a folder of its own; returns what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(app, *words):
        result = CLI.invoke(app, [str(word) for word in words])
        assert result.exit_code == 0, result.output
        return result.output

    return run


def project_of(person, tasks, config=None):
    """Makes a project of the files that a command wrote."""
    interface = (config or label_studio.Paths(tasks).config).read_text()
    return person.make_project(tasks.stem, interface, json.loads(tasks.read_text()))


def save_export(person, project, path):
    path.write_text(json.dumps(person.export(project)))
    return path


def annotation_project(fsa, people, folder, texts):
    """Makes a project in which restaurants' reviews are annotated."""
    reviews = folder / "reviews.jsonl"
    rows = [
        {"review_id": name, "domain": "restaurant", "rating": 3, "text": text}
        for name, text in texts.items()
    ]
    reviews.write_text("".join(json.dumps(row) + "\n" for row in rows))
    fsa(
        *(commands.annotate, "export", reviews, "--output-dir", folder / "a"),
        *("--count", len(texts), "--domain", "restaurant", "--annotators", BOTH),
    )
    return project_of(
        people[0], folder / "a" / "restaurant-01.json", folder / "a" / "restaurant.xml"
    )


def test_scores_by_two_people_make_table_3(folders, fsa, people, tmp_path):
    tasks = tmp_path / "tasks.json"
    fsa(
        *(commands.humaneval, "export", *folders, "--output", tasks, "--count", 3),
        *("--annotators", BOTH),
    )
    project = project_of(people[0], tasks)

    def score(teacher, name, who):
        if teacher == "bad":
            return {"precision": 1, "sentiment": 1}.get(name, 0)
        return 1 if (who, name) == (2, "recall") else 2

    given = {row["data"]["task"]: row["annotations"] for row in annotate(tasks, score)}
    for number, data in people[0].tasks(project):
        for person, annotation in zip(people, given[data["task"]], strict=True):
            person.annotate(number, annotation["result"])
    path = save_export(people[0], project, tmp_path / "annotations.json")
    printed = fsa(commands.humaneval, "report", path, "--output", "report.json")
    assert "12 analyses, 2 annotators" in printed
    found = json.loads((tmp_path / "report.json").read_text())
    good = dict.fromkeys(NAMES, 2.0) | {"recall": 1.5, "average": 11.5 / 6}
    bad = dict.fromkeys(NAMES, 0.0) | {"precision": 1.0, "sentiment": 1.0, "average": 2 / 6}
    for domain in ("restaurant", "laptop"):
        assert found["means"][domain]["good"] == pytest.approx(good)
        assert found["means"][domain]["bad"] == pytest.approx(bad)
    assert (found["problems"], found["absent"]) == ([], [])


def test_marks_of_two_people_are_merged_and_what_they_differ_in_is_decided(fsa, people, tmp_path):
    texts = {"r1": f"{GOOD.text} {QUIET.text}", "r2": GOOD.text}
    project = annotation_project(fsa, people, tmp_path, texts)
    marks = {"r1": marked(GOOD, QUIET), "r2": marked(GOOD)}
    other = json.loads(json.dumps(marks))
    for result in other["r2"]:
        if result.get("value", {}).get("choices") == ["negative"]:
            result["value"]["choices"] = ["neutral"]
    for number, data in people[0].tasks(project):
        for person, results in zip(people, (marks, other), strict=True):
            person.annotate(number, results[data["task"]])
    path = save_export(people[0], project, tmp_path / "export.json")
    output = tmp_path / "hard.json"
    printed = fsa(commands.annotate, "merge", path, "--output", output)
    assert "r2:0 (open, dropped): polarities: " in printed
    assert [s.opinions for s in load_file(output)] == [GOOD.opinions, QUIET.opinions]

    discussed = project_of(people[1], tmp_path / "hard.discuss.json")
    ((number, data),) = people[1].tasks(discussed)
    assert data["task"] == "r2"
    # Both people's marks are there to start from.
    drafts = people[1].get(f"/api/tasks/{number}")["predictions"]
    assert [len(draft["result"]) for draft in drafts] == [len(marks["r2"])] * 2
    people[1].annotate(number, other["r2"])
    decided = save_export(people[1], discussed, tmp_path / "decided.json")
    fsa(
        *(commands.annotate, "merge", path, "--reconciled", decided),
        *("--output", output, "--overwrite"),
    )
    found = load_file(output)
    assert [o.polarity for s in found for o in s.opinions] == [
        *("positive", "negative", "negative"),
        *("positive", "neutral"),
    ]
    assert [s.implicit for s in found] == [False, True, False]


def test_errors_sorted_by_two_people_make_table_7(fsa, people, tmp_path):
    predictions = write_rows(tmp_path / "t5.jsonl", make_rows(1, 12))
    tasks = tmp_path / "errors.json"
    fsa(commands.errors, "sample", f"t5={predictions}", "--output", tasks, "--annotators", BOTH)
    project = project_of(people[0], tasks)
    types = list(errors.TYPES)
    numbers = people[0].tasks(project)
    for index, (number, _) in enumerate(numbers):
        for who, person in enumerate(people):
            # The two differ in the first task alone.
            kind = types[2] if (index, who) == (0, 1) else types[index % 2]
            person.annotate(number, [choice(errors.TYPE, "prediction", kind)])
    path = save_export(people[0], project, tmp_path / "annotations.json")
    fsa(commands.errors, "report", path, "--output", "report.json")
    found = json.loads((tmp_path / "report.json").read_text())
    (row,) = found["rows"]
    # All that is wrong was drawn, so that shares are counts.
    counts = collections.Counter(types[index % 2] for index in range(len(numbers)))
    counts.update({types[0]: -0.5, types[2]: 0.5})
    assert {name: each["share"] for name, each in row["types"].items()} == pytest.approx(
        {name: counts[name] / 12 for name in types}
    )
    assert (row["judged"], found["problems"]) == (len(numbers), [])


@pytest.fixture
def in_the_pages(people, tmp_path):
    """Returns a function that lets Ann work in a browser."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("neither chromium nor google-chrome is on the path")

    def work(do, project, task, **what):
        about = {"server": people[0].server, "name": ANN, "password": PASSWORD, "browser": browser}
        picture = str((PICTURES or tmp_path) / f"people_{do}.png")
        about["tasks"] = [
            {"project": project, "task": task, "do": do, "with": what, "picture": picture}
        ]
        path = tmp_path / "work.json"
        path.write_text(json.dumps(about))
        program = pathlib.Path(__file__).parents[2] / "helpers" / "label_studio_pages.py"
        python = pathlib.Path(PROGRAM).with_name("python")
        subprocess.run([python, program, path], check=True, timeout=600)
        assert pathlib.Path(picture).stat().st_size > 10_000

    return work


def test_opinions_marked_in_the_page_are_those_of_the_merged_file(
    fsa, people, in_the_pages, tmp_path
):
    project = annotation_project(fsa, people, tmp_path, {"r1": GOOD.text})
    ((number, _),) = people[0].tasks(project)
    soup = GOOD.opinions[0]
    in_the_pages(
        *("annotate", project, number),
        target=soup.target,
        category=soup.category.split("#"),
        polarity=soup.polarity,
        words=soup.opinion,
    )
    people[1].annotate(number, marked(Sentence("x", GOOD.text, (soup,))))
    path = save_export(people[0], project, tmp_path / "export.json")
    fsa(commands.annotate, "merge", path, "--output", tmp_path / "merged.json")
    (sentence,) = load_file(tmp_path / "merged.json")
    assert sentence.opinions == (soup,)


def test_scores_given_in_the_page_are_those_of_the_report(
    folders, fsa, people, in_the_pages, tmp_path
):
    tasks = tmp_path / "tasks.json"
    fsa(commands.humaneval, "export", *folders, "--output", tasks, "--count", 1)
    project = project_of(people[0], tasks)
    given = annotate(tasks, lambda teacher, name, who: 1)
    results = {row["data"]["task"]: row["annotations"][1]["result"] for row in given}
    number, data = people[0].tasks(project)[0]
    passage = " ".join(data["review"].split()[:3])
    in_the_pages("judge", project, number, passage=passage, scores=[*"210121"] * 2)
    people[1].annotate(number, results[data["task"]])
    path = save_export(people[0], project, tmp_path / "annotations.json")
    fsa(commands.humaneval, "report", path, "--output", "report.json")
    found = json.loads((tmp_path / "report.json").read_text())
    means = dict(zip(NAMES, (1.5, 1.0, 0.5, 1.0, 1.5, 1.0), strict=True))
    means["average"] = sum(means.values()) / 6
    (by_teacher,) = found["means"].values()
    assert by_teacher["good"] == by_teacher["bad"] == pytest.approx(means)


def test_a_type_chosen_in_the_page_is_that_of_the_report(fsa, people, in_the_pages, tmp_path):
    gold = gold_units(GOOD, TSA)
    row = prediction_row("tsa_rest14", TSA, "service | positive", gold, GOOD.text, id="1")
    predictions = write_rows(tmp_path / "t5.jsonl", [row])
    tasks = tmp_path / "errors.json"
    fsa(commands.errors, "sample", f"t5={predictions}", "--output", tasks)
    project = project_of(people[0], tasks)
    ((number, _),) = people[0].tasks(project)
    kind = list(errors.TYPES)[2]
    in_the_pages("sort", project, number, kind=kind)
    path = save_export(people[0], project, tmp_path / "annotations.json")
    fsa(commands.errors, "report", path, "--output", "report.json")
    found = json.loads((tmp_path / "report.json").read_text())
    shares = {name: each["share"] for name, each in found["rows"][0]["types"].items()}
    assert shares == {name: float(name == kind) for name in errors.TYPES}


def test_an_interface_that_names_what_is_not_there_is_refused(people):
    wrong = annotating.interface("restaurant").replace('toName="text"', 'toName="nothing"')
    with pytest.raises(AssertionError, match="nothing"):
        people[0].make_project("wrong", wrong, [])

import contextlib
import json
import pathlib
import runpy
import subprocess
import sys
import urllib.request

import pytest

from generation import foreground, prompting, records
from generation.people import judging
from generation.reviews import cleaning, collecting, from_dumps
from generation.run import Options
from generation.teachers import factory
from generation.teachers.factory import Choice
from generation.world.reviews import draw_reviews

SERVER = pathlib.Path(__file__).with_name("scripted_server.py")


@pytest.fixture
def peak_gib() -> str:
    """An expression for a script's own peak memory in GiB.

    Not ``resource``'s ``ru_maxrss``: Linux hands that down from the process that starts the
    script, here one that may have run every other test before.
    """
    return "int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) / 2**20"


class Running:
    """A scripted server in a process of its own."""

    def __init__(self, script, folder):
        self.path = folder / "script.json"
        self.path.write_text(json.dumps(script))
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), str(self.path)], stdout=subprocess.PIPE, text=True
        )
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def counts(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/counts", timeout=10) as answer:
            return json.load(answer)

    def rescript(self, script):
        data = json.dumps(script).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/script", data=data)
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()


@pytest.fixture
def nonsense():
    """Returns a function that draws any JSON value."""
    return runpy.run_path(str(SERVER.with_name("misbehaviours.py")))["nonsense"]


@pytest.fixture
def serve(tmp_path):
    """Returns a function that starts a scripted server and ends it with the test."""
    with contextlib.ExitStack() as stack:

        def start(**script):
            server = Running(script, tmp_path)
            stack.enter_context(server.process)  # waits, and closes its output
            stack.callback(server.process.kill)
            return server

        yield start


@pytest.fixture
def make_teacher():
    """Returns ``factory.make``; what it made is closed with the test, also where a run died."""
    with contextlib.ExitStack() as stack:
        yield lambda *choice: stack.enter_context(contextlib.closing(factory.make(*choice)))


@pytest.fixture
def collect(tmp_path):
    """Returns a function that collects reviews from files, of any language and length if not said.

    Reviews and report come back.
    """
    anything = cleaning.Limits(min_words=1, max_words=10_000, english=False)
    everything = collecting.Sampling()

    def run(
        *paths,
        source="table",
        max_bad_fraction=0.0,
        limits=anything,
        sampling=everything,
        **flags,
    ):
        if source == "table":
            flags = {"domain": "laptop"} | flags
        output = tmp_path / "collected.jsonl"
        report = from_dumps.collect(
            from_dumps.Source(list(paths), source, **flags),
            output,
            limits,
            sampling,
            max_bad_fraction,
        )
        assert report.lines == report.written + report.dropped.total()
        return list(records.read_reviews(output)), report

    return run


@pytest.fixture
def write_reviews(tmp_path):
    """Returns a function that writes sample reviews, and any given besides, to a file."""

    def write(count, *more, name="reviews.jsonl"):
        path = tmp_path / name
        rows = [review.to_json() for review, _ in draw_reviews(count, 7)]
        rows += [json.dumps(row) for row in more]
        path.write_text("".join(row + "\n" for row in rows))
        return path

    return write


@pytest.fixture
def options(tmp_path):
    """Returns a function that makes a run's options."""

    def make(reviews, folder="run", prompt="anl,rw", **more):
        return Options(reviews, tmp_path / folder, tuple(prompting.load_all(prompt)), **more)

    return make


@pytest.fixture
def choice():
    """Returns a function that chooses the teacher behind a scripted server, with short waits."""

    def make(server, backend="openai", **more):
        more = {"first_wait": 0.02, "timeout": 20.0, "service": "scripted"} | more
        return Choice("scripted", backend, "scripted", base_url=server.url, **more)

    return make


@pytest.fixture
def runs(write_reviews, options):
    """Answers 120 reviews with the lexicon, in two shards; returns the folder."""
    reviews = write_reviews(120)
    for shard in range(2):
        task = options(reviews, shard=shard, shards=2)
        foreground.generate(Choice(), task, quiet=True)
    return task.folder


@pytest.fixture
def folders(write_reviews, options):
    """Lets the lexicon answer 30 reviews under two names; returns the folders."""
    reviews = write_reviews(30)
    found = []
    for teacher in ("good", "bad"):
        task = options(reviews, teacher)
        foreground.generate(Choice(teacher, "lexicon"), task, quiet=True)
        found.append(task.folder)
    return found


@pytest.fixture
def tasks(folders, tmp_path):
    """Lets people judge 5 reviews of each domain; returns the path of the tasks."""
    output = tmp_path / "tasks.json"
    judging.export(folders, output, 5)
    return output

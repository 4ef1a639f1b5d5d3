"""The Ray runner on a local Ray: the same ledgers as without it; dead workers lose nothing."""

import dataclasses
import os
import signal
import threading
import time

import pytest

from generation import foreground, ledger
from generation.corpus import from_ledgers
from generation.run_folder import RunFolder
from generation.teachers.factory import Choice

pytest.importorskip("ray")

from generation import ray_runner


def answers(folder, shards):
    rows = [
        row for n in range(shards) for row in ledger.rows(RunFolder(folder).shard(n, shards).ledger)
    ]
    assert len({row.key for row in rows}) == len(rows)
    return {row.key: row.response for row in rows}


def lines(folder):
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("ledger-*.jsonl"))


@pytest.mark.filterwarnings("ignore")
def test_same_ledgers_and_dead_workers(serve, write_reviews, options, choice, monkeypatch):
    import ray

    # Workers import the package and the tests' environment from here.
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    server = serve(latency=0.1)
    reviews = write_reviews(60)
    chosen = choice(server, concurrency=4)
    plain = options(reviews, "plain")
    foreground.generate(chosen, plain, quiet=True)
    spread = options(reviews, "spread")
    cluster = ray_runner.Cluster(workers=2, shards=4, cpus=1)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        killed = []

        def kill_a_worker():
            while lines(spread.folder) < 20:
                time.sleep(0.02)
            for worker in ray_workers():
                killed.append(worker)
                os.kill(worker, signal.SIGKILL)
                return

        thread = threading.Thread(target=kill_a_worker)
        thread.start()
        progress = ray_runner.generate(chosen, spread, cluster)
        thread.join()
    finally:
        ray.shutdown()
    assert killed
    assert progress.left == 0
    assert answers(spread.folder, 4) == answers(plain.folder, 1)
    assert len(from_ledgers.check_whole(spread.folder)[0]) == 4
    again = sum(server.counts()["asked"].values()) - 2 * 120
    assert 0 <= again <= 4


def ray_workers():
    """Returns the processes of Ray's busy actors of ours."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as stream:
                    title = stream.read()
            except OSError:
                continue
            if title.startswith(b"ray::Worker.run"):
                found.append(int(name))
    return found


def test_bad_input_fails_before_ray_starts(options, tmp_path):
    task = options(tmp_path / "gone.jsonl")
    with pytest.raises(FileNotFoundError, match=r"gone\.jsonl does not exist"):
        ray_runner.generate(Choice(), task, ray_runner.Cluster())
    with pytest.raises(ValueError, match="is no preset"):
        ray_runner.generate(
            Choice("unknown"),
            dataclasses.replace(task, reviews=_one(tmp_path)),
            ray_runner.Cluster(),
        )


def _one(folder):
    path = folder / "one.jsonl"
    path.write_text('{"review_id": "a", "domain": "laptop", "rating": 3, "text": "b"}\n')
    return path


@pytest.mark.filterwarnings("ignore")
def test_a_stop_reaches_the_workers(serve, write_reviews, options, choice, monkeypatch):
    import ray

    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    server = serve(latency=0.2)
    task = options(write_reviews(100))
    cluster = ray_runner.Cluster(workers=1, shards=2, cpus=1)
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)

    def interrupt():
        while lines(task.folder) < 4:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=interrupt)
    try:
        thread.start()
        progress = ray_runner.generate(choice(server, concurrency=2), task, cluster)
    finally:
        thread.join()
        ray.shutdown()
    assert progress.stopped == "by SIGTERM"
    counts = server.counts()
    assert sum(counts["asked"].values()) == sum(counts["answered"].values()) == lines(task.folder)
    assert 4 <= progress.written == lines(task.folder) < 200
    assert not RunFolder(task.folder).stop_reason()

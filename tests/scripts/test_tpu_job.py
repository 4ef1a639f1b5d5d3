"""The Cloud TPU job, against a scripted gcloud that plays preemption and bad answers."""

import dataclasses
import fcntl
import os
import pathlib
import random
import shlex
import signal
import subprocess
import threading
import time
from typing import Any

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "scripts" / "tpu_job.sh"
JOB = ["--name", "job", "--zone", "z", "--type", "v4-32", "--data", "gs://b/data"]
COMMAND = ["--", "train", "--gin_file=distill_anl_rw.gin", "--gin.MODEL_DIR=gs://b/run"]
DELETE_IT = "gcloud compute tpus queued-resources delete job --zone z --force"
GO_ON = "the same command goes on from the last checkpoint"
# States of a slice that can still do work, or will: deleting one is a loss.
GOOD = {"ACCEPTED", "WAITING_FOR_RESOURCES", "PROVISIONING", "ACTIVE"}


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a job ended, and the service it ran on."""

    code: int
    stdout: str
    stderr: str
    service: Any

    def check(self):
        """No slice was deleted that was good, and none is left without a word."""
        for state, finished in self.service.deleted:
            assert finished or state not in GOOD, f"a slice that was {state} has been deleted"
        if self.service.state is not None:
            assert DELETE_IT in self.stderr, f"a slice is left {self.service.state}"
        told_why = any(word in self.stderr for word in ("error: ", "stopped by", "was stopped"))
        assert self.code == 0 or told_why
        if self.code == 0:
            assert self.service.finished
            assert self.service.state is None
        else:
            assert GO_ON in self.stderr


@pytest.fixture
def tpu_job(play):
    def start(*arguments, **settings):
        return Ended(*play(["bash", str(SCRIPT), *(arguments or [*JOB, *COMMAND])], **settings))

    return start


def test_what_is_not_in_the_commit_is_told(play, tmp_path):
    repository = tmp_path / "repository"
    (repository / "scripts").mkdir(parents=True)
    script = repository / "scripts" / SCRIPT.name
    script.write_bytes(SCRIPT.read_bytes())
    (repository / "model.py").write_text("1\n")
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *command], check=True)
    assert "warning" not in Ended(*play(["bash", str(script), *JOB, *COMMAND])).stderr
    (repository / "model.py").write_text("2\n")
    (repository / "mine.gin").write_text("")
    done = Ended(*play(["bash", str(script), *JOB, *COMMAND]))
    assert done.code == 0
    assert done.stderr.splitlines()[:3] == [
        "warning: what runs is the commit, without these changes:",
        " M model.py",
        "?? mine.gin",
    ]


def test_runs_on_all_hosts_and_removes_the_slice(tpu_job):
    done = tpu_job()
    assert done.code == 0, done.stderr
    asked = [" ".join(call) for call in done.service.calls]
    assert any("create job --node-id job --accelerator-type v4-32" in call for call in asked)
    _, install, run = (call for call in asked if "tpu-vm" in call and "--worker all" in call)
    assert "gcloud storage rsync --recursive gs://b/data" in install
    assert ".venv/bin/t5x train --gin_file=distill_anl_rw.gin --gin.MODEL_DIR=gs://b/run" in run
    assert done.service.deleted == [("ACTIVE", True)]
    assert done.service.state is None
    assert "may still be there" not in done.stderr


def test_a_slice_that_is_kept_is_told_of(tpu_job):
    done = tpu_job(*JOB, "--keep", *COMMAND)
    assert done.code == 0
    assert done.service.state == "ACTIVE"
    assert DELETE_IT in done.stderr
    assert GO_ON not in done.stderr


@pytest.mark.parametrize(
    "how", ["preempted", "preempted later", "told of preemption", "gone"]
)  # fmt: skip
def test_preempted_slices_are_asked_for_again(tpu_job, how):
    done = tpu_job(runs=[how, how, "finished"])
    assert done.code == 0, done.stderr
    assert done.service.created == 3
    assert len(done.service.ran) == 3
    done.check()


@pytest.mark.parametrize(
    ("state", "created"),
    [
        ("ACCEPTED", 0),
        ("WAITING_FOR_RESOURCES", 0),
        ("PROVISIONING", 0),
        ("ACTIVE", 0),
        ("SUSPENDING", 1),
        ("SUSPENDED", 1),
        ("FAILED", 1),
        ("DELETING", 1),
    ],
)
def test_takes_up_what_an_earlier_start_has_left(tpu_job, state, created):
    done = tpu_job(state=state)
    assert done.code == 0, done.stderr
    assert done.service.created == created
    done.check()


@pytest.mark.parametrize("state", ["ACCEPTED", "WAITING_FOR_RESOURCES", "PROVISIONING", "ACTIVE"])
def test_preemption_in_any_state_takes_a_new_slice(tpu_job, state):
    done = tpu_job(state=state, lose=state)
    assert done.code == 0, done.stderr
    assert done.service.created == 1
    done.check()


def test_slices_asked_for_are_bounded(tpu_job):
    done = tpu_job(*JOB, "--attempts", "2", *COMMAND, runs=["preempted"])
    assert done.code == 1
    assert "error: 2 slices were not enough" in done.stderr
    assert done.service.created == 2
    done.check()


@pytest.mark.parametrize("silent", [[1], [3], [4, 5], [6, 7, 8]])
def test_a_failing_answer_is_not_the_end_of_a_slice(tpu_job, silent):
    done = tpu_job(state="ACTIVE", silent=silent, runs=["connection", "connection", "finished"])
    assert done.code == 0, done.stderr
    assert done.service.created == 0
    assert done.service.deleted == [("ACTIVE", True)]


def test_a_service_that_does_not_answer_is_given_up_in_one_line(tpu_job):
    done = tpu_job(state="ACTIVE", flaky=1)
    assert done.code == 1
    assert "error: gcloud does not say how job is" in done.stderr
    assert 5 < len(done.service.calls) < 20
    assert done.service.state == "ACTIVE"
    done.check()


def test_what_the_service_refuses_is_not_asked_for_again(tpu_job):
    done = tpu_job(state="ACTIVE", refused="ERROR: (gcloud.x) PERMISSION_DENIED: not yours")
    assert done.code == 1
    assert (
        "error: gcloud does not say how job is: ERROR: (gcloud.x) PERMISSION_DENIED" in done.stderr
    )
    assert len(done.service.calls) == 1
    done.check()


def test_a_stop_in_good_order_is_not_the_end(tpu_job):
    done = tpu_job(runs=["stopped"])
    assert done.code == 3
    assert "stopped in good order and has not finished" in done.stderr
    assert done.service.state == "ACTIVE"
    assert not done.service.deleted
    done.check()
    told = shlex.split(done.stderr.splitlines()[-1])
    assert told == [str(SCRIPT), *JOB, *COMMAND]


def test_a_command_that_fails_by_itself_is_not_repeated(tpu_job):
    done = tpu_job(runs=["preempted", "failed"])
    assert done.code == 1
    assert "failed on a slice that is still there" in done.stderr
    assert len(done.service.ran) == 2
    done.check()


def test_bad_usage_on_the_slice_ends_at_once(tpu_job):
    done = tpu_job(runs=["usage"])
    assert done.code == 2
    assert DELETE_IT in done.stderr
    assert GO_ON not in done.stderr
    assert not done.service.deleted


@pytest.mark.parametrize(("codes", "code"), [([255, 0], 0), ([3, 0], 0), ([1, 1, 1], 1)])
def test_installing_is_tried_again(tpu_job, codes, code):
    done = tpu_job(install=codes)
    assert done.code == code, done.stderr
    assert done.service.installed == len(codes)
    done.check()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("hang_at", [1, 2, 4, 5, 6])
def test_a_signal_is_answered_at_once_and_says_what_costs_money(tpu_job, stop, hang_at):
    start = time.monotonic()
    done = tpu_job(hang_at=hang_at, stop=stop, state="ACTIVE" if hang_at == 1 else None)
    assert time.monotonic() - start < 20
    assert done.code == 3, done.stderr
    assert "stopped by a signal" in done.stderr
    done.check()


def test_ctrl_c_ends_what_it_waits_for(tpu_job):
    done = tpu_job(state="ACTIVE", hang_at=4)
    assert done.service.calls[-1][3] == "ssh"
    assert done.service.broken_off.wait(20)


def test_a_new_start_stops_what_a_lost_connection_left_running(tpu_job, tmp_path):
    """What is sent to the hosts runs here, with programs that note what they do."""
    host = tmp_path / "host"
    programs = {
        "bin/uv": "true",
        "bin/tar": "true",
        "fsa_jax/.venv/bin/t5x": """trap 'echo stopped >> "$HOME/log"; exit 3' TERM
            echo "start $1" >> "$HOME/log"
            [ "$1" != wait ] || while :; do sleep 0.05; done""",
    }
    for name, does in programs.items():
        (host / name).parent.mkdir(parents=True, exist_ok=True)
        (host / name).write_text(f"#!/usr/bin/env bash\n{does}\n")
        (host / name).chmod(0o755)
    log = host / "log"
    left = subprocess.Popen(
        [host / "fsa_jax/.venv/bin/t5x", "wait"], env=os.environ | {"HOME": str(host)}
    )
    try:
        (host / "fsa_jax" / "t5x.pid").write_text(f"{left.pid}\n")
        while not log.exists():
            time.sleep(0.01)
        threading.Thread(target=left.wait, daemon=True).start()  # as a host's init does
        command = [*JOB[:6], "--", "train", "--gin.MODEL_DIR=gs://b/run"]
        done = tpu_job(*command, state="ACTIVE", host=host)
        assert done.code == 0, done.stderr
        assert log.read_text().splitlines() == ["start wait", "stopped", "start train"]
    finally:
        left.kill()


HOW_RUNS_END = [
    "finished", "stopped", "failed", "connection", "preempted", "preempted later",
    "told of preemption", "gone",
]  # fmt: skip


@pytest.mark.parametrize(
    "seeds",
    [range(51), pytest.param(range(51, 252), marks=pytest.mark.slow)],
    ids=["51", "201 more"],
)
def test_random_schedules_leave_and_delete_no_slice_wrongly(tpu_job, seeds):
    codes = []
    for seed in seeds:
        draw = random.Random(seed)
        settings = {
            "seed": seed,
            "flaky": draw.choice([0, 0.1, 0.3, 0.5]),
            "lost": draw.choice([0, 0.05, 0.1]),
            "state": draw.choice([None, None, "ACTIVE", "SUSPENDED", "PROVISIONING"]),
            "install": draw.choices([0, 255, 3], [8, 1, 1], k=5),
            "runs": [*draw.choices(HOW_RUNS_END, [3, 1, 1, 2, 2, 2, 2, 1], k=3), "finished"],
        }
        if seed % 3 == 0:
            settings["hang_at"] = draw.randrange(1, 15)
        done = tpu_job(**settings)
        try:
            done.check()
        except AssertionError as wrong:
            raise AssertionError(f"{settings}: {wrong}\n{done.stdout}{done.stderr}") from wrong
        codes.append(done.code)
    # The schedules are worth something: all ends were seen, and often.
    assert min(codes.count(0), codes.count(3)) >= 10
    assert codes.count(1) >= 3


def test_a_dry_run_prints_each_command_and_asks_nothing(play, tpu_job):
    done = tpu_job(*JOB, "--spot", "--dry_run", *COMMAND)
    assert (done.code, "slice" in done.stderr) == (0, False)  # it may warn of what is not committed
    assert not done.service.calls
    pasted = Ended(*play(["bash", "-c", done.stdout], state=None)).service.calls
    real = tpu_job(*JOB, "--spot", *COMMAND).service.calls
    assert [words[3] for words in pasted] == ["create", "describe", "scp", "ssh", "ssh", "delete"]
    for words in pasted:
        assert words in real or words[3] == "scp"  # of a file with a name of its own each time
    assert "delete" not in tpu_job(*JOB, "--keep", "--dry_run", *COMMAND).stdout


def test_two_jobs_never_look_after_one_slice(play, tpu_job, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    stopped = tpu_job(hang_at=4)
    assert stopped.code == 3
    (lease,) = (tmp_path / "state" / "fsa_jax" / "tpu").iterdir()
    assert lease.name == "z-job.lease"
    with lease.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the end gave it back
        refused = tpu_job()
        assert refused.code == 2
        assert "error: another script looks after job in z: process " in refused.stderr
        assert not refused.service.calls
        other = tpu_job("--name", "other", *JOB[2:], *COMMAND)
        assert other.code == 0, other.stderr
    assert tpu_job().code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*JOB, "--", "train", "--gin.MODEL_DIR=runs/x"], "give --gin.MODEL_DIR=gs://"),
        ([*JOB[2:], *COMMAND], "--name is missing"),
        ([*JOB, "--size", "3", *COMMAND], "unknown argument --size"),
        ([*JOB, "--attempts", "many", *COMMAND], "--attempts is 'many'"),
    ],
)
def test_bad_arguments_end_in_one_line(tpu_job, arguments, message):
    done = tpu_job(*arguments)
    assert done.code == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not done.service.calls

"""The Cloud TPU job, against a `gcloud` that notes what it is asked and plays preemption."""

import os
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "scripts" / "tpu_job.sh"
JOB = ["--name", "job", "--zone", "z", "--type", "v4-32", "--data", "gs://b/data"]
COMMAND = ["--", "train", "--gin_file=distill_anl_rw.gin", "--gin.MODEL_DIR=gs://b/run"]

# The slice is there from `create` to `delete`; the run's ssh fails as often as PREEMPTIONS says,
# and takes the slice with it.
GCLOUD = """#!/usr/bin/env bash
echo "$*" >> "$NOTES/calls"
case "$*" in
  *"queued-resources create"*) echo ACTIVE > "$NOTES/state" ;;
  *"queued-resources delete"*) rm -f "$NOTES/state" ;;
  *"queued-resources describe"*) cat "$NOTES/state" 2> /dev/null ;;
  *"tpu-vm ssh"*"bin/t5x"*)
    echo x >> "$NOTES/runs"
    if [ "$(wc -l < "$NOTES/runs")" -le "$PREEMPTIONS" ]; then
      echo "${AFTER:-SUSPENDED}" > "$NOTES/state"
      exit 255
    fi ;;
esac
"""


@pytest.fixture
def tpu_job(tmp_path):
    (tmp_path / "bin").mkdir()
    gcloud = tmp_path / "bin" / "gcloud"
    gcloud.write_text(GCLOUD)
    gcloud.chmod(0o755)

    def start(*arguments, **settings):
        env = os.environ | {
            "PATH": f"{gcloud.parent}:{os.environ['PATH']}",
            "NOTES": str(tmp_path),
            "PREEMPTIONS": "0",
            "TPU_JOB_POLL": "0",
        }
        done = subprocess.run(
            ["bash", str(SCRIPT), *arguments],
            env=env | settings,
            capture_output=True,
            text=True,
            timeout=60,
        )
        calls = tmp_path / "calls"
        return done, calls.read_text() if calls.exists() else ""

    return start


def test_runs_on_all_hosts_and_removes_the_slice(tpu_job):
    done, calls = tpu_job(*JOB, *COMMAND)
    assert done.returncode == 0, done.stderr
    assert "queued-resources create job --node-id job --accelerator-type v4-32" in calls
    assert "--worker all" in calls
    assert "gcloud storage rsync --recursive gs://b/data" in calls
    assert ".venv/bin/t5x train --gin_file=distill_anl_rw.gin --gin.MODEL_DIR=gs://b/run" in calls
    assert "queued-resources delete job" in calls.splitlines()[-1]


def test_preempted_slices_are_asked_for_again(tpu_job):
    done, calls = tpu_job(*JOB, *COMMAND, PREEMPTIONS="2")
    assert done.returncode == 0, done.stderr
    assert calls.count("queued-resources create") == 3
    assert calls.count(".venv/bin/t5x train") == 3


def test_a_command_that_fails_by_itself_is_not_repeated(tpu_job):
    done, calls = tpu_job(*JOB, *COMMAND, PREEMPTIONS="1", AFTER="ACTIVE")
    assert done.returncode == 1
    assert "failed on a slice that is still there" in done.stderr
    assert calls.count(".venv/bin/t5x train") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*JOB, "--", "train", "--gin.MODEL_DIR=runs/x"], "give --gin.MODEL_DIR=gs://"),
        ([*JOB[2:], *COMMAND], "--name is missing"),
        ([*JOB, "--size", "3", *COMMAND], "unknown argument --size"),
    ],
)
def test_bad_arguments_end_in_one_line(tpu_job, arguments, message):
    done, calls = tpu_job(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not calls

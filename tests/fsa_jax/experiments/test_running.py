"""Runs: what is missing is run, failures hold up only what needs them, a killed run goes on."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from fsa_jax.experiments import running
from fsa_jax.experiments.running import Runner, Slot, read_slots, standing
from fsa_jax.experiments.stages import Command, Stage


def script(tmp_path, name, code, needs=(), commands=1):
    words = ("python", "-c", code)
    return Stage(
        "pretrain",
        name,
        tmp_path,
        {"name": name},
        tuple(Command((sys.executable, *words[1:])) for _ in range(commands)),
        tuple(needs),
    )


def run(stages, slots=None):
    finished, lines = [], []
    runner = Runner(
        stages, slots or [Slot("one")], lambda stage: finished.append(stage.name), lines.append
    )
    return runner, runner.run(), finished, lines


def test_each_stage_runs_once_and_needs_come_first(tmp_path):
    mark = tmp_path / "mark"
    first = script(tmp_path, "first", f"open({str(mark)!r}, 'a').write('1')", commands=2)
    second = script(tmp_path, "second", f"assert open({str(mark)!r}).read() == '11'", [first])
    stages = [first, second]
    for _ in range(2):
        runner, code, finished, _ = run(stages, [Slot("a"), Slot("b")])
        assert (code, finished, runner.failed) == (0, ["first", "second"], {})
    assert mark.read_text() == "11"
    assert standing(first).done == 2
    content = json.loads((first.folder / "stage.json").read_text())
    assert content["config_key"] == first.config_key


def test_failure_holds_up_only_what_needs_it(tmp_path):
    mark = tmp_path / "mended"
    bad = script(tmp_path, "bad", f"import os; os.path.exists({str(mark)!r}) or exit('error: no')")
    after = script(tmp_path, "after", "", [bad])
    good = script(tmp_path, "good", "")
    runner, code, finished, lines = run([bad, after, good])
    assert (code, finished) == (1, ["good"])
    assert runner.failed[bad.key] == "no (exit code 1)"
    assert runner.failed[after.key] == "it needs bad, which failed"
    assert any("failed: pretrain bad: no" in line for line in lines)
    mark.touch()
    assert run([bad, after, good])[1] == 0


def test_missing_data_are_a_failure_that_names_the_command(tmp_path, make_plan):
    plan = make_plan("{tasks: [tsa_rest14], systems: [{name: a, weights: w, size: tiny}]}")
    runner, code, _, _ = run(plan.stages)
    assert code == 1
    assert "hf download w" in next(iter(runner.failed.values()))


def test_exit_code_3_is_stopped_in_good_order(tmp_path):
    stopped = script(tmp_path, "stopped", "exit(3)")
    after = script(tmp_path, "after", "", [stopped])
    runner, code, finished, _ = run([stopped, after])
    assert (code, finished, runner.failed) == (3, [], {})
    assert standing(stopped).state == "stopped"
    assert runner.stopped == {stopped.key, after.key}


def test_scores_that_cannot_be_read_are_a_failure_and_nothing_is_trained_again(tmp_path):
    mark = tmp_path / "mark"
    stage = script(tmp_path, "a", f"open({str(mark)!r}, 'a').write('1')")

    def refuse(stage):
        raise ValueError("two writers")

    runner = Runner([stage], [Slot("one")], refuse, lambda line: None)
    assert runner.run() == 1
    assert runner.failed[stage.key] == "two writers"
    assert run([stage])[1] == 0
    assert mark.read_text() == "1"


def test_command_that_outlives_its_killed_runner_is_waited_for(tmp_path):
    mark = tmp_path / "mark"
    write = f"open({str(mark)!r}, 'a').write"
    code = f"import time; {write}('b'); time.sleep(1.5); {write}('e')"
    stage = script(tmp_path, "slow", code)
    program = (
        "import pathlib, sys; sys.path.insert(0, sys.argv[1]);"
        "from fsa_jax.experiments.running import Runner, Slot;"
        "from fsa_jax.experiments.stages import Command, Stage;"
        "s = Stage('pretrain', 'slow', pathlib.Path(sys.argv[2]), {'name': 'slow'},"
        "(Command((sys.executable, '-c', sys.argv[3])),));"
        "Runner([s], [Slot('one')], lambda stage: None).run()"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(running.__file__)))
    child = subprocess.Popen([sys.executable, "-c", program, root, str(tmp_path), code])
    while not mark.exists():
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert run([stage])[1] == 0
    assert mark.read_text() == "bebe"  # never two at once


def test_slots_see_their_own_device(tmp_path):
    out = tmp_path / "out"
    code = f"import os; open({str(out)!r}, 'a').write(os.environ['CUDA_VISIBLE_DEVICES'])"
    stages = [script(tmp_path, str(n), f"{code}; {n}") for n in range(4)]
    assert run(stages, read_slots("gpu:3"))[1] == 0
    assert out.read_text() == "3333"
    assert [slot.name for slot in read_slots("tpu:0,1")] == ["tpu 0", "tpu 1"]
    assert len(read_slots("cpu:2")) == 2
    assert read_slots("all") == [Slot("all")]
    for wrong in ("gpu", "gpu:a", "cpu:0", "tpu:0,,1", "two"):
        with pytest.raises(ValueError, match="--devices"):
            read_slots(wrong)


def test_bug_in_one_thread_ends_the_run_and_is_raised(tmp_path):
    stages = [script(tmp_path, str(number), f"{number}") for number in range(6)]

    def broken(stage):
        raise AttributeError("a bug")

    runner = Runner(stages, [Slot("a"), Slot("b")], broken, lambda line: None)
    with pytest.raises(AttributeError, match="a bug"):
        runner.run()


def test_sigterm_lets_commands_end_in_good_order(tmp_path):
    code = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *a: sys.exit(3));"
        f"open({str(tmp_path / 'on')!r}, 'w'); time.sleep(60)"
    )
    stages = [script(tmp_path, "long", code), script(tmp_path, "never", "")]

    def stop():
        while not (tmp_path / "on").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    runner, code, finished, _ = run(stages)
    thread.join()
    assert (code, finished, runner.failed) == (3, [], {})
    assert standing(stages[0]).state == "stopped"
    assert standing(stages[1]).state == "waiting"

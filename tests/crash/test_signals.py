"""A run that is asked to stop closes its journal, says how to go on, and can go on."""

import os
import signal
import time

import pytest

pytestmark = pytest.mark.slow
UNTIL = 10
LONG = (f"--until={UNTIL}", "--pause=0.02")
AT_ONCE_S = 8.0
"""Less than the ten seconds that functions have for leaving after the first signal."""


def as_in_a_shell(code):
    return 128 - code if code < 0 else code


@pytest.mark.parametrize(
    ("executor", "number", "code"),
    [
        ("processes", signal.SIGINT, 130),
        ("processes", signal.SIGTERM, 143),
        ("processes", signal.SIGUSR1, 138),
        ("processes", signal.SIGHUP, 129),
        ("inline", signal.SIGINT, 130),
        ("inline", signal.SIGTERM, 143),
    ],
)
def test_a_signal_ends_the_run_in_order_and_it_can_go_on(stages, golden_of, executor, number, code):
    stage = stages("stage")
    args = (*LONG, f"--executor={executor}")
    with stage.start(*args) as process:
        stage.wait_for(3)
        process.send_signal(number)
        output, _ = process.communicate()
    assert as_in_a_shell(process.returncode) == code, output
    assert output.count(f"pbtune resume {stage.run_dir}") == 1
    assert sorted(it.name for it in stage.run_dir.iterdir() if it.is_file()) == [
        "driver.lock",
        "run.db",
        "tuner.pkl",
    ]
    assert stage.orphans()[0] == []
    played = stage.play(*args)
    assert played.code == 0, played.output
    assert stage.problems(golden_of(UNTIL), 1, reports=4 * UNTIL) == []


def test_the_workers_leave_the_decision_to_the_driver_when_ctrl_c_reaches_the_group(
    stages, golden_of
):
    stage = stages("stage")
    with stage.start(*LONG) as process:
        stage.wait_for(3)
        for pid in stage.processes():
            if pid != process.pid:
                os.kill(pid, signal.SIGINT)
        output, _ = process.communicate()
    assert process.returncode == 0, output
    assert stage.problems(golden_of(UNTIL), 0, reports=4 * UNTIL) == []


def test_a_second_ctrl_c_leaves_at_once(stages, golden):
    stage = stages("stage")
    with stage.start("--hang=3") as process:
        stage.wait_for(2)
        deadline_s = time.monotonic() + AT_ONCE_S
        # Two that come too close together may be one to the system.
        while process.poll() is None and time.monotonic() < deadline_s:
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        is_alive = process.poll() is None
        process.kill()
        output, _ = process.communicate()
    assert not is_alive
    assert as_in_a_shell(process.returncode) == 130, output
    assert stage.orphans()[0] == []
    played = stage.play()
    assert played.code == 0, played.output
    assert stage.problems(golden, 1) == []

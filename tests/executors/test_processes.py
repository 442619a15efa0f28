import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest

from pbtune import tune
from pbtune.core.lease import Lease, Rule
from pbtune.core.plan import Continue, Running
from pbtune.executors.processes import preload
from pbtune.worker.protocol import Asked, Finished, Streamed

AT_ONE = Rule("training_iteration", 1)
DEADLINE_S = 20.0


def test_without_reuse_every_start_gets_a_fresh_process(processes, drive, start):
    def train(config):
        tune.report({"pid": os.getpid()})
        tune.report({"pid": os.getpid()})

    harness = drive(processes(train, reuse=False), start(2))
    harness.executor.do(start(1, AT_ONE))
    harness.until(Finished)
    harness.executor.do(start(3))
    harness.until(Finished)
    pids = [it["pid"] for it in harness.metrics()]
    assert pids[1] == pids[2]
    assert pids[3] == pids[4]
    assert len({pids[0], pids[1], pids[3]}) == 3


@pytest.mark.slow
def test_streamed_reports_beyond_the_pipe_s_room_all_arrive_in_order(processes, drive, start):
    text = "x" * 10_000

    def train(config):
        for at in range(400):
            tune.report({"at": at, "text": text})

    harness = drive(processes(train))
    harness.executor.do(start())
    harness.until(Finished)
    assert [it["at"] for it in harness.metrics()] == list(range(400))


def test_a_blocking_report_of_megabytes_arrives_whole(processes, drive, start, go_on):
    harness = drive(processes(lambda config: tune.report({"text": "x" * (3 << 20)})), go_on())
    harness.executor.do(start(1, AT_ONE))
    harness.until(Finished)
    assert len(harness.metrics()[0]["text"]) == 3 << 20


def test_several_slots_run_at_once_in_processes_of_their_own(processes, drive, start, tmp_path):
    here, there = tmp_path / "a", tmp_path / "b"
    os.mkfifo(here)
    os.mkfifo(there)

    def train(config):
        # Each waits for the other, so one after the other they'd never end.
        if config["first"]:
            here.write_text("x")
            there.read_text()
        else:
            here.read_text()
            there.write_text("x")
        tune.report({"pid": os.getpid()})

    harness = drive(processes(train, slots=2))
    harness.executor.do(start(1, config={"first": True}))
    harness.executor.do(start(1, trial="t1", slot=1, config={"first": False}))
    harness.until(Finished)
    while harness.kinds().count("Finished") < 2:
        harness.turn(harness.executor.wait(1.0))
    assert len({it["pid"] for it in harness.metrics()}) == 2


def test_a_start_in_a_busy_slot_interrupts_at_the_next_streamed_report(
    processes, drive, start, tmp_path
):
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    def train(config):
        if config["second"]:
            return
        tune.report({"x": 1})
        gate.read_text()
        tune.report({"x": 2})
        tune.report({"x": 3})

    harness = drive(processes(train))
    harness.executor.do(start(1, config={"second": False}))
    harness.until(Streamed)
    harness.executor.do(start(2, config={"second": True}))
    gate.write_text("go")
    finished = harness.until(Finished)
    assert finished.attempt == 2
    assert [it["x"] for it in harness.metrics()] == [1, 2]


@pytest.mark.slow
def test_a_function_that_never_reports_again_is_killed_behind_the_grace_period(
    processes, drive, start, ends
):
    def train(config):
        if config["stuck"]:
            tune.report({"pid": os.getpid()})
            signal.pause()

    harness = drive(processes(train, unwind_grace_s=0.0))
    harness.executor.do(start(1, config={"stuck": True}))
    harness.until(Streamed)
    harness.executor.do(start(2, config={"stuck": False}))
    finished = harness.until(Finished)
    assert finished.attempt == 2
    assert ends(harness.metrics()[0]["pid"])


def test_a_function_that_swallows_its_interrupts_is_replaced(processes, drive, start, ends):
    def train(config):
        if config["second"]:
            tune.report({"pid": os.getpid()})
            return
        while True:
            with contextlib.suppress(SystemExit):
                tune.report({"pid": os.getpid()})

    harness = drive(processes(train), start(2, config={"second": True}))
    harness.executor.do(start(1, AT_ONE, config={"second": False}))
    assert harness.until(Finished).attempt == 2
    first, second = (it["pid"] for it in harness.metrics())
    assert first != second
    assert ends(first)


def test_a_stopped_function_that_swallows_its_interrupts_loses_its_process(
    processes, drive, start, ends, stop
):
    def train(config):
        while True:
            with contextlib.suppress(SystemExit):
                tune.report({"pid": os.getpid()})

    harness = drive(processes(train), stop)
    harness.executor.do(start(1, AT_ONE))
    harness.until(Asked)
    harness.turn(harness.executor.close(DEADLINE_S))
    assert harness.kinds() == ["Asked"]
    assert ends(harness.metrics()[0]["pid"])


def test_a_process_whose_threads_outlive_the_function_runs_no_other_attempt(
    processes, drive, start, ends
):
    def train(config):
        tune.report({"pid": os.getpid()})
        threading.Thread(target=threading.Event().wait, daemon=True).start()

    harness = drive(processes(train))
    for attempt in (1, 2):
        harness.executor.do(start(attempt))
        harness.until(Finished)
    first, second = (it["pid"] for it in harness.metrics())
    assert first != second
    assert ends(first)


@pytest.mark.parametrize("leave", [False, True], ids=["in the group", "in a session of its own"])
def test_children_that_outlive_the_function_end_with_its_process(
    processes, drive, start, ends, leave
):
    def train(config):
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=leave,
        )
        child.stdout.readline()
        tune.report({"child": child.pid})

    harness = drive(processes(train))
    for attempt in (1, 2):
        harness.executor.do(start(attempt))
        harness.until(Finished)
    harness.executor.close(0.0)
    assert all(ends(it["child"]) for it in harness.metrics())


@pytest.mark.slow
def test_a_template_with_threads_starts_workers_without_a_fork(
    processes, drive, start, tmp_path, monkeypatch
):
    (tmp_path / "threaded_module.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def train(config):
        tune.report({"threads": threading.active_count()})

    executor = processes(train, modules=("threaded_module",))
    harness = drive(executor)
    harness.executor.do(start())
    harness.until(Finished)
    assert harness.metrics() == [{"threads": 1}]


def test_a_module_that_cannot_be_imported_beforehand_costs_nothing(processes, drive, start):
    harness = drive(processes(lambda config: None, modules=("no_such_module_anywhere",)))
    harness.executor.do(start())
    harness.until(Finished)
    assert harness.kinds() == ["Finished"]


def test_an_order_to_a_slot_without_a_process_is_no_error(processes, drive, stop):
    executor = processes(lambda config: None)
    harness = drive(executor)
    executor.do(Continue(0, "t0", 1, Lease()))
    executor.do(stop)
    assert harness.executor.running() == [Running(0)]


def test_the_modules_that_a_function_names_are_found():
    import json
    import os.path
    from functools import partial

    import numpy as np

    def inner():
        return json.dumps(np.random.rand())  # noqa: NPY002

    def train(config):
        return os.path.join(inner(), config)  # noqa: PTH118

    found = preload.needed_modules(partial(train))
    assert {"json", "numpy", "numpy.random", "os"} <= set(found)
    assert "__main__" not in found

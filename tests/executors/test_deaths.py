"""Processes that die, and what is learned of them."""

import ctypes
import os
import re
import signal

import pytest

from pbtune import tune
from pbtune.core.exact import decode_metrics
from pbtune.core.plan import Running
from pbtune.executors.processes.executor import death
from pbtune.worker.protocol import Died, Errored, Finished


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [
        (3, r"os\._exit\(3\)"),
        (-signal.SIGKILL, "killed by SIGKILL; the system does this when memory runs out"),
        (-signal.SIGSEGV, "killed by SIGSEGV; a C extension crashed"),
        (-signal.SIGABRT, "SIGABRT; the trial's output.log may say why"),
        (-signal.SIGUSR1, "killed by SIGUSR1$"),
        (-126, "killed by signal 126"),
        (0xC0000005, "killed by an access violation; a C extension crashed"),
        (0xC0000017, "killed by a lack of memory$"),
    ],
)
def test_an_exit_code_is_told_in_words(exit_code, said):
    assert re.search(said, death(exit_code))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda: os._exit(4), r"os\._exit\(4\)"),
        (os.abort, "SIGABRT"),
        (lambda: ctypes.string_at(0), "SIGSEGV"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
    ],
    ids=["exit", "abort", "segfault", "kill"],
)
def test_a_death_is_told_behind_all_that_was_streamed_before_it(processes, drive, start, how, said):
    def train(config):
        for at in range(50):
            tune.report({"at": at})
        how()

    harness = drive(processes(train))
    harness.executor.do(start())
    died = harness.until(Died)
    assert harness.kinds() == ["Streamed"] * 50 + ["Died"]
    assert (died.trial, died.attempt) == ("t0", 1)
    assert re.search(said, died.message)
    assert list(harness.executor.running()) == [Running(0)]


def test_after_a_death_its_slot_gets_a_fresh_process(processes, drive, start):
    def train(config):
        tune.report({"pid": os.getpid()})
        if config["die"]:
            os._exit(1)

    harness = drive(processes(train))
    harness.executor.do(start(1, config={"die": True}))
    harness.until(Died)
    harness.executor.do(start(2, config={"die": False}))
    harness.until(Finished)
    first, second = (it["pid"] for it in harness.metrics())
    assert first != second


def test_closing_ends_every_process_and_brings_what_was_still_on_its_way(
    processes, drive, start, ends, tmp_path
):
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    def train(config):
        tune.report({"pid": os.getpid()})
        gate.write_text("reported")
        signal.pause()

    executor = processes(train)
    drive(executor)
    executor.do(start())
    gate.read_text()
    (late,) = executor.close(0.0)
    assert ends(decode_metrics(late.metrics)["pid"])


def test_a_killed_template_ends_its_attempts_and_is_replaced(processes, drive, start, ends):
    def train(config):
        tune.report({"pid": os.getpid()})
        if config["kill"]:
            os.kill(os.getppid(), signal.SIGKILL)
            signal.pause()

    harness = drive(processes(train))
    harness.executor.do(start(1, config={"kill": True}))
    died = harness.until(Died)
    assert died.message == "the process that starts workers was killed"
    harness.executor.do(start(2, config={"kill": False}))
    harness.until(Finished)
    first, second = (it["pid"] for it in harness.metrics())
    assert first != second
    assert ends(first)


def test_a_start_finds_a_template_that_died_unnoticed_and_replaces_it(processes, drive, start):
    executor = processes(lambda config: tune.report({"x": 1}))
    harness = drive(executor)
    os.kill(executor._launcher._process.pid, signal.SIGKILL)
    executor._launcher._process.wait()
    executor.do(start())
    harness.until(Finished)
    assert harness.metrics() == [{"x": 1}]


def test_a_process_that_dies_before_it_begins_is_given_one_more_try(
    processes, drive, start, tmp_path
):
    mark = tmp_path / "mark"

    class Bomb:
        def __reduce__(self):
            code = (
                f"import os; first = not os.path.exists({str(mark)!r});"
                f" open({str(mark)!r}, 'w').close(); first and os._exit(7)"
            )
            return exec, (code,)

    bomb = Bomb()

    def train(config):
        tune.report({"bomb": bomb is None})

    harness = drive(processes(train))
    harness.executor.do(start())
    harness.until(Finished)
    assert harness.metrics() == [{"bomb": True}]


def test_a_process_that_always_dies_before_it_begins_is_a_death(processes, drive, start):
    class Bomb:
        def __reduce__(self):
            return os._exit, (7,)

    bomb = Bomb()
    harness = drive(processes(lambda config: bomb))
    harness.executor.do(start())
    assert "os._exit(7)" in harness.until(Died).message


def test_a_function_that_cannot_be_unpickled_is_an_error_of_its_attempt(processes, drive, start):
    class Stubborn:
        def __reduce__(self):
            return int, ("no number",)

    stubborn = Stubborn()
    harness = drive(processes(lambda config: stubborn))
    harness.executor.do(start())
    error = harness.until(Errored)
    assert error.error == "ValueError"
    assert "no number" in error.traceback
